"""Our own machines have jobs run with a token; without it there is nothing to do here."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis
from rq import Queue

from ballast import queue
from tests.world import World

TOKEN = "a token of the tests"


def ask(world: World, job: str, token: str | None = TOKEN) -> tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answer = world.app.test_client().post(f"/internal/jobs/{job}", headers=headers)
    body = answer.get_json()
    return answer.status_code, body.get("error", {}).get("code") or body


@pytest.fixture
def machines(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(world.settings, "jobs_internal_api_token", TOKEN)
    return world


@pytest.mark.parametrize("name", ["audit.seals.seal_due", "ballast.audit.seals.seal_due"])
def test_a_job_of_the_schedule_waits_in_its_queue(machines: World, name: str) -> None:
    said = {"job": queue.SEAL_AUDIT, "queue": "default", "status": "enqueued"}
    assert ask(machines, name) == (202, said)
    assert ask(machines, name) == (202, said), "one that waits is enough"
    with Redis.from_url(machines.settings.redis_url) as redis:
        assert [job.func_name for job in Queue("default", connection=redis).jobs] == [queue.SEAL_AUDIT]


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], "ä"])
def test_another_token_or_none_is_refused(machines: World, token: str | None) -> None:
    assert ask(machines, "audit.seals.seal_due", token) == (401, "internal_token_invalid")
    with Redis.from_url(machines.settings.redis_url) as redis:
        assert Queue("default", connection=redis).jobs == []


@pytest.mark.parametrize("token", [None, "", TOKEN])
def test_where_no_token_is_set_nobody_gets_in(world: World, token: str | None) -> None:
    assert ask(world, "audit.seals.seal_due", token) == (404, "resource_missing")


@pytest.mark.parametrize("job", ["nothing", "os.system", "ballast.identity.bans.ban", "audit.seals"])
def test_only_jobs_of_the_schedule_are_run(machines: World, job: str) -> None:
    assert ask(machines, job) == (404, "resource_missing")


def test_without_redis_it_says_so(machines: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines.settings, "redis_url", "redis://127.0.0.1:1/0")
    assert ask(machines, "audit.seals.seal_due") == (503, "queue_unavailable")
