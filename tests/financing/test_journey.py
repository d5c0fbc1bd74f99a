"""Six months of a plan with interest, by the sandbox's own clock: a soft decline, a late fee, a recovery, the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from ballast.billing import clocks
from ballast.clock import real_time
from ballast.db import organization, set_organization, transaction
from ballast.models import Attempt, Email, Organization, Payment
from tests.financing.acts import WITH_INTEREST, Lender
from tests.pages.test_internal import TOKEN, machines, notify
from tests.world import World

__all__ = ["machines"]


@contextmanager
def as_worker(world: World) -> Iterator[None]:
    with world.worker_app.app_context():
        set_organization(None)
        yield


def advance(lender: Lender, days: int) -> None:
    """Move Acme's clock on; everything on the way happens at its own instant."""
    world = lender.world
    lender.at += timedelta(days=days)
    with organization(world.acme.id), transaction():
        clocks.ask(world.acme.id, lender.at)
    with as_worker(world):
        clocks.advance_due()


def test_six_months_with_a_soft_decline_a_late_fee_and_a_recovery(world: World) -> None:
    lender = Lender(world, real_time().replace(microsecond=0))
    with organization(world.acme.id), transaction() as session:
        owner = session.query(Organization).filter_by(id=world.acme.id).one()
        clocks.give_clock(owner)
        owner.clock_at = lender.at
    plan = lender.agree(60000, WITH_INTEREST)
    total = lender.balance(plan)
    advance(lender, 35)
    assert lender.installments(plan)[0].status == "paid"
    lender.break_card("pm_card_visa_chargeDeclinedInsufficientFunds")
    lender.break_card()
    advance(lender, 42)
    second = lender.installments(plan)[1]
    assert (second.status, second.late_fee, lender.agreement(plan).status) == ("late", 500, "late")
    assert lender.balance(plan) == total - lender.installments(plan)[0].amount + 500
    lender.break_card("pm_card_visa")
    lender.pay(plan, [second.id])
    assert lender.agreement(plan).status == "active"
    advance(lender, 120)
    assert lender.agreement(plan).status == "paid_off"
    assert [one.status for one in lender.installments(plan)] == ["paid"] * 6
    taken = [one.amount_captured for one in lender.all(Payment) if one.amount_captured][1:]
    assert sum(taken) == total + 500
    assert sum(one["amount"] for one in world.charges()) == total + 500 + 100
    declined = [one for one in lender.all(Attempt) if one.status == "declined"]
    assert lender.mails().count("installment_failed") == len(declined) == 5
    assert lender.mails().count("installment_late") == 2
    assert lender.mails().count("receipt") == 7
    assert len({mail.dedupe_key for mail in lender.all(Email)}) == len(lender.all(Email))
    lender.check(plan)


def test_the_command_shows_what_would_happen_and_then_does_it(world: World) -> None:
    lender = Lender(world, real_time() - timedelta(days=33))
    plan = lender.agree()
    runner = world.app.test_cli_runner()
    shown = runner.invoke(args=["jobs", "charge-financing", "--dry-run", "--organization", "acme"])
    assert "charge\tinst_" in shown.output
    assert "ada@example.com\t$160.00\tvisa 4242" in shown.output
    assert "$160.00 to charge" in shown.output
    assert lender.installments(plan)[0].status == "scheduled", shown.output
    done = runner.invoke(args=["jobs", "charge-financing"])
    assert done.exit_code == 0, done.output
    assert "done" in done.output
    assert lender.installments(plan)[0].status == "paid"
    late = Lender(world, real_time() - timedelta(days=45))
    other = late.agree()
    late.break_card()
    shown = runner.invoke(args=["jobs", "charge-financing", "--dry-run"])
    fee = late.installments(other)[0]
    assert f"late_fee\t{fee.id}\tada@example.com\t$5.00" in shown.output
    assert f"{other}\tada@example.com" in shown.output
    assert fee.late_fee == 0


def test_mails_about_a_plan_are_written_from_outside_once(machines: World) -> None:
    assert TOKEN
    lender = Lender(machines, real_time() - timedelta(days=29))
    plan = lender.agree()
    status, first = notify(machines, "financing/upcoming-charge", agreement=plan)
    assert (status, first["written"]) == (202, True), first
    assert notify(machines, "financing/upcoming-charge", agreement=plan)[1]["written"] is False
    assert notify(machines, "financing/defaulted", agreement=plan) == (409, "state_conflict")
    one = lender.installments(plan)[0]
    assert notify(machines, "financing/charge-failed", installment=one.id) == (409, "state_conflict")
    assert notify(machines, "financing/charge-failed", installment="inst_x") == (404, "resource_missing")
    lender.break_card()
    lender.live_until(plan, 1)
    assert notify(machines, "financing/charge-failed", installment=one.id)[1]["written"] is False
    lender.live_until(plan, 1, days=91)
    assert notify(machines, "financing/defaulted", agreement=plan)[1]["written"] is False
