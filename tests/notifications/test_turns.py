"""No organization waits for another that has very many due: not its mails, its processor events, its installments, its deliveries."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from ballast import queue
from ballast.billing import inbox
from ballast.billing.subscriptions import charging
from ballast.db import set_organization, transaction
from ballast.ids import new_id
from ballast.models import Email, InboxEvent, Installment
from ballast.notifications import drain, emails, lanes
from ballast.notifications.turns import Due, in_turn
from tests.billing.acts import as_worker
from tests.crowd import copies, explained, neighbors, put, uuid_of
from tests.notifications.acts import only
from tests.world import World

MANY = 5_000
FEW = 10
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
JUST_NOW = datetime(2026, 1, 1, tzinfo=UTC)
DELIVERIES = """
with made as (
  insert into events (organization_id, id, type, resource_type, resource_id, api_version, data, created_at)
  select %(owner)s, gen_random_uuid(), 'x', 'x', 'x', '1', '{}', %(at)s from generate_series(1, %(each)s) returning id
)
insert into webhook_deliveries (organization_id, id, endpoint_id, event_id, status, created_at, next_attempt_at)
select %(owner)s, gen_random_uuid(), %(endpoint)s, id, 'pending', %(at)s, %(at)s from made
"""

# In this transaction so far, and in those before it that Postgres has not written down yet, which it does once a second.
ROWS_READ = text(
    "select sum(seq_tup_read + idx_tup_fetch) from pg_stat_xact_user_tables where relname in ('webhook_deliveries', 'events')"
)


def plant(connection: psycopg.Connection, world: World) -> dict[str, Due]:
    """One row of each kind, which is due."""
    whose: dict[str, Any] = {"organization_id": world.acme.id, "next_attempt_at": LONG_AGO}
    said = {"subject": "A mail", "html": "x", "text": "x", "recipient": "ada@example.com", "status": "pending"}
    put(connection, "emails", id=new_id("em"), kind="receipt", dedupe_key="first", created_at=LONG_AGO, **said, **whose)
    event = {"processor_account_id": world.acme.account_id, "external_id": "evt", "type": "x", "payload": b"{}"}
    put(connection, "inbox_events", id=new_id("inb"), status="received", received_at=LONG_AGO, **event, **whose)
    one = {"number": 1, "due_on": date(2020, 1, 1), "due_at": LONG_AGO, "principal": 1, "interest": 0}
    put(connection, "installments", id=new_id("inst"), agreement_id=new_id("agr"), created_at=LONG_AGO, **one, **whose)
    return {
        "emails": Due(Email, Email.next_attempt_at, by_real_time=True),
        "inbox_events": Due(InboxEvent, InboxEvent.next_attempt_at, by_real_time=True),
        "installments": Due(Installment, Installment.next_attempt_at),
    }


def test_very_many_due_of_one_organization_keep_no_other_waiting_whatever_they_are(
    world: World, superuser: psycopg.Connection
) -> None:
    kinds = plant(superuser, world)
    others = neighbors(superuser, world, 10)
    for table in kinds:
        for owner in others:
            copies(superuser, table, world.acme.id, FEW, organization_id=owner)
        copies(superuser, table, world.acme.id, MANY)
        superuser.execute(f"analyze {table}")  # type: ignore[arg-type]
    with world.worker_app.app_context():
        set_organization(None)
        for table, rows in kinds.items():
            taken = Counter(owner for _ in range(2) for owner, _ in rows.claim(drain.BATCH))
            assert {owner: taken[owner] for owner in others} == dict.fromkeys(others, FEW), table
            assert taken[world.acme.id] >= FEW, table
            assert f"Seq Scan on {table}" not in explained(rows, world.acme.id), table


def test_the_rows_of_a_batch_come_in_turn() -> None:
    keys = [("a", "1"), ("a", "2"), ("a", "3"), ("b", "4"), ("c", "5"), ("c", "6")]
    assert [row_id for _, row_id in in_turn(keys)] == ["1", "4", "5", "2", "6", "3"]
    assert in_turn([]) == []


def test_mails_of_one_go_out_while_very_many_of_another_wait(world: World, superuser: psycopg.Connection) -> None:
    plant(superuser, world)
    (other,) = neighbors(superuser, world, 1)
    superuser.execute("update emails set recipient = 'few@example.com'")
    copies(superuser, "emails", world.acme.id, 5, organization_id=other)
    superuser.execute(
        "update emails set recipient = 'many@example.com' where organization_id = %s", [uuid_of(world.acme.id)]
    )
    copies(superuser, "emails", world.acme.id, 59)
    as_worker(world, emails.send_due)()
    sent = [mail["to"][0] for mail in world.mails()]
    assert Counter(sent) == {"many@example.com": 60, "few@example.com": 5}
    assert max(place for place, to in enumerate(sent) if to == "few@example.com") < 20


def test_deliveries_to_a_hundred_endpoints_of_one_leave_room_for_those_of_others(
    world: World, superuser: psycopg.Connection
) -> None:
    only(world)
    wide, others = world.acme.id, neighbors(superuser, world, 10)
    lanes_of(superuser, world, wide, endpoints=40, each=20, at=LONG_AGO)
    for owner in others:
        lanes_of(superuser, world, owner, endpoints=1, each=5, at=JUST_NOW)
    with world.worker_app.app_context():
        set_organization(None)
        first = lanes.claim([])
        taken = Counter(parcel.key[0] for parcel in first)
        assert {owner: taken[owner] for owner in others} == dict.fromkeys(others, 5)
        assert taken[wide] == lanes.ROOM - 50, "what the others do not need is the large one's"
        lanes_of(superuser, world, others[0], endpoints=20, each=5, at=JUST_NOW)
        under_way = [parcel for parcel in first if parcel.key[0] == wide]
        second = Counter(parcel.key[0] for parcel in lanes.claim(under_way))
        assert second == {others[0]: lanes.ROOM - len(under_way)}, "what is under way counts as a turn"


def test_a_batch_reads_what_it_sends_however_much_waits_that_nobody_has_counted(
    world: World, superuser: psycopg.Connection
) -> None:
    only(world)
    lanes_of(superuser, world, world.acme.id, endpoints=4, each=1_000, at=LONG_AGO)
    with world.worker_app.app_context(), transaction() as session:
        set_organization(None)
        before = session.scalar(ROWS_READ)
        taken = lanes.take([])
        read = session.scalar(ROWS_READ) - before
    assert len(taken) == 4 * (lanes.PER_LANE + lanes.AHEAD)
    assert read < 10 * len(taken)


def lanes_of(connection: psycopg.Connection, world: World, owner: str, endpoints: int, each: int, at: datetime) -> None:
    """Endpoints of an organization, each with deliveries that are due."""
    for _ in range(endpoints):
        endpoint = new_id("we")
        copies(connection, "webhook_endpoints", world.acme.id, 1, organization_id=owner, id=endpoint, enabled="true")
        given = {"owner": uuid_of(owner), "endpoint": uuid_of(endpoint), "each": each, "at": at}
        connection.execute(DELIVERIES, given)


# --- A worker that does everything --------------------------------------------------------------------------------------------


def test_a_run_ends_after_its_turn_where_other_work_waits_and_goes_on_where_none_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "TURN_SECONDS", 0.05)
    waits = [False]
    monkeypatch.setattr(drain, "others_wait", lambda: waits[0])
    steps = iter(range(1000))

    def step() -> tuple[int, int]:
        time.sleep(0.02)
        number = next(steps)
        waits[0] = number >= 10
        return int(number < 20), 0

    assert as_worker(world, lambda: drain.drain("a run", step))() == 11
    waits[0] = False
    steps = iter(range(11, 1000))
    monkeypatch.setattr(drain, "others_wait", lambda: False)
    assert as_worker(world, lambda: drain.drain("the rest", step))() == 9


def test_what_waits_for_a_worker_is_asked_of_the_queues_it_serves(world: World) -> None:
    assert not queue.anything_waits(["emails", "webhooks"])
    queue.wake_now(queue.SEND_EMAILS)
    assert queue.anything_waits(["emails", "webhooks"])
    assert not queue.anything_waits(["webhooks", "charges"])
    assert not queue.anything_waits([])


def told_to_stop(act: Any) -> Any:
    """As `act`, by a worker that is told to stop while it does the first of them."""

    def stop_and_act(*given: Any) -> Any:
        drain.stopping.set()
        return act(*given)

    return stop_and_act


def test_a_batch_gives_back_at_its_deadline_what_it_has_not_started_whoever_lets_it_wait(
    world: World, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds, most = plant(superuser, world), {"emails": emails.THREADS, "inbox_events": inbox.THREADS, "installments": 2}
    for table in kinds:
        copies(superuser, table, world.acme.id, FEW * 6)

    def slowly(*_given: Any) -> Any:
        time.sleep(0.5)
        return "applied"

    monkeypatch.setattr(drain, "BATCH_SECONDS", 0.4)
    monkeypatch.setattr(inbox, "_apply", slowly)
    monkeypatch.setattr(emails, "_post", lambda _letter: (slowly(), emails.Posted("sent"))[1])
    assert as_worker(world, emails.send_due)() == most["emails"]
    assert as_worker(world, inbox.apply_due)() == most["inbox_events"]
    assert as_worker(world, lambda: charging.work(kinds["installments"], slowly, 2))() == (2, 0)
    for table in ("emails", "inbox_events"):
        assert free(superuser, table) == FEW * 6 + 1 - most[table], table
    held = superuser.execute("select count(*) from installments where lease_until is not null").fetchone()
    assert held == (0,)


def test_a_lease_of_events_outlasts_the_last_call_that_is_begun_in_time(world: World) -> None:
    with world.worker_app.app_context():
        slowest = world.settings.processor_connect_timeout + world.settings.braintree_read_timeout
        assert inbox._lease() > timedelta(seconds=drain.BATCH_SECONDS + slowest)


def free(connection: psycopg.Connection, table: str) -> int:
    """How many of a table are due that nobody holds and nobody has tried."""
    found = connection.execute(f"select count(*) from {table} where next_attempt_at <= now() and lease_until is null")  # type: ignore[arg-type]
    return int((found.fetchone() or (0,))[0])


def test_a_worker_told_to_stop_gives_back_what_it_has_not_started_and_another_takes_it_at_once(
    world: World, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = plant(superuser, world)
    woken: list[str] = []
    monkeypatch.setattr(queue, "wake_now", woken.append)
    for table in kinds:
        copies(superuser, table, world.acme.id, FEW * 6)
    done: list[Any] = []

    def collect() -> tuple[int, int]:
        return charging.work(kinds["installments"], told_to_stop(lambda *key: done.append(key)), 2)

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(emails, "_post", told_to_stop(emails._post))
            assert 1 <= as_worker(world, emails.send_due)() <= emails.THREADS
        drain.stopping.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(inbox, "_apply", told_to_stop(lambda _event: "applied"))
            assert 1 <= as_worker(world, inbox.apply_due)() <= inbox.THREADS
        drain.stopping.clear()
        taken, failed = as_worker(world, collect)()
    finally:
        drain.stopping.clear()
    assert (taken, failed) == (len(done), 0)
    assert taken <= 2
    assert woken == [queue.SEND_EMAILS, queue.APPLY_INBOX]
    for table, most in (("emails", emails.THREADS), ("inbox_events", inbox.THREADS), ("installments", 0)):
        assert FEW * 6 + 1 - most <= free(superuser, table), table
    left = free(superuser, "emails")
    assert as_worker(world, emails.send_due)() == left
    assert (len(world.mails()), free(superuser, "emails")) == (FEW * 6 + 1, 0)
