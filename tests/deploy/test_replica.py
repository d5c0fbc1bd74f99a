"""With a replica, the dashboard reads there and nothing else does.

The replica of these tests is a copy of the database as it was when the test began, which refuses to be written: whatever is seen that
happened later was not read there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ballast import replica
from ballast.local.ports import any_free
from ballast.local.postgres import Postgres
from tests.books.test_restore import ELSEWHERE, dump_and_restore
from tests.deploy.serving import let_go, served
from tests.world import Api, Browser, World, csrf


def with_replica(world: World, replica_url: str) -> None:
    """Have the world's browsers meet a web application that knows this replica."""
    world.app = served(world.settings.model_copy(update={"database_replica_url": replica_url}))


@pytest.fixture
def copied(world: World, api: Api, postgres: Postgres, tmp_path: Path) -> Iterator[str]:
    """The address of a copy of the database with one payment in it."""
    assert api.pay(amount=1111).status_code == 201
    dump_and_restore(postgres, tmp_path)
    with psycopg.connect(postgres.superuser_url, autocommit=True) as connection:
        connection.execute(f"alter database {ELSEWHERE} set default_transaction_read_only = on")
        yield world.settings.database_url.rpartition("/")[0] + f"/{ELSEWHERE}"
        let_go(world, world.app)
        connection.execute(f"drop database if exists {ELSEWHERE} with (force)")


def payments_seen(client: Browser) -> list[bool]:
    """Whether the payments of $11.11 and of $22.22 are on the dashboard's list."""
    page = client.get("/admin/payments").get_data(as_text=True)
    return ["11.11" in page, "22.22" in page]


def test_the_dashboard_looks_at_the_replica_and_sees_its_own_changes(world: World, copied: str) -> None:
    with_replica(world, copied)
    owner, api = world.sign_in("owner"), world.api(world.acme.api_key)
    made = api.pay(amount=2222)
    assert made.status_code == 201
    with owner.session_transaction() as session:
        session.pop("changed_at", None)  # signing in is a form too
    assert payments_seen(owner) == [True, False], "read where it is written"
    payment_id = made.get_json()["id"]
    assert api.get(f"/payments/{payment_id}").status_code == 200, "the API never reads there"
    page = owner.get("/admin/payments").get_data(as_text=True)
    assert owner.post("/sign-in", data={"csrf_token": csrf(page)}).status_code < 500
    assert payments_seen(owner) == [True, True], "who has just sent a form sees what came of it"


def test_a_role_that_was_taken_away_holds_at_once_whatever_the_replica_knows(world: World, copied: str) -> None:
    with_replica(world, copied)
    viewer = world.sign_in("viewer")
    assert viewer.get("/admin/payments").status_code == 200
    with psycopg.connect(copied.replace("+psycopg", "").replace(ELSEWHERE, "ballast")) as connection:
        connection.execute("select set_config('app.organization', %s, false)", [uuid_of(world.acme.id)])
        connection.execute("delete from memberships where role = 'viewer'")
    with viewer.session_transaction() as session:
        session.pop("changed_at", None)
    assert viewer.get("/admin/payments").status_code == 403


def test_a_replica_that_is_away_is_not_missed(world: World, api: Api) -> None:
    assert api.pay(amount=1111).status_code == 201
    with_replica(world, f"postgresql+psycopg://ballast_app:x@127.0.0.1:{any_free()}/ballast")
    try:
        owner = world.sign_in("owner")
        with owner.session_transaction() as session:
            session.pop("changed_at", None)
        assert payments_seen(owner) == [True, False]
        assert not replica.is_known(), "it is left alone for a while"
    finally:
        let_go(world, world.app)


def uuid_of(public_id: str) -> str:
    from ballast.ids import to_uuid

    return str(to_uuid(public_id, "org"))
