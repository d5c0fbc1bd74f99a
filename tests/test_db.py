"""The one way to commit, what runs after it, and who is asking."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from ballast.connections import past_session
from ballast.db import (
    after_commit,
    assert_no_transaction,
    current_organization,
    db,
    end_reading,
    glance,
    look,
    once,
    organization,
    own_session,
    set_organization,
    transaction,
)
from ballast.ids import to_uuid
from ballast.models import Customer
from tests.billing.acts import Died, at_once, rows
from tests.world import World


def add_customer(world: World, name: str = "Ada") -> None:
    db.session.add(Customer(organization_id=world.acme.id, name=name))


def asked_for() -> str:
    """The organization Postgres was told."""
    return str(db.session.scalar(text("select coalesce(current_setting('app.organization', true), '')")))


def test_what_a_statement_was_given_is_not_in_its_error(world: World) -> None:
    with organization(world.acme.id), pytest.raises(DataError) as failed, transaction():
        add_customer(world, "Ada of the \0 typed this")
    assert "typed this" not in str(failed.value)
    assert "INSERT INTO customers" in str(failed.value)


def test_moments_come_in_utc_whatever_zone_the_server_is_set_to(world: World, superuser: psycopg.Connection) -> None:
    superuser.execute("alter database ballast set timezone = 'Asia/Kolkata'")
    try:
        db.engine.dispose()
        with organization(world.acme.id), transaction() as session:
            session.add(Customer(organization_id=world.acme.id, name="Ada"))
        (made,) = rows(world, Customer)
        assert made.created_at.utcoffset() == timedelta()
        assert made.created_at.isoformat().endswith("+00:00")
        assert db.session.scalar(text("show timezone")) == "UTC"
    finally:
        superuser.execute("alter database ballast reset timezone")


@pytest.mark.parametrize("error", [RuntimeError, Died, KeyboardInterrupt])
def test_after_any_error_nothing_remains_and_nothing_runs(world: World, error: type[BaseException]) -> None:
    ran: list[int] = []

    def fail() -> None:
        with organization(world.acme.id), transaction():
            add_customer(world)
            db.session.flush()
            after_commit(lambda: ran.append(1))
            raise error

    with pytest.raises(error):
        fail()
    assert_no_transaction()
    assert rows(world, Customer) == []
    with organization(world.acme.id), transaction():
        add_customer(world)
    assert ran == []
    assert len(rows(world, Customer)) == 1


def test_callbacks_run_after_the_commit_once_each(world: World) -> None:
    ran: list[str] = []

    def note() -> None:
        assert_no_transaction()
        ran.append("noted")

    with organization(world.acme.id), transaction():
        add_customer(world)
        after_commit(note)
        after_commit(note)
        assert ran == []
    assert ran == ["noted"]


def test_a_commit_that_fails_runs_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []

    def commit_twice_the_same() -> None:
        with organization(world.acme.id), transaction() as session:
            after_commit(lambda: ran.append(1))
            monkeypatch.setattr(session, "commit", lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        commit_twice_the_same()
    assert ran == []


def test_transactions_do_not_nest_and_the_outer_one_is_undone(world: World) -> None:
    def nest() -> None:
        with organization(world.acme.id), transaction():
            add_customer(world)
            with transaction():
                add_customer(world)

    with pytest.raises(RuntimeError, match="does not nest"):
        nest()
    assert rows(world, Customer) == []


def test_a_callback_outside_a_transaction_is_refused_not_lost(world: World) -> None:
    with transaction():
        pass
    with pytest.raises(RuntimeError, match="outside"):
        after_commit(lambda: None)


def test_reading_ends_but_not_inside_a_transaction(world: World) -> None:
    db.session.execute(text("select 1"))
    with pytest.raises(RuntimeError, match="transaction is open"):
        assert_no_transaction()
    end_reading()
    assert_no_transaction()

    def end_inside() -> None:
        with transaction():
            end_reading()

    with pytest.raises(RuntimeError, match="inside"):
        end_inside()


def test_postgres_is_told_who_is_asking_in_every_transaction_and_forgets_it_after(world: World) -> None:
    inside = str(to_uuid(world.acme.id, "org"))
    with organization(world.acme.id):
        assert asked_for() == inside
        db.session.rollback()
        assert asked_for() == inside
        with organization(world.stranger.id):
            assert asked_for() == str(to_uuid(world.stranger.id, "org"))
        assert asked_for() == inside
    assert asked_for() == ""
    db.session.rollback()
    assert asked_for() == ""
    db.session.rollback()
    assert current_organization() is None


def test_a_thread_has_its_own_session_and_its_own_organization(world: World) -> None:
    set_organization(world.acme.id)
    mine = db.session()

    def look() -> tuple[bool, str | None]:
        with own_session():
            set_organization(world.stranger.id)
            return db.session() is mine, current_organization()

    assert at_once(world.app, look, look) == [(False, world.stranger.id)] * 2
    assert current_organization() == world.acme.id
    set_organization(None)


def test_a_request_that_looks_asks_once_and_a_transaction_each_time(world: World) -> None:
    asked: list[int] = []

    def ask() -> int:
        asked.append(len(asked))
        return asked[-1]

    with world.app.app_context():
        assert [glance("key", ask), glance("key", ask)] == [0, 1], "nobody said that it only looks"
        look()
        assert [glance("key", ask), glance("key", ask)] == [2, 2]
        with transaction():
            assert [glance("key", ask), glance("key", ask)] == [3, 4], "there it may change meanwhile"
            assert [once("key", ask), once("key", ask)] == [5, 5]
        assert glance("key", ask) == 6, "what was read before a transaction is not taken for what is after it"


def test_past_the_session_as_many_connections_are_kept_as_threads_ask_at_once(world: World) -> None:
    """docs/growth.md counts on it: eight of the pool, and one apart for each thread."""
    db.engine.dispose()
    meeting = Barrier(4)

    def ask() -> int:
        with past_session(db.engine) as connection:
            meeting.wait(10)
            (pid,) = connection.execute("select pg_backend_pid()").fetchone() or (0,)
        return int(pid)

    first, again = at_once(world.app, *[ask] * 4), at_once(world.app, *[ask] * 4)
    assert len(set(first)) == 4
    assert set(again) == set(first)
    assert (db.engine.pool.size(), db.engine.pool._max_overflow) == (8, 0)  # type: ignore[attr-defined]
