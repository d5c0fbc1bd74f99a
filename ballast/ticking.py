"""RQ's cron on a clock that may be set back."""

from __future__ import annotations

from datetime import timedelta

from rq.cron import CronScheduler

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
