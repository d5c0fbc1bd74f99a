"""Behind PgBouncer in transaction mode a connection serves somebody else in the next transaction: nothing may hang on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from ballast import config
from ballast.config import ConfigurationError, Settings
from ballast.db import db, set_organization
from ballast.local.postgres import Postgres
from ballast.notifications import webhooks
from ballast.wiring import build
from tests.deploy import bouncer as bouncers
from tests.deploy.bouncer import FOLLOWS_PREPARED, Bouncer
from tests.deploy.serving import let_go, served
from tests.world import Api, World

WHO = "select current_setting('app.organization', true)"


@pytest.fixture(scope="module")
def bouncer(app: Flask, postgres: Postgres) -> Iterator[Bouncer]:
    with bouncers.running(postgres) as running:
        yield running


@pytest.fixture
def pooled(world: World, bouncer: Bouncer) -> Iterator[Settings]:
    """The test world's settings, by way of PgBouncer."""
    yield world.settings.model_copy(
        update={
            "database_pooling": "transaction",
            "database_url": bouncer.address(world.settings.database_url),
            "database_worker_url": bouncer.address(world.settings.database_worker_url),
        }
    )
    config.use(world.settings)


def test_two_organizations_pay_over_two_connections_and_neither_sees_the_other(world: World, pooled: Settings) -> None:
    app, worker = served(pooled), served(pooled, "worker")
    keys = {world.acme.id: world.acme.api_key, world.stranger.id: world.stranger.api_key}

    def pay_and_look(number: int) -> tuple[str, int, set[str]]:
        owner = list(keys)[number % 2]
        api = Api(app.test_client(), keys[owner])
        paid = api.pay(amount=2000 + number)
        seen = {one["id"] for one in api.get("/payments", limit=100).get_json()["data"]}
        assert paid.get_json()["id"] in seen
        return owner, paid.status_code, seen

    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(pay_and_look, range(10)))
        told = _deliver(world, worker)
    finally:
        let_go(world, app, worker)
    assert Counter(status for _owner, status, _seen in found) == {201: 10}
    of_acme, of_stranger = (set().union(*(seen for owner, _, seen in found if owner == one)) for one in keys)
    assert (len(of_acme), len(of_stranger), of_acme & of_stranger) == (5, 5, set())
    assert [one for one in of_acme | of_stranger if one not in told] == []


def _deliver(world: World, worker: Flask) -> str:
    """All that was sent to endpoints."""
    with worker.app_context():
        set_organization(None)
        while webhooks.deliver_due():
            continue
    return "".join(event["body"] for event in world.received())


def test_what_a_transaction_said_of_its_organization_ends_with_it(world: World, bouncer: Bouncer) -> None:
    """The same connection to PostgreSQL, the next client: it is told nothing, and sees no row."""
    address = bouncer.address(bouncer.server.app_url)
    with psycopg.connect(address, prepare_threshold=None) as first, psycopg.connect(address) as second:
        first.execute("begin; select set_config('app.organization', gen_random_uuid()::text, true)")
        backend = first.execute("select pg_backend_pid()").fetchone()
        assert first.execute(WHO).fetchone() != ("",)
        first.commit()
        backends = set()
        for _ in range(4):
            assert second.execute(WHO).fetchone() in ((None,), ("",))
            assert second.execute("select count(*) from organizations").fetchone() == (0,)
            backends.add(second.execute("select pg_backend_pid()").fetchone())
            second.commit()
        assert backend in backends, "they never shared a connection, so this proved nothing"


def test_moments_come_in_utc_through_it_too(world: World, pooled: Settings, postgres: Postgres) -> None:
    with psycopg.connect(postgres.superuser_url, autocommit=True) as superuser:
        superuser.execute("alter role ballast_app set timezone = 'Asia/Kolkata'")
        app = served(pooled)
        try:
            with app.app_context():
                assert db.session.scalar(text("show timezone")) == "UTC"
        finally:
            superuser.execute("alter role ballast_app reset timezone")
            let_go(world, app)


def statement_after_statement(world: World, settings: Settings) -> set[int]:
    """The same statement as often as a driver prepares it, by several at once; the connections to PostgreSQL that answered."""
    app = served(settings)

    def ask(number: int) -> int:
        with app.app_context():
            found: int = db.session.execute(text("select pg_backend_pid() + 0 * :n"), {"n": number}).scalar_one()
            db.session.commit()  # the driver forgets what it prepared where a transaction is rolled back
            db.session.remove()
        return found

    try:
        with ThreadPoolExecutor(6) as pool:
            return set(pool.map(ask, range(200)))
    finally:
        let_go(world, app)


def test_a_statement_that_is_sent_again_and_again_is_answered_by_every_connection(
    world: World, pooled: Settings
) -> None:
    assert len(statement_after_statement(world, pooled)) > 1


def test_prepared_statements_work_where_pgbouncer_follows_them_and_nowhere_else(
    world: World, pooled: Settings, postgres: Postgres
) -> None:
    """Why DATABASE_POOLING turns them off: an older PgBouncer hands the next transaction a connection that knows of none."""
    asked = pooled.model_copy(update={"database_prepared_statements": True})
    if bouncers.version() < FOLLOWS_PREPARED:
        with pytest.raises(Exception, match=r"prepared statement .* (does not exist|already exists)"):
            statement_after_statement(world, asked)
        return
    with bouncers.running(postgres, PGBOUNCER_PREPARED_STATEMENTS="200") as follows:
        address = follows.address(world.settings.database_url)
        assert len(statement_after_statement(world, asked.model_copy(update={"database_url": address}))) > 1


def test_a_role_cannot_be_taken_on_a_connection_that_others_get_in_between(
    pooled: Settings, postgres: Postgres
) -> None:
    one_for_all = pooled.model_copy(update={"database_url": postgres.owner_url})
    with pytest.raises(ConfigurationError, match="must sign in as ballast_app"):
        build("app", one_for_all)


def test_it_leads_to_the_database_it_is_told_as_after_a_restore(postgres: Postgres) -> None:
    with (
        bouncers.running(postgres, POSTGRES_DATABASE="template1") as elsewhere,
        psycopg.connect(elsewhere.address(postgres.app_url), prepare_threshold=None) as connection,
    ):
        assert connection.execute("select current_database()").fetchone() == ("template1",)
