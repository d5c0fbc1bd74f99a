"""A ban is taken back: dunning goes on where it stood, and nothing is charged all at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from ballast import clock
from ballast.billing import clocks
from ballast.billing.subscriptions import holding, rolling
from ballast.db import organization, set_organization, transaction
from ballast.models import Attempt, AuditEntry, Customer, Invoice, PaymentMethod, User
from tests.subscriptions.acts import Desk
from tests.world import World

RENEWAL = datetime(2026, 2, 15, 9, 30, tzinfo=UTC)
NOTICE = timedelta(days=3)


@pytest.fixture
def sub(desk: Desk) -> str:
    """A subscription about to be renewed."""
    started = desk.start(desk.price(2000), desk.customer())
    desk.at = RENEWAL - timedelta(seconds=1)
    return started


def hold(desk: Desk, customer_id: str) -> None:
    with desk.clocked(), transaction() as session:
        session.execute(update(Customer).where(Customer.id == customer_id).values(held_at=desk.at))


def let_go(desk: Desk, customer_id: str) -> None:
    with desk.clocked(), transaction() as session:
        customer = session.scalars(select(Customer).where(Customer.id == customer_id)).one()
        since, customer.held_at = customer.held_at, None
        session.flush()
        assert since is not None
        holding.release(desk.world.acme.id, [customer_id], since)


def held_between(desk: Desk, subscription_id: str, first: timedelta, last: timedelta) -> None:
    """Hold the subscription's customer for this time, counted from the renewal."""
    customer_id = desk.subscription(subscription_id).customer_id
    desk.until(RENEWAL + first)
    hold(desk, customer_id)
    desk.at = RENEWAL + last
    assert desk.run() == 0
    let_go(desk, customer_id)
    assert desk.run() == 0, "nothing at once"


def renewal(desk: Desk, subscription_id: str) -> Invoice:
    return next(one for one in desk.invoices() if one.subscription_id == subscription_id and one.period == 1)


def days_tried(desk: Desk, subscription_id: str) -> list[int]:
    payment_id = renewal(desk, subscription_id).payment_id
    return [(one.created_at - RENEWAL).days for one in desk.all(Attempt) if one.payment_id == payment_id]


def test_a_soft_decline_is_tried_on_all_the_days_of_its_schedule(desk: Desk, sub: str) -> None:
    desk.world.fault(kind="decline")
    held_between(desk, sub, timedelta(hours=12), timedelta(days=20))
    invoice = renewal(desk, sub)
    assert invoice.next_attempt_at == RENEWAL + timedelta(days=20) + NOTICE
    assert invoice.first_failed_at == invoice.last_failed_at == RENEWAL + timedelta(days=22)
    assert desk.subscription(sub).status == "past_due"
    assert desk.mails()[-2:] == ["charge_failed", "upcoming_charge"]
    assert [one.action for one in desk.all(AuditEntry) if one.action.startswith("invoice.hold")] == [
        "invoice.hold_released"
    ]
    desk.until(RENEWAL + timedelta(days=37))
    assert days_tried(desk, sub) == [0, 23, 25, 29, 36]
    assert desk.subscription(sub).status == "unpaid"


def test_who_was_asked_for_another_card_has_as_long_as_before_the_hold(desk: Desk, sub: str) -> None:
    with desk.clocked(), transaction() as session:
        session.execute(update(PaymentMethod).values(external_id="pm_card_chargeDeclinedExpiredCard"))
    held_between(desk, sub, timedelta(days=1), timedelta(days=20))
    assert renewal(desk, sub).next_attempt_at == RENEWAL + timedelta(days=14 + 19)
    assert "upcoming_charge" not in desk.mails(), "this card is charged no more"
    assert desk.subscription(sub).status == "past_due"


def test_what_was_not_tried_yet_is_charged_once_after_the_notice(desk: Desk, sub: str) -> None:
    customer_id = desk.subscription(sub).customer_id
    desk.at = RENEWAL
    desk.act(sub, rolling.renew)
    hold(desk, customer_id)
    desk.at += timedelta(days=2)
    let_go(desk, customer_id)
    assert desk.run() == 0
    assert (renewal(desk, sub).next_attempt_at, renewal(desk, sub).first_failed_at) == (desk.at + NOTICE, None)
    assert desk.mails() == ["receipt", "upcoming_charge"]
    desk.until(RENEWAL + timedelta(days=6))
    assert (renewal(desk, sub).status, days_tried(desk, sub)) == ("paid", [5])


def test_a_hold_of_two_hours_in_which_nothing_fell_due_moves_the_schedule_by_two_hours(desk: Desk, sub: str) -> None:
    desk.world.fault(kind="decline", count=1)
    held_between(desk, sub, timedelta(hours=1), timedelta(hours=3))
    assert renewal(desk, sub).next_attempt_at == RENEWAL + timedelta(days=1, hours=2)
    assert desk.mails() == ["receipt", "charge_failed"]


def test_all_invoices_of_who_is_let_go_are_moved_and_nobody_elses(desk: Desk) -> None:
    price, ada, bob = desk.price(2000), desk.customer(), desk.customer(email="bob@example.com")
    first, second, other = (desk.start(price, customer) for customer in (ada, ada, bob))
    desk.world.fault(kind="decline")
    desk.until(RENEWAL + timedelta(hours=1))
    hold(desk, ada)
    hold(desk, bob)
    desk.at = RENEWAL + timedelta(days=2)
    let_go(desk, ada)
    moved = [renewal(desk, one).next_attempt_at for one in (first, second)]
    assert moved == [desk.at + NOTICE] * 2
    assert renewal(desk, other).next_attempt_at == RENEWAL + timedelta(days=1)


def test_a_ban_is_felt_by_the_organizations_own_clock(world: World) -> None:
    stands = clock.real_time().replace(microsecond=0)
    desk = Desk(world, stands)
    sub = desk.start(desk.price(2000), desk.customer())
    desk.world.fault(kind="decline")
    advance(world, stands + timedelta(days=32))
    with organization(world.acme.id), transaction() as session:
        user_id = session.scalars(select(User.id).where(User.email == "admin@example.com")).one()
        session.execute(update(Customer).values(user_id=user_id))
    assert "1 customers held" in staff(world, "ban")
    due_at = renewal(desk, sub).next_attempt_at
    advance(world, stands + timedelta(days=50))
    assert renewal(desk, sub).next_attempt_at == due_at
    assert "1 customers released" in staff(world, "unban")
    invoice = renewal(desk, sub)
    assert invoice.next_attempt_at == stands + timedelta(days=50) + NOTICE
    assert (invoice.status, desk.subscription(sub).status) == ("open", "past_due")
    advance(world, stands + timedelta(days=52))
    assert (renewal(desk, sub).failures, desk.subscription(sub).status) == (invoice.failures, "past_due")


def advance(world: World, to: datetime) -> None:
    with organization(world.acme.id), transaction():
        clocks.ask(world.acme.id, to)
    with world.worker_app.app_context():
        set_organization(None)
        clocks.advance_due()


def staff(world: World, act: str) -> str:
    """What the command line says of a ban, or of its end."""
    return world.app.test_cli_runner().invoke(args=[act, "admin@example.com", "--reason", "a mistake"]).output
