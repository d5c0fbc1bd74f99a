"""The worker: RQ with the application's context, for all queues or for those that are named. `worker.py cron` is RQ's own cron for the
sweepers.

A duplicate or lost tick is harmless, and any exit is restarted by whoever supervises.
"""

from __future__ import annotations

import importlib
import signal
import sys
from typing import Any

from rq import Queue, SimpleWorker

from ballast import config, create_app, queue
from ballast.db import db
from ballast.notifications import drain
from ballast.ticking import Cron

app = create_app("worker")


class ContextWorker(SimpleWorker):
    """Runs each job in this process, inside an application context of its own; a warm shutdown stops the running batch too."""

    def perform_job(self, job: Any, *args: Any) -> bool:
        with app.app_context():
            try:
                return bool(super().perform_job(job, *args))
            finally:
                db.session.remove()

    def request_stop(self, signum: int, frame: Any) -> None:
        drain.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def work(names: list[str]) -> None:
    """Take wake-ups from these queues, or from all, until told to stop. Ends the program when one of them is none of ours."""
    if unknown := sorted(set(names) - set(queue.QUEUES)):
        raise SystemExit(f"No such queue: {', '.join(unknown)}. There are {', '.join(queue.QUEUES)}.")
    connection = queue.connect(config.current().redis_url)
    queues = [Queue(name, connection=connection) for name in names or queue.QUEUES]
    ContextWorker(queues, connection=connection).work(with_scheduler=False, logging_level="WARNING")


def tick() -> None:
    """Enqueue the sweepers on their schedule."""
    scheduler = Cron(queue.connect(config.current().redis_url), logging_level="WARNING")
    for job, (name, seconds) in queue.SCHEDULE.items():
        module, _, function = job.rpartition(".")
        found = getattr(importlib.import_module(module), function)
        scheduler.register(found, name, interval=seconds, ttl=60, result_ttl=0, job_timeout=queue.JOB_TIMEOUT)
    scheduler.start()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    tick() if sys.argv[1:] == ["cron"] else work(sys.argv[1:])
