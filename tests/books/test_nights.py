"""No day is left out: one that was missed is planned, one that was not over is compared again, and one that was given up is taken up
again each night for a week."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from ballast.billing.reconciliation import days, nights, recording
from ballast.clock import real_time
from ballast.db import organization, transaction
from ballast.models import ProcessorAccount, Reconciliation
from tests.billing.acts import as_worker, balance, elsewhere, pause, rows
from tests.books.test_reconciling import CARDS, compare, today
from tests.statements import counted
from tests.world import Api, World


def archive(organization_id: str) -> None:
    """Its accounts."""
    change(organization_id, ProcessorAccount, archived_at=real_time())


def change(organization_id: str, model: Any, **values: Any) -> None:
    """Every row of the organization's."""
    with organization(organization_id), transaction() as session:
        session.execute(update(model).values(**values))


def until(day: date, hour: int = 1, minute: int = 5) -> None:
    """Nobody works until then."""
    pause(seconds=(datetime.combine(day, time(hour, minute), UTC) - real_time()).total_seconds())


def night(world: World) -> None:
    """What the worker does when the job comes around."""
    elsewhere(world.app, as_worker(world, days.reconcile_due))


def compared(world: World) -> list[tuple[date, str]]:
    """Day and state, the earliest first."""
    return sorted((row.day, row.status) for row in rows(world, Reconciliation))


def give_up(world: World, row: Reconciliation) -> Reconciliation:
    """The processor gives no answer as often as it takes; answers the row as it is then."""
    with organization(world.acme.id):
        for _ in range(recording.GIVE_UP_AFTER - row.attempts):
            recording.put_off(world.acme.id, row.id, "http_401")
    (row,) = rows(world, Reconciliation)
    assert row.status == "failed"
    return row


def a_day_given_up(world: World) -> Reconciliation:
    """Today, in the night after it: the processor does not let us in."""
    until(today() + timedelta(days=1))
    world.fault(kind="error_before", operation="charges.list")
    night(world)
    (row,) = rows(world, Reconciliation)
    return give_up(world, row)


def test_days_that_no_night_came_to_are_planned_and_compared(world: World, api: Api) -> None:
    api.pay()
    until(today() + timedelta(days=3), hour=0, minute=30)
    night(world)
    assert compared(world) == [], "the third day may not be over at the processors"
    pause(hours=1)
    night(world)
    assert compared(world) == [(today() + timedelta(days=after), "done") for after in range(3)]
    assert [row.charges for row in sorted(rows(world, Reconciliation), key=lambda row: row.day)] == [1, 0, 0]
    assert balance(world, "processor_fees") == 88


def test_a_week_is_caught_up_on_and_not_more(world: World) -> None:
    until(today() + timedelta(days=20))
    night(world)
    assert compared(world) == [(today() + timedelta(days=after), "done") for after in range(13, 20)]


def test_an_account_gets_the_days_since_it_was_made_and_an_archived_one_none(world: World) -> None:
    until(today() + timedelta(days=6))
    change(world.acme.id, ProcessorAccount, created_at=real_time() - timedelta(days=2))
    night(world)
    assert [day for day, _status in compared(world)] == [today() + timedelta(days=4), today() + timedelta(days=5)]
    archive(world.acme.id)
    until(today() + timedelta(days=8))
    night(world)
    assert len(compared(world)) == 2


def test_what_is_too_much_for_one_run_is_planned_by_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days, "PLANNED_AT_ONCE", 2)
    archive(world.stranger.id)
    until(today() + timedelta(days=3))
    plan = as_worker(world, days.plan_night)
    with counted(world.worker_app) as few:
        elsewhere(world.app, plan)
    elsewhere(world.app, plan)
    assert [day for day, _status in compared(world)] == [today() + timedelta(days=after) for after in range(3)]
    with counted(world.worker_app) as none:
        elsewhere(world.app, plan)
    assert len(few) == len(none) + 1, "one statement writes the days, however many are missing"


def test_a_day_that_was_compared_before_it_was_over_is_compared_again_once(world: World, api: Api) -> None:
    assert compare(world).charges == 0
    api.pay()
    until(today() + timedelta(days=1))
    night(world)
    (row,) = rows(world, Reconciliation)
    assert (row.status, row.charges, balance(world, "processor_fees")) == ("done", 1, 88)
    until(today() + timedelta(days=2))
    elsewhere(world.app, as_worker(world, days.plan_night))
    assert compared(world) == [(today(), "done"), (today() + timedelta(days=1), "waiting")]


def test_a_day_that_was_given_up_is_taken_up_by_the_next_night_and_once_in_it(world: World, api: Api) -> None:
    api.pay()
    row = a_day_given_up(world)
    night(world)
    assert rows(world, Reconciliation)[0].status == "failed", "not twice in one night"
    until(today() + timedelta(days=2))
    elsewhere(world.app, as_worker(world, days.plan_night))
    again, following = sorted(rows(world, Reconciliation), key=lambda one: one.day)
    assert (again.id, again.status, again.attempts) == (row.id, "waiting", 0)
    assert following.day == today() + timedelta(days=1)
    with organization(world.acme.id):
        for _ in range(recording.GIVE_UP_AFTER):
            recording.put_off(world.acme.id, row.id, "http_401")
    night(world)
    assert compared(world)[0] == (today(), "failed"), "not twice in one night"
    world.forget_faults()
    until(today() + timedelta(days=3))
    night(world)
    assert {status for _day, status in compared(world)} == {"done"}
    assert balance(world, "processor_fees") == 88, "the fees of that day are posted after all"


def test_a_day_that_was_given_up_is_taken_up_for_a_week_and_if_its_account_is_in_use(world: World) -> None:
    row = a_day_given_up(world)
    archive(world.acme.id)
    until(today() + timedelta(days=2))
    night(world)
    assert compared(world) == [(row.day, "failed")]
    change(world.acme.id, ProcessorAccount, archived_at=None)
    until(today() + nights.NIGHTS + timedelta(days=2))
    world.forget_faults()
    night(world)
    assert compared(world)[0] == (row.day, "failed")


def test_a_day_that_an_older_release_gave_up_is_taken_up_too(world: World) -> None:
    a_day_given_up(world)
    change(world.acme.id, Reconciliation, next_attempt_at=None)
    world.forget_faults()
    night(world)
    assert compared(world) == [(today(), "done")]


@pytest.mark.parametrize("processor", ["stripe", "square"])
def test_the_fee_of_money_that_was_held_and_taken_days_later_is_posted_once(
    world: World, api: Api, processor: str
) -> None:
    world.use(processor)
    held = api.pay(payment_method=CARDS[processor], capture_method="manual").get_json()["id"]
    until(today() + timedelta(days=1))
    night(world)
    assert balance(world, "processor_fees") == 0
    until(today() + timedelta(days=3), hour=12)
    night(world)
    assert {status for _day, status in compared(world)} == {"done"}
    assert api.post(f"/payments/{held}/capture").status_code == 200
    night(world)
    assert [day for day, status in compared(world) if status == "waiting"] == [today()], "not before the night"
    for after in (4, 5):
        until(today() + timedelta(days=after))
        night(world)
        assert {status for _day, status in compared(world)} == {"done"}
        assert balance(world, "processor_fees") == 88
    assert sum(row.drifts for row in rows(world, Reconciliation)) == 0
