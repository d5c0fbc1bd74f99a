"""A sandbox organization's own clock, and the dry run of what it brings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from ballast import clock
from ballast.billing import clocks
from ballast.billing.subscriptions import charging, collecting, rehearsal
from ballast.db import db, organization, set_organization, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.models import Attempt, Event, Organization
from tests.subscriptions.acts import Desk
from tests.world import World


@contextmanager
def as_worker(world: World) -> Iterator[None]:
    with world.worker_app.app_context():
        set_organization(None)
        yield


def owner(world: World) -> Organization:
    db.session.rollback()
    with organization(world.acme.id):
        return db.session.scalars(select(Organization).where(Organization.id == world.acme.id)).one()


@pytest.fixture
def own_time(world: World) -> datetime:
    """Acme has a clock of its own, which stands at the present."""
    with organization(world.acme.id), transaction():
        clocks.give_clock(owner_row(world))
    stands = owner(world).clock_at
    assert stands
    return stands


def owner_row(world: World) -> Organization:
    return db.session.scalars(select(Organization).where(Organization.id == world.acme.id)).one()


def advance(world: World, to: datetime) -> None:
    with organization(world.acme.id), transaction():
        clocks.ask(world.acme.id, to)
    with as_worker(world):
        clocks.advance_due()


def test_a_year_passes_and_everything_happens_at_its_own_instant(world: World, own_time: datetime) -> None:
    desk = Desk(world, own_time)
    sub = desk.start(desk.price(2000), desk.customer())
    anchor = desk.subscription(sub).anchor_at
    advance(world, own_time + timedelta(days=365))
    found = owner(world)
    assert (found.clock_at, found.clock_target_at, found.clock_problem) == (own_time + timedelta(days=365), None, None)
    rhythm_of = [invoice.period_start for invoice in desk.invoices()]
    assert rhythm_of[0] == anchor
    assert [attempt.created_at for attempt in desk.all(Attempt)][1:] == rhythm_of[1:]
    assert len(rhythm_of) in (12, 13)
    told = [event.created_at for event in desk.all(Event) if event.type == "subscription.updated"]
    assert set(rhythm_of[1:]) <= set(told)
    assert desk.mails().count("upcoming_charge") == len(rhythm_of) - 1


def test_time_stands_still_between_advances_and_for_this_organization_alone(world: World, own_time: datetime) -> None:
    advance(world, own_time + timedelta(days=40))
    with organization(world.acme.id):
        db.session.execute(select(Organization.id))
        assert clock.now() == own_time + timedelta(days=40)
    with organization(world.stranger.id):
        db.session.execute(select(Organization.id))
        assert abs(clock.now() - clock.real_time()) < timedelta(seconds=5)
    set_organization(None)
    assert abs(clock.now() - clock.real_time()) < timedelta(seconds=5)


def test_the_nightly_run_leaves_an_organization_with_its_own_clock_alone(world: World, own_time: datetime) -> None:
    desk = Desk(world, own_time - timedelta(days=60))
    desk.start(desk.price(2000), desk.customer())
    with as_worker(world):
        assert charging.charge_due() == 0
    assert len(desk.invoices()) == 1


def test_an_advance_waits_for_an_outcome_nobody_knows(world: World, own_time: datetime) -> None:
    desk = Desk(world, own_time)
    desk.start(desk.price(2000, "week"), desk.customer())
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    advance(world, own_time + timedelta(days=20))
    assert owner(world).clock_problem == clocks.WAITS
    assert owner(world).clock_at == own_time + timedelta(days=7)
    with as_worker(world), clock.shifted(timedelta(hours=2)):
        clocks.advance_due()
    assert (owner(world).clock_target_at, len(desk.invoices())) == (None, 3)
    assert len(world.charges()) == 3


def test_who_may_not_move_time(world: World) -> None:
    with organization(world.acme.id):
        with transaction(), pytest.raises(InvalidRequest):
            clocks.ask(world.acme.id, clock.real_time() - timedelta(days=1))
        with transaction() as session:
            session.execute(update(Organization).values(clock_target_at=clock.real_time()))
        with transaction(), pytest.raises(Conflict, match="moved already"):
            clocks.ask(world.acme.id, clock.real_time() + timedelta(days=1))
        with transaction() as session:
            session.execute(update(Organization).values(clock_at=None, clock_target_at=None, mode="live"))
        with transaction(), pytest.raises(Conflict, match="sandbox"):
            clocks.ask(world.acme.id, clock.real_time() + timedelta(days=1))


def test_an_account_elsewhere_forbids_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.settings, "stripe_api_base", "https://api.stripe.com")
    with organization(world.acme.id), transaction(), pytest.raises(Conflict, match="sandbox"):
        clocks.give_clock(owner_row(world))


def test_a_dry_run_lists_what_the_run_then_does(world: World) -> None:
    desk = Desk(world)
    monthly = desk.price(2000)
    for place in range(4):
        customer = desk.customer(email=f"{place}@example.com")
        desk.start(monthly, customer, quantity=place + 1)
    trial = desk.start(monthly, desk.customer(email="t@example.com"), card="", trial_days=31)
    paused = desk.start(desk.price(100, "week"), desk.customer(email="p@example.com"))
    desk.act(paused, collecting.use_card, desk.another_card())
    desk.at += timedelta(days=31)
    with as_worker(world), clock.at(desk.at):
        planned = list(rehearsal.rehearse())
    before = {invoice.id for invoice in desk.invoices()}
    assert len(before) == 5
    desk.run()
    made = [invoice for invoice in desk.invoices() if invoice.id not in before]
    charged = {(one.subscription_id, one.amount_due) for one in made if one.status == "paid" and one.period != 2}
    listed = {(item.subscription_id, item.amount) for item in planned if item.what == "charge"}
    weekly = {pair for pair in charged if pair[0] == paused}
    assert listed - weekly == charged - weekly
    assert {pair[0] for pair in listed} == {one.subscription_id for one in made} - {trial}
    assert [item.what for item in planned if item.subscription_id == trial] == ["ask_for_card"]


def test_the_command_shows_and_then_does_it(world: World) -> None:
    desk = Desk(world, clock.real_time() - timedelta(days=32))
    desk.start(desk.price(2000), desk.customer())
    runner = world.app.test_cli_runner()
    shown = runner.invoke(args=["jobs", "charge-subscriptions", "--dry-run", "--organization", "acme"])
    assert "ada@example.com\t$20.00\tvisa 4242" in shown.output
    assert "1 due, $20.00 to charge" in shown.output
    assert len(desk.invoices()) == 1
    done = runner.invoke(args=["jobs", "charge-subscriptions"])
    assert done.exit_code == 0, done.output
    assert [invoice.status for invoice in desk.invoices()] == ["paid", "paid"]


def test_the_clock_is_moved_from_the_command_line(world: World) -> None:
    desk = Desk(world, clock.real_time())
    desk.start(desk.price(2000, "day"), desk.customer())
    moved = world.app.test_cli_runner().invoke(args=["clock", "advance", "acme", "--by", "week"])
    assert moved.exit_code == 0, moved.output
    assert "acme stands at" in moved.output
    assert len(desk.invoices()) in (7, 8)
