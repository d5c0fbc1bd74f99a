"""The worker's process: RQ with the application's context, for all queues or for those that are named."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from rq import Queue, SimpleWorker, worker_registration
from rq.worker import DequeueStrategy
from sqlalchemy.orm import configure_mappers

from ballast import config, create_app, footprint, logs, queue, templating
from ballast.db import db
from ballast.notifications import drain

app = create_app("worker")


class ContextWorker(SimpleWorker):
    """Runs each job in this process, inside an application context of its own; a warm shutdown stops the running batch too."""

    def perform_job(self, job: Any, *args: Any) -> bool:
        drain.others_wait = Others([name for name in self.queue_names() if name != job.origin])
        with app.app_context(), logs.about(job=job.func_name):
            try:
                return bool(super().perform_job(job, *args))
            finally:
                db.session.remove()

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """RQ says who works at what at a worker's birth only. An emptied Redis is told again, or nobody would seem to work."""
        super().heartbeat(timeout, pipeline)
        if pipeline is None and not self._is_known():
            with self.connection.pipeline() as told:
                told.hset(self.key, mapping=self.serialize())
                worker_registration.register(self, told)
                told.execute()

    def _is_known(self) -> bool:
        with self.connection.pipeline(transaction=False) as asked:
            asked.sismember(self.redis_workers_keys, self.key)
            asked.hexists(self.key, "queues")
            return all(asked.execute())

    def request_stop(self, signum: int, frame: Any) -> None:
        drain.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


class Others:
    """Whether work waits in these queues of the same worker; looks once a second."""

    def __init__(self, names: list[str]) -> None:
        self.names, self.looked_at, self.wait = names, 0.0, False

    def __call__(self) -> bool:
        if self.names and time.monotonic() - self.looked_at > 1:
            self.looked_at, self.wait = time.monotonic(), queue.anything_waits(self.names)
        return self.wait


def work(names: list[str]) -> None:
    """Take wake-ups from these queues, or from all, until told to stop. Ends the program when one of them is none of ours."""
    if unknown := sorted(set(names) - set(queue.QUEUES)):
        raise SystemExit(f"No such queue: {', '.join(unknown)}. There are {', '.join(queue.QUEUES)}.")
    _load(names or list(queue.QUEUES))
    connection = queue.connect(config.current().redis_url)
    queues = [Queue(name, connection=connection) for name in names or queue.QUEUES]
    worker = ContextWorker(queues, connection=connection)
    # In turn: a queue that never runs empty keeps none of the others waiting.
    worker.work(with_scheduler=False, logging_level="WARNING", dequeue_strategy=DequeueStrategy.ROUND_ROBIN)


def _load(names: list[str]) -> None:
    """What the jobs of these queues are, now and not with the first of each."""
    templating.environment()
    for job, (name, _) in queue.SCHEDULE.items():
        if name in names:
            import_module(job.rpartition(".")[0])
    configure_mappers()
    footprint.settle()
