"""The platform's jobs: what waits, who works, what ran, what failed with its trace, running something now, and a dry run."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from redis import Redis
from rq import Queue, SimpleWorker

from ballast import queue
from ballast.billing import inbox
from ballast.db import organization, set_organization, transaction
from ballast.models import Organization, Subscription
from tests.api.selling import Seller
from tests.pages.dashboard import after, page, send
from tests.world import Api, World

HOME = "/platform/jobs"


@pytest.fixture
def redis(world: World) -> Iterator[Redis]:
    with Redis.from_url(world.settings.redis_url) as connection:
        yield connection


def work(world: World, redis: Redis, name: str) -> None:
    """A worker of this process takes what waits in a queue, and goes home."""
    with world.worker_app.app_context():
        set_organization(None)
        SimpleWorker([Queue(name, connection=redis)], connection=redis).work(burst=True, logging_level="CRITICAL")


def test_a_job_is_asked_for_waits_runs_and_is_on_record(world: World, api: Api, redis: Redis) -> None:
    api.pay()
    staff = world.sign_in("staff")
    asked = after(staff, send(staff, HOME, f"{HOME}/run/billing.rollups.add_due"))
    assert "billing.rollups.add_due waits in the queue default." in asked
    assert "every 3s" in asked, "it is watched while something waits"
    work(world, redis, "default")
    assert "Add figures" in page(staff, f"{HOME}/runs")
    assert "Add figures" in page(staff, f"{HOME}/runs?name=add_figures")
    assert "No runs like this" in page(staff, f"{HOME}/runs?failing=yes")
    assert send(staff, HOME, f"{HOME}/run/os.system").status_code == 404


def test_a_job_that_raised_shows_its_trace_and_runs_again_or_is_forgotten(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = world.sign_in("staff")

    def fall() -> int:
        raise RuntimeError("the sky fell")

    with monkeypatch.context() as broken:
        broken.setattr(inbox, "apply_due", fall)
        assert queue.ask(queue.APPLY_INBOX)
        work(world, redis, "inbox")
    listed = page(staff, HOME)
    address = re.search(rf'href="({HOME}/failed/[\w-]+)"', listed)
    assert address
    assert "RuntimeError: the sky fell" in listed
    assert "Traceback (most recent call last)" in page(staff, address[1])
    assert "The job waits in its queue again." in after(staff, send(staff, address[1], f"{address[1]}/retry"))
    work(world, redis, "inbox")
    assert "the sky fell" not in page(staff, HOME)
    assert staff.get(address[1]).status_code == 404
    assert send(staff, HOME, f"{address[1]}/forget").status_code == 404


def test_a_dry_run_says_what_would_happen_and_changes_nothing(world: World, api: Api) -> None:
    started = Seller(api).start()
    with organization(world.acme.id), transaction() as session:
        row = session.get(Subscription, (world.acme.id, started["id"]))
        assert row
        session.get_one(Organization, world.acme.id).clock_at = row.current_period_end
    staff, charges = world.sign_in("staff"), world.charges()
    told = send(staff, HOME, f"{HOME}/rehearse", organization="acme", what="charge").get_data(as_text=True)
    assert "1 thing would happen for acme now." in told
    assert "$24.00" in told
    assert world.charges() == charges
    assert send(staff, HOME, f"{HOME}/rehearse", organization="acme", what="remind").status_code == 200
    assert send(staff, HOME, f"{HOME}/rehearse", organization="nobody", what="charge").status_code == 422


def test_without_redis_the_page_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    staff = world.sign_in("staff")
    away = Redis(host="127.0.0.1", port=9, socket_connect_timeout=0.1)
    monkeypatch.setattr(queue, "client", lambda: away)
    assert "Redis is away." in page(staff, HOME)
