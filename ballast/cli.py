"""Commands: `flask --app app <command>`."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from ballast import billing_commands, staff_commands
from ballast.errors import BallastError

if TYPE_CHECKING:
    from ballast.models import Event, Organization
    from ballast.notifications.posting import Answer

CREDENTIALS = Path(os.environ.get("BALLAST_STATE_DIR", ".ballast")) / "demo.json"
processors = AppGroup("processors", help="Look at an organization's processor accounts. Shows no secret.")


def register(app: Flask) -> None:
    """Hang the commands on the application."""
    app.cli.add_command(seed)
    app.cli.add_command(processors)
    app.cli.add_command(keys)
    app.cli.add_command(listen)
    for command in [*billing_commands.COMMANDS, *staff_commands.COMMANDS]:
        app.cli.add_command(command)


@click.group("seed", cls=AppGroup, invoke_without_command=True)
@click.option(
    "--credentials",
    type=click.Path(path_type=Path),
    default=CREDENTIALS,
    show_default=True,
    help="JSON file for the key, the secret and the sign-ins (mode 600). What it knows already is kept.",
)
@click.pass_context
@with_appcontext
def seed(context: click.Context, credentials: Path) -> None:
    """Put demo data in place. Everything here is safe to repeat: what is there already is left alone.

    Without a command: Acme Corp and its shop with an owner, an admin and a viewer, one test API key, one webhook endpoint, twenty
    payments that cover every status, made at the sandbox's Stripe, and six installment plans that have run for a while.
    """
    if context.invoked_subcommand is None:
        _plant(credentials)
        with _working_for("acme") as organization:
            from ballast.billing.demo_payments import plant_payments
            from ballast.billing.demo_plans import plant_plans

            plans = plant_plans(organization.id)  # first, for what is listed newest first is listed by when it was made
            made = plant_payments(organization.id)
        click.echo(f"{made} payments and {plans} plans made. Sign-ins and the API key: {credentials}")


@seed.command("demo")
@click.option(
    "--credentials", type=click.Path(path_type=Path), required=True, help="JSON file for keys and sign-ins (mode 600)."
)
def seed_demo(credentials: Path) -> None:
    """The demo organization alone: Acme Corp with its shop, people, key and endpoint, and no payments."""
    _plant(credentials)


def _plant(credentials: Path) -> None:
    from ballast.billing.demo import plant

    known = json.loads(credentials.read_text()) if credentials.exists() else {}
    found = plant(known)
    credentials.parent.mkdir(parents=True, exist_ok=True)
    credentials.touch(mode=0o600)
    credentials.write_text(json.dumps(found, indent=2) + "\n")
    for complaint in found["complaints"]:
        click.echo(complaint, err=True)
    click.echo(f"Acme Corp is in place: {found['store_path']}")


@seed.command("catalog")
@click.option("--organization", "slug", default="acme", show_default=True, help="Whose shop.")
def seed_catalog(slug: str) -> None:
    """The shop's products, those that are missing."""
    from ballast.billing.demo import plant_catalog

    with _working_for(slug) as organization:
        click.echo(f"{plant_catalog(organization.id)} products added.")


@seed.command("events")
@click.option("--organization", "slug", default="acme", show_default=True, help="Whose history.")
def seed_events(slug: str) -> None:
    """A year of history that ends now: customers, payments, declines, refunds, disputes, events, deliveries, ledger.

    Takes up to a minute. The charges are at archived accounts called "Demo history", which no processor knows: not to be refunded.
    """
    from ballast.billing.demo_history import plant_history

    with _working_for(slug) as organization:
        made = plant_history(organization.id)
    click.echo(f"{made} payments written." if made else "The history is there already.")


@seed.command("plans")
@click.option("--organization", "slug", default="acme", show_default=True, help="Whose plans.")
def seed_plans(slug: str) -> None:
    """Installment plans that have run for a while: fresh, half paid, late, paid off; those that are missing.

    What was paid so far was paid at an archived account called "Demo history"; the rest is charged by the nightly run.
    """
    from ballast.billing.demo_plans import plant_plans

    with _working_for(slug) as organization:
        click.echo(f"{plant_plans(organization.id)} plans made.")


@processors.command("list")
@click.argument("slug")
def list_processors(slug: str) -> None:
    """The accounts of the organization SLUG, with their state, share and last test."""
    from ballast.billing import accounts, routing
    from ballast.templating import show_percent

    with _working_for(slug) as organization:
        found = [*accounts.all_of(organization.id), *accounts.archived_of(organization.id)]
        percent = routing.percentages(found)
        for account in found:
            default = "default" if account.is_default else "-"
            tested = account.problem or ("works" if account.checked_at else "never tested")
            state = routing.state_of(account)
            words = (account.id, account.processor, account.external_account, account.mode, state, default)
            click.echo("\t".join([*words, show_percent(percent[account.id] * 100), tested]))


@processors.command("test")
@click.argument("slug")
@click.argument("account_id", required=False)
def test_processors(slug: str, account_id: str | None) -> None:
    """Try the keys of ACCOUNT_ID, or of every account of the organization SLUG; the exit code is 1 when one does not work."""
    from ballast.billing import accounts

    with _working_for(slug) as organization:
        organization_id = organization.id
        wanted = [account_id] if account_id else [account.id for account in accounts.all_of(organization_id)]
        problems = {one: _told(lambda one=one: accounts.check(organization_id, one).problem) for one in wanted}  # type: ignore[misc]
    for one, problem in problems.items():
        click.echo(f"{one}\t{problem or 'works'}")
    if any(problems.values()):
        raise SystemExit(1)


@contextmanager
def _working_for(slug: str) -> Iterator[Organization]:
    """Work for the organization inside the block. Ends the command when there is none."""
    from ballast.db import organization
    from ballast.identity import users

    found = users.organization_by_slug(slug)
    if found is None:
        raise click.ClickException(f"There is no organization {slug}.")
    with organization(found.id):
        yield found


def _told(ask: Callable[[], str | None]) -> str | None:
    """What is wrong, whoever says it."""
    try:
        return ask()
    except BallastError as error:
        return error.message


@click.command("listen")
@click.option("--forward-to", "url", required=True, help="Where to, such as http://localhost:3000/hooks.")
@click.option("--since", help="Backfill first: 90s, 15m, 2h or 7d.")
@click.option("--organization", "slug", default="acme", show_default=True, help="Whose events.")
@click.option("--events", default="*", show_default=True, help="Types or families, separated by commas.")
@click.option("--secret", help="A whsec_ secret to sign with; a new one is made and printed otherwise.")
@with_appcontext
def listen(url: str, since: str | None, slug: str, events: str, secret: str | None) -> None:
    """Forward events to a developer's machine as they happen, until Ctrl-C. Nothing is recorded."""
    from ballast.notifications import forwarding
    from ballast.notifications.addresses import check_url
    from ballast.notifications.catalog import check_patterns
    from ballast.security import new_webhook_secret

    try:
        checked = check_url(url, allow_private=True)
        patterns = tuple(check_patterns(events.split(",")))
        span = forwarding.read_span(since) if since else None
    except BallastError as error:
        raise click.ClickException(error.message) from error
    wire = forwarding.Wire(checked, secret or new_webhook_secret(), patterns)
    with _working_for(slug) as organization:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_given: stop.set())
        click.echo(f"Forwarding {organization.name}'s events to {checked}, signed with {wire.secret}")
        sent = forwarding.forward(organization.id, wire, span, stop, _say_forwarded)
    click.echo(f"{sent} sent.")


def _say_forwarded(event: Event, answer: Answer) -> None:
    came = answer.status if answer.status is not None else answer.reason
    click.echo(f"{event.created_at:%H:%M:%S}\t{event.type}\t{event.id}\t{came}\t{answer.duration_ms} ms")


@click.command("keys", help="Print fresh secrets for a deployment's environment.")
def keys() -> None:
    """SECRET_KEY, JWT_SECRET and ENCRYPTION_KEY, new ones each time."""
    import base64
    import os
    import secrets

    click.echo(f"SECRET_KEY={secrets.token_urlsafe(48)}")
    click.echo(f"JWT_SECRET={secrets.token_urlsafe(48)}")
    click.echo(f"ENCRYPTION_KEY=1:{base64.b64encode(os.urandom(32)).decode()}")
