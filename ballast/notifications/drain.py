"""How a batch of due rows is drained: claim under a lease, work on a bounded thread pool, record.

A batch stops claiming at its own deadline, or earlier where other kinds of work wait for the same worker, or on SIGTERM (`stopping`).
Whether it is told to stop or whoever it asks lets it wait until the deadline has passed: it finishes what it has started and gives the
rest back, so that another worker takes it at once; only one that is killed keeps its rows until their lease runs out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select, tuple_, update

from ballast import metrics, queue
from ballast.clock import real_time
from ballast.db import db, own_session, transaction
from ballast.models import JobRun

log = logging.getLogger(__name__)
stopping = threading.Event()

BATCH = 200
BATCH_SECONDS = 60.0
# A run that others wait for ends after so long. One that charges loses some of its pace each time: it goes on longer.
TURN_SECONDS = 20.0
CHARGING_TURN_SECONDS = 30.0


def nobody_waits() -> bool:
    """A process that does one thing."""
    return False


# Whether other work waits for this worker, which says so itself (`worker.py`).
others_wait: Callable[[], bool] = nobody_waits

Row = TypeVar("Row")
Result = TypeVar("Result")


def claim(
    model: Any, due: Sequence[ColumnElement[bool]], lease: timedelta, limit: int = BATCH
) -> list[tuple[str, str]]:
    """Take up to `limit` due rows for `lease`, oldest first; answers (organization_id, id). Commits.

    `due` is written on `next_attempt_at`/`lease_until`; two workers never get the same row (FOR UPDATE SKIP LOCKED).
    """
    now = real_time()
    free = (model.lease_until.is_(None)) | (model.lease_until < now)
    chosen = (
        select(model.organization_id, model.id)
        .where(*due, free)
        .order_by(model.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    taking = (
        update(model)
        .where(tuple_(model.organization_id, model.id).in_(select(chosen)))
        .values(lease_until=now + lease)
        .returning(model.organization_id, model.id)
        .execution_options(synchronize_session=False)
    )
    with transaction() as session:
        return [(row[0], row[1]) for row in session.execute(taking)]


def run_all(work: Callable[[Row], Result], rows: Sequence[Row], threads: int) -> list[Result | Exception]:
    """Do `work` on each row, at most `threads` at once, each in a copy of this context; an error takes its row's place."""
    if not rows:
        return []
    with ThreadPoolExecutor(max_workers=min(threads, len(rows))) as pool:
        futures = [start(pool, work, row) for row in rows]
        return [future.result() for future in futures]


def work_all(work: Callable[[Row], Any], rows: Sequence[Row | None], threads: int) -> tuple[int, int]:
    """A step of `drain`: do `work` on each row, as `run_all` does; answers how many rows were taken, and how many failed.

    None stands for a row that was taken and cannot be worked on now. It counts as taken: others may be due behind it.
    """
    results = run_all(work, [row for row in rows if row is not None], threads)
    return len(rows), sum(1 for result in results if isinstance(result, Exception))


class NotStarted(Exception):
    """The worker was told to stop, or the batch's time was up, before it was this row's turn."""


def run_until_stopped(work: Callable[[Row], Result], rows: Sequence[Row], threads: int) -> list[Result | Exception]:
    """As `run_all`; once the worker is told to stop, or the batch has taken as long as a run may, NotStarted takes the place of each
    row whose turn has not come. Such a row is to be given back.

    So a lease has to outlast BATCH_SECONDS and one row's calls, and no batch lasts longer than that, whoever does not answer.
    """
    began = time.monotonic()

    def unless_stopped(row: Row) -> Result | NotStarted:
        return NotStarted() if stopping.is_set() or is_over(time.monotonic() - began) else work(row)

    return run_all(unless_stopped, rows, threads)


def start(pool: ThreadPoolExecutor, work: Callable[[Row], Result], row: Row) -> Future[Result | Exception]:
    """Do `work` on one row on the pool, in a copy of this context; an error becomes the result."""
    return pool.submit(copy_context().run, _guarded, work, row)


def _guarded(work: Callable[[Row], Result], row: Row) -> Result | Exception:
    try:
        with own_session():
            return work(row)
    except Exception as error:
        log.exception("a row of a batch failed: %r", row)
        return error


def drain(name: str, step: Callable[[], tuple[int, int]], seconds: float | None = None, job: str | None = None) -> int:
    """Repeat `step` (answers claimed and failed) until it claims nothing, time is up or the worker stops. Answers how many.

    `job`: which a worker that is told to stop leaves to another, at once.
    """
    started, began = real_time(), time.monotonic()
    claimed = failed = 0
    while not stopping.is_set() and not is_over(time.monotonic() - began, longest=seconds):
        took, lost = step()
        claimed += took
        failed += lost
        if not took:
            break
    note_run(name, started, claimed, failed)
    if job is not None and stopping.is_set():
        queue.wake_now(job)
    return claimed


def is_over(elapsed: float, turn: float | None = None, longest: float | None = None) -> bool:
    """Whether a run that began so many seconds ago has had its turn: `turn` seconds where others wait, `longest` where nobody does."""
    if elapsed > (BATCH_SECONDS if longest is None else longest):
        return True
    return elapsed > (TURN_SECONDS if turn is None else turn) and others_wait()


def note_run(name: str, started: datetime, claimed: int, failed: int) -> None:
    """Put a run that found something to do on record, and give the session back."""
    if claimed:
        metrics.count("ballast_rows_total", claimed, job=name)
        metrics.count("ballast_rows_failed_total", failed, job=name)
        with transaction() as session:
            session.add(JobRun(name=name, started_at=started, finished_at=real_time(), claimed=claimed, failed=failed))
    db.session.remove()
