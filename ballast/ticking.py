"""RQ's cron on a clock that may be set back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from rq.cron import CronScheduler

from ballast import config, footprint, logs, queue, sentry
from ballast.clock import real_time


class Cron(CronScheduler):
    """Enqueues by the wall clock, as RQ does, and goes on where that is set back.

    RQ reckons each next time from the last one: after an hour back no sweeper would be woken for an hour.
    """

    def calculate_sleep_interval(self) -> float:
        now = real_time()
        for job in self.get_jobs():
            if job.interval and job.next_enqueue_time and job.next_enqueue_time - now > timedelta(seconds=job.interval):
                job.set_enqueue_time(now)
        return float(super().calculate_sleep_interval())


def tick() -> None:
    """Enqueue the sweepers on their schedule, until told to stop. A process of its own."""
    settings = config.load()
    config.use(settings)
    logs.prepare(settings, {})
    sentry.prepare(settings)
    scheduler = Cron(queue.connect(settings.redis_url), logging_level="WARNING")
    for job, (name, seconds) in queue.SCHEDULE.items():
        options: dict[str, Any] = {"interval": seconds, "ttl": 60, "result_ttl": 0, "job_timeout": queue.JOB_TIMEOUT}
        scheduler.register(_named(job), name, **options)
    footprint.settle()
    scheduler.start()  # type: ignore[no-untyped-call]


def _named(job: str) -> Callable[[], None]:
    """What RQ enqueues is a name, so a function of that name will do: cron needs nothing of what the jobs load."""

    def stands_in() -> None:
        raise RuntimeError("jobs run in a worker")

    stands_in.__module__, _, stands_in.__name__ = job.rpartition(".")
    stands_in.__qualname__ = stands_in.__name__
    return stands_in
