"""How a batch of due rows is drained: claim under a lease, work on a bounded thread pool, record.

A batch stops claiming at its own deadline or on SIGTERM (`stopping`); what it has not started goes back by its lease running out.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select, tuple_, update

from ballast.clock import real_time
from ballast.db import db, own_session, transaction
from ballast.models import JobRun

log = logging.getLogger(__name__)
stopping = threading.Event()

BATCH = 200
BATCH_SECONDS = 60.0

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


def drain(name: str, step: Callable[[], tuple[int, int]], seconds: float = BATCH_SECONDS) -> int:
    """Repeat `step` (answers claimed and failed) until it claims nothing, time is up or the worker stops. Answers how many."""
    started = real_time()
    claimed = failed = 0
    while not stopping.is_set() and (real_time() - started).total_seconds() < seconds:
        took, lost = step()
        claimed += took
        failed += lost
        if not took:
            break
    note_run(name, started, claimed, failed)
    return claimed


def note_run(name: str, started: datetime, claimed: int, failed: int) -> None:
    """Put a run that found something to do on record, and give the session back."""
    if claimed:
        with transaction() as session:
            session.add(JobRun(name=name, started_at=started, finished_at=real_time(), claimed=claimed, failed=failed))
    db.session.remove()
