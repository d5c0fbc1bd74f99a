"""The queue is a wake-up: prompt when it works, and nothing is lost when it does not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue

from ballast import config, queue, working
from ballast.clock import real_time, shifted
from ballast.db import organization, transaction
from ballast.local.ports import any_free
from ballast.local.valkey import Valkey
from ballast.models import Email, WebhookDelivery
from ballast.ticking import Cron
from tests.billing.acts import Shopper, attempts, rows, taken
from tests.local.checkout import wait_for
from tests.world import Api, World

ROOT = Path(__file__).parent.parent


@pytest.fixture
def redis(world: World, valkey: Valkey) -> Iterator[Redis]:
    """The queue's server, empty."""
    client = Redis.from_url(valkey.url)
    client.flushall()
    yield client
    client.flushall()
    client.close()


@pytest.fixture
def no_queue(world: World) -> Iterator[None]:
    """Nobody listens where the queue should be."""
    config.use(world.settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{any_free()}/0"}))
    yield
    config.use(world.settings)


@pytest.fixture
def silent_queue(world: World) -> Iterator[None]:
    """Somebody listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        config.use(world.settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"}))
        yield
        config.use(world.settings)
        queue._waker.cache_clear()


def waiting(redis: Redis) -> dict[str, int]:
    return {name: Queue(name, connection=redis).count for name in queue.QUEUES}


def jobs(redis: Redis) -> list[str]:
    return [job.func_name for name in queue.QUEUES for job in Queue(name, connection=redis).jobs]


@pytest.mark.parametrize("trouble", ["no_queue", "silent_queue"])
def test_a_queue_that_is_down_neither_stops_nor_slows_a_payment(
    world: World, api: Api, trouble: str, request: pytest.FixtureRequest
) -> None:
    api.pay()
    request.getfixturevalue(trouble)
    lost = queue.lost_wake_ups
    started = time.monotonic()
    assert api.pay().get_json()["status"] == "succeeded"
    assert time.monotonic() - started < 1
    assert queue.lost_wake_ups > lost
    world.drain()
    assert {row.status for row in rows(world, WebhookDelivery)} == {"delivered"}


def test_a_queue_wiped_while_mails_and_events_wait_loses_none(world: World, redis: Redis) -> None:
    shopper = Shopper(world)
    shopper.pay(shopper.buy())
    assert set(jobs(redis)) == {queue.DELIVER, queue.SEND_EMAILS}
    redis.flushall()
    assert jobs(redis) == []
    world.drain()
    assert {row.status for row in rows(world, WebhookDelivery)} == {"delivered"}
    assert {row.status for row in rows(world, Email)} == {"sent"}
    assert len(world.mails()) == 1
    assert all(got["valid"] for got in world.received())


def test_one_commit_wakes_a_worker_once_per_job(world: World, redis: Redis) -> None:
    with organization(world.acme.id), transaction():
        for _ in range(5):
            queue.wake(queue.DELIVER)
            queue.wake(queue.RESOLVE)
        assert jobs(redis) == []
    assert sorted(jobs(redis)) == [queue.RESOLVE, queue.DELIVER]


def test_a_wake_up_that_waits_is_enough_until_it_has_begun(world: World, redis: Redis) -> None:
    for _ in range(3):
        queue.wake_now(queue.DELIVER)
    assert waiting(redis)["webhooks"] == 1
    queue.forget_mark(queue.DELIVER)
    queue.wake_now(queue.DELIVER)
    assert waiting(redis)["webhooks"] == 2
    assert 0 < redis.ttl(f"ballast:woken:{queue.DELIVER}") <= queue.MARK_SECONDS


def test_a_transaction_that_failed_wakes_nobody(world: World, redis: Redis) -> None:
    def fail() -> None:
        with organization(world.acme.id), transaction():
            queue.wake(queue.DELIVER)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fail()
    assert jobs(redis) == []


def test_every_scheduled_job_is_a_function_and_every_queue_is_worked(world: World) -> None:
    import importlib

    for job, (name, seconds) in queue.SCHEDULE.items():
        module, _, function = job.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))
        assert name in queue.QUEUES
        assert seconds > 0


def test_a_wake_up_is_short_lived_and_names_its_function(world: World, redis: Redis) -> None:
    queue.wake_now(queue.SEND_EMAILS)
    (job,) = Queue("emails", connection=redis).jobs
    assert (job.func_name, job.ttl, job.timeout) == (queue.SEND_EMAILS, 60, queue.JOB_TIMEOUT)


def test_a_clock_that_is_set_back_does_not_stop_the_sweepers(redis: Redis) -> None:
    cron = Cron(connection=redis)
    cron.register(queue.forget_mark, "webhooks", (queue.DELIVER,), interval=5)
    with shifted(timedelta(hours=1)):
        (sweeper,) = cron.get_jobs()
        sweeper.set_enqueue_time(real_time())
    assert sweeper.next_enqueue_time > real_time() + timedelta(minutes=59)
    assert 0 < cron.calculate_sleep_interval() <= 5
    with shifted(timedelta(seconds=6)):
        assert sweeper.next_enqueue_time < real_time()
    forward = sweeper.next_enqueue_time
    cron.calculate_sleep_interval()
    assert sweeper.next_enqueue_time == forward, "a clock that runs leaves it where it is"


BURST = """
import worker
from rq import Queue
from ballast import config, queue, working
connection = queue.connect(config.current().redis_url)
queues = [Queue(name, connection=connection) for name in queue.QUEUES]
worker.ContextWorker(queues, connection=connection).work(burst=True, logging_level="WARNING")
"""


def environment(world: World) -> dict[str, str]:
    """What a process of its own is told of the world."""
    settings = world.settings.model_dump().items()
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "REDIS_"))}
    return plain | {name.upper(): str(value) for name, value in settings if value not in ("", None, 0)}


def test_a_real_worker_does_what_it_was_woken_for(world: World, redis: Redis) -> None:
    shopper = Shopper(world)
    shopper.pay(shopper.buy())
    assert len(jobs(redis)) == 2
    done = subprocess.run(
        [sys.executable, "-c", BURST],
        cwd=ROOT,
        env=environment(world),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert jobs(redis) == []
    assert {row.status for row in rows(world, WebhookDelivery)} == {"delivered"}
    assert {row.status for row in rows(world, Email)} == {"sent"}
    assert len(world.mails()) == 1
    assert [attempt.status for attempt in attempts(world)] == ["approved"]
    assert len(taken(world)) == 1


def hands() -> list[list[str]]:
    """The queues of each worker that Redis knows."""
    return [hand.queues for hand in working.look().hands]


def test_a_worker_is_known_again_to_a_redis_that_was_emptied(world: World, redis: Redis) -> None:
    words = [sys.executable, "worker.py", "emails", "webhooks"]
    with subprocess.Popen(words, cwd=ROOT, env=environment(world), stderr=subprocess.PIPE) as worker:
        try:
            wait_for(lambda: bool(hands()), 60)
            redis.flushall()
            assert hands() == []
            queue.wake_now(queue.SEND_EMAILS)  # as cron does every few seconds
            wait_for(lambda: bool(hands()), 30)
            assert hands() == [["emails", "webhooks"]]
            (hand,) = working.look().hands
            assert hand.since is not None
            assert 0 < redis.ttl(f"rq:worker:{hand.name}") <= 1000, "it is forgotten when it dies"
        finally:
            worker.terminate()
    wait_for(lambda: not hands(), 10)
