"""Commands of billing: the jobs by hand, with a dry run, and the clock of a sandbox organization."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from ballast.errors import BallastError

if TYPE_CHECKING:
    from ballast.billing.financing.rehearsal import Item as PlanItem
    from ballast.billing.reconciliation.reading import Run
    from ballast.billing.subscriptions.rehearsal import Item
    from ballast.models import Organization

jobs = AppGroup("jobs", help="Run a job now, as its schedule would.")
clock_group = AppGroup("clock", help="The clock of a sandbox organization: look at it, move it on.")
SLUG = click.option("--organization", "slug", help="Of this organization alone.")
DRY = click.option("--dry-run", is_flag=True, help="Print what would happen, and do nothing.")


@jobs.command("charge-subscriptions")
@SLUG
@DRY
def charge_subscriptions(slug: str | None, dry_run: bool) -> None:
    """Renew what ends, charge what is due."""
    from ballast.billing.subscriptions import charging, rehearsal

    with _time_of(slug) as owner:
        planned = _show(rehearsal.rehearse(owner))
        if not dry_run:
            _with_progress(planned, lambda: charging.charge_due(owner))


@jobs.command("charge-financing")
@SLUG
@DRY
def charge_financing(slug: str | None, dry_run: bool) -> None:
    """Charge installments that are due, and look at plans whose day has come: late fees, default, charge-off."""
    from ballast.billing.financing import charging, lateness, rehearsal

    with _time_of(slug) as owner:
        planned = _show(rehearsal.rehearse(owner))
        if not dry_run:
            _with_progress(planned, lambda: charging.charge_due(owner) + lateness.look_due(owner))


@jobs.command("send-upcoming-charge-reminders")
@SLUG
@DRY
def send_upcoming_charge_reminders(slug: str | None, dry_run: bool) -> None:
    """Tell customers of charges, ends of trials and cards that expire; of installments too."""
    from ballast.billing.financing import reminding as plan_reminding
    from ballast.billing.subscriptions import reminding

    with _time_of(slug) as owner:
        planned = [*reminding.due_now(owner), *plan_reminding.due_now(owner)]
        for subscription_id, email, at in planned:
            click.echo(f"remind\t{subscription_id}\t{email or '-'}\t{at:%Y-%m-%d %H:%M} UTC")
        if not dry_run:
            _with_progress(len(planned), lambda: reminding.remind_due(owner) + plan_reminding.remind_due(owner))
            reminding.warn_of_expiry(owner)
            plan_reminding.warn_of_expiry(owner)


def _show(items: Iterable[Item | PlanItem]) -> int:
    """Print what would happen, and what it comes to; answers how many things that are."""
    planned = list(items)
    for item in planned:
        click.echo(_line(item))
    click.echo(_sum_up(planned))
    return len(planned)


def _with_progress(planned: int, act: Callable[[], int]) -> None:
    """The bar counts what falls due on the way too, so it may end before its length or go over it."""
    with click.progressbar(length=max(planned, 1), label="working", show_eta=False) as bar:
        done = act()
        bar.update(min(done, max(planned, 1)))
    click.echo(f"{done} done")


def _line(item: Item | PlanItem) -> str:
    from ballast.money import format_money

    amount = format_money(item.amount, item.currency) if item.amount else "-"
    when = f"{item.at:%Y-%m-%d %H:%M} UTC" if item.at else ""
    return "\t".join((item.what, item.subject, item.customer, amount, item.card or "-", when)).rstrip()


def _sum_up(items: Sequence[Item | PlanItem]) -> str:
    from ballast.money import format_money

    sums: dict[str, int] = {}
    for item in items:
        if item.amount and item.is_charge:
            sums[item.currency] = sums.get(item.currency, 0) + item.amount
    total = ", ".join(format_money(amount, currency) for currency, amount in sorted(sums.items())) or "nothing"
    return f"{len(items)} due, {total} to charge"


@contextmanager
def _time_of(slug: str | None) -> Iterator[str | None]:
    """As the worker: the organization's id, its clock held where it stands; None for all that live by real time."""
    from ballast import clock
    from ballast.clock import now

    with _as_worker():
        if slug is None:
            yield None
            return
        with _working_for(slug) as found, clock.at(found.clock_at or now()):
            yield found.id


@contextmanager
def _as_worker() -> Iterator[None]:
    """The database role that sees every organization's rows, as jobs do."""
    from ballast.db import db

    with current_app.extensions["ballast"].as_worker().app_context():
        try:
            yield
        finally:
            db.session.remove()
            db.engine.dispose()


@contextmanager
def _working_for(slug: str) -> Iterator[Organization]:
    from ballast.db import organization
    from ballast.identity import users

    found = users.organization_by_slug(slug)
    if found is None:
        raise click.ClickException(f"There is no organization {slug}.")
    with organization(found.id):
        yield found


# --- The clock ---------------------------------------------------------------------------------------------------------------


@clock_group.command("show")
@click.argument("slug")
def show(slug: str) -> None:
    """Where the clock of the organization SLUG stands, and what comes next."""
    from ballast.billing import clocks
    from ballast.clock import now

    with _working_for(slug) as owner:
        stands = f"{owner.clock_at:%Y-%m-%d %H:%M:%S} UTC" if owner.clock_at else "real time"
        due = clocks.next_due(owner.id, owner.clock_at or now())
        click.echo(f"{slug} stands at {stands}; next: {f'{due:%Y-%m-%d %H:%M:%S} UTC' if due else 'nothing'}")


@clock_group.command("advance")
@click.argument("slug")
@click.option("--by", type=click.Choice(["day", "week", "month", "next-event"]), help="How far.")
@click.option("--to", "to", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Or until when, UTC.")
def advance(slug: str, by: str | None, to: datetime | None) -> None:
    """Move the clock of the organization SLUG on, through everything that falls due on the way."""
    from ballast.billing import clocks
    from ballast.db import transaction

    if (by is None) == (to is None):
        raise click.UsageError("Say either --by or --to.")
    with _as_worker(), _working_for(slug) as owner:
        organization_id = owner.id
        try:
            target = clocks.target_of(owner, (by or "date").replace("-", "_"), to.replace(tzinfo=UTC) if to else None)
            with transaction():
                clocks.ask(organization_id, target)
        except BallastError as error:
            raise click.ClickException(error.message) from None
        clocks.advance(organization_id)
    show.callback(slug)  # type: ignore[misc]


@clock_group.command("reset")
@click.argument("slug")
@click.confirmation_option(prompt="Archive this sandbox with its customers, payments and books, and begin a fresh one?")
def reset(slug: str) -> None:
    """Archive the sandbox SLUG and put a fresh one in its place. API keys go on working."""
    from ballast.billing import clock_resets

    with _as_worker(), _working_for(slug) as owner:
        try:
            made = clock_resets.reset(owner.id)
        except BallastError as error:
            raise click.ClickException(error.message) from None
    click.echo(f"{slug} is {made} from now on, in real time.")


# --- The books ---------------------------------------------------------------------------------------------------------------


@click.command("reconcile")
@SLUG
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Which day, UTC; yesterday if left out.")
@click.option("--repair", is_flag=True, help="Mend what can be mended safely, and compare again.")
@with_appcontext
def reconcile(slug: str | None, day: datetime | None, repair: bool) -> None:
    """Compare a day with the processors' own lists, account by account. Fails where something differs."""
    from ballast.clock import real_time

    asked = day.date() if day else real_time().date() - timedelta(days=1)
    drifts = 0
    with _as_worker():
        for organization_id, account_id in _accounts(slug):
            drifts += _reconcile(organization_id, account_id, asked, repair)
    if drifts:
        raise SystemExit(1)


def _accounts(slug: str | None) -> list[tuple[str, str]]:
    from ballast.billing.reconciliation import reading

    if slug is None:
        return reading.accounts_in_use()
    with _working_for(slug) as found:
        return reading.accounts_in_use(found.id)


def _reconcile(organization_id: str, account_id: str, day: date, repair: bool) -> int:
    """Compare one account's day and print what was found; answers how many drifts are open."""
    from ballast.billing.reconciliation import days, reading, repairing
    from ballast.db import end_reading, organization

    with organization(organization_id):
        try:
            row_id = days.run_now(organization_id, account_id, day)
        except BallastError as error:
            raise click.ClickException(error.message) from None
        found = reading.read(organization_id, row_id)
        if repair and any(repairing.is_mendable(drift) for drift in found.drifts):
            for drift in filter(repairing.is_mendable, found.drifts):
                click.echo(_mended(organization_id, drift.id))
            days.run_now(organization_id, account_id, day)
            found = reading.read(organization_id, row_id)
        click.echo(_reconciled(found))
        for drift in found.open:
            click.echo(
                f"  {drift.drift_class}\t{drift.kind}\t{drift.subject}\tours {drift.ours}\ttheirs {drift.theirs}"
            )
        drifts = len(found.open) + (found.reconciliation.status != "done")
        end_reading()
        return drifts


def _mended(organization_id: str, drift_id: str) -> str:
    from ballast.billing.reconciliation import repairing

    try:
        return f"repaired\t{drift_id}\t{repairing.repair(organization_id, drift_id).sentence}"
    except BallastError as error:
        return f"left\t{drift_id}\t{error.message}"


def _reconciled(found: Run) -> str:
    row = found.reconciliation
    what = f"{row.charges} charges, {row.refunds} refunds, {row.fees} fees, {row.drifts} drifts"
    state = what if row.status == "done" else f"waits: {row.reason}"
    return f"{row.day}\t{found.account.processor}\t{found.account.external_account}\t{state}"


@click.command("verify-ledger")
@click.option("--organization", "slug", help="Its address; every organization if left out.")
@with_appcontext
def verify_ledger(slug: str | None) -> None:
    """Add the ledger up anew and look for every capture and refund in it; fails where a row is wrong, and names the first."""
    from ballast.billing import ledger_proof

    with _as_worker():
        if slug is None:
            proofs = ledger_proof.verify()
        else:
            with _working_for(slug) as found:
                proofs = ledger_proof.verify(found.id)
    for proof in proofs:
        state = f"BROKEN\t{proof.broken}" if proof.broken else f"ok\t{proof.transfers} transfers"
        click.echo(f"{proof.slug}\t{state}")
    if any(proof.broken for proof in proofs):
        raise SystemExit(1)


COMMANDS = (jobs, clock_group, reconcile, verify_ledger)
