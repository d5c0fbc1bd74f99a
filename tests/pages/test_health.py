"""Whether we are up, and whether what we depend on is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from ballast import config
from ballast.clock import real_time
from ballast.local.ports import any_free
from tests.statements import counted
from tests.world import World


@pytest.fixture
def without_redis(world: World) -> Iterator[None]:
    """A Redis address where nobody answers."""
    config.use(world.settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{any_free()}/0"}))
    yield
    config.use(world.settings)


def test_health_answers_without_asking_anything(world: World) -> None:
    with counted(world.app) as seen:
        answer = world.app.test_client().get("/health")
    assert seen == []
    body = answer.get_json()
    assert (answer.status_code, body["status"]) == (200, "ok")
    assert abs(datetime.fromisoformat(body["timestamp"]) - real_time()) < timedelta(seconds=10)


def test_readiness_names_what_it_depends_on(world: World) -> None:
    answer = world.app.test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json()["status"] == "ok"
    assert answer.get_json()["depends_on"] == {"postgres": "ok", "redis": "ok"}


def test_without_redis_we_are_degraded_but_ready_and_say_so_at_once(world: World, without_redis: None) -> None:
    began = time.monotonic()
    answer = world.app.test_client().get("/readyz")
    assert time.monotonic() - began < 1.5
    assert answer.status_code == 200
    assert answer.get_json()["status"] == "degraded"
    assert answer.get_json()["depends_on"] == {"postgres": "ok", "redis": "ConnectionError"}


def test_without_redis_a_payment_is_taken_all_the_same(world: World, without_redis: None) -> None:
    assert world.api(world.acme.api_key).pay().status_code == 201
    assert len(world.charges()) == 1


def test_without_postgres_we_are_not_ready_and_leak_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    from ballast.db import db

    def refuse(*_args: object, **_more: object) -> None:
        raise OperationalError("select 1", {}, Exception("could not connect to db.internal as ballast_app"))

    monkeypatch.setattr(db.session, "execute", refuse)
    answer = world.app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["status"] == "unavailable"
    assert "db.internal" not in answer.get_data(as_text=True)
