"""What is measured and not counted: how long rows wait, what has no answer, what differs. A worker writes it down for `/metrics`.

It is done by one job every few seconds and not at each scrape: it needs the worker's role, which sees every organization, and costs
the same however many look. Each statement reads the head of an index. Where no worker comes to it the time it was done at gets old,
which is an alarm of its own (docs/runbooks/measuring-stopped.md).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, func, select

from ballast import archiving, metrics, queue, working
from ballast.billing.reconciliation import nights
from ballast.billing.subscriptions.charging import due_rows
from ballast.clock import real_time
from ballast.db import db
from ballast.errors import BallastError
from ballast.ids import moment_of
from ballast.models import (
    Attempt,
    Drift,
    Email,
    FinancingAgreement,
    InboxEvent,
    Installment,
    Invoice,
    ProcessorAccount,
    Reconciliation,
    Refund,
    Subscription,
    UnsealedEntry,
)
from ballast.models.customers import PROCESSORS, account_behind
from ballast.models.states import OPEN_ATTEMPT, UNSETTLED_REFUND
from ballast.notifications import lanes
from ballast.notifications.turns import Due

log = logging.getLogger(__name__)

Sample = tuple[str, tuple[str, ...], float]


def measure_due() -> int:
    """Measure and write down. The job behind `queue.MEASURE`; takes no rows, so it answers 0."""
    try:
        rows = (*_lags(), *_unknown(), *_differing(), *_uncompared(), *_sealing(), _archiving())
        metrics.write_gauges([*rows, *_working(), _stamp()])
    except RedisError as error:
        log.warning("what was measured could not be written: %s", type(error).__name__)
    finally:
        db.session.remove()
    return 0


def _stamp() -> Sample:
    return "ballast_measured_timestamp_seconds", (), real_time().timestamp()


def _lags() -> Iterator[Sample]:
    """How long the longest due row of each kind waits that nobody works on. An endpoint that fails is its owner's to mend."""
    kinds = {
        "subscriptions": due_rows(Subscription, Subscription.next_action_at, None),
        "invoices": due_rows(Invoice, Invoice.next_attempt_at, None),
        "installments": due_rows(Installment, Installment.next_attempt_at, None),
        "agreements": due_rows(FinancingAgreement, FinancingAgreement.next_action_at, None),
        "mails": Due(Email, Email.next_attempt_at, by_real_time=True),
        "inbox": Due(InboxEvent, InboxEvent.next_attempt_at, wanted=(_received(),), by_real_time=True),
    }
    for kind, rows in kinds.items():
        yield _lag(kind, rows.waiting_since())
    yield _lag("deliveries", lanes.waiting_since())
    yield _lag("attempts", _earliest(Attempt.next_probe_at, Attempt.status.in_(OPEN_ATTEMPT)))
    yield _lag("refunds", _earliest(Refund.next_attempt_at, Refund.status.in_(UNSETTLED_REFUND)))
    yield _lag("days", _earliest(Reconciliation.next_attempt_at, Reconciliation.status == "waiting"))


def _received() -> ColumnElement[bool]:
    return InboxEvent.status == "received"


def _earliest(column: Any, which: ColumnElement[bool]) -> datetime | None:
    found: datetime | None = db.session.scalar(
        select(column).where(which, column.is_not(None)).order_by(column).limit(1)
    )
    return found


def _lag(kind: str, since: datetime | None) -> Sample:
    waits = max(real_time() - since, timedelta(0)) if since is not None else timedelta(0)
    return "ballast_queue_lag_seconds", (kind,), waits.total_seconds()


def _unknown() -> Iterator[Sample]:
    """Sent, and no answer: how many, and since when the oldest. (Few at a time: the index holds open attempts alone.)"""
    sent = func.coalesce(Attempt.submitted_at, Attempt.send_deadline_at)
    which = (Attempt.status.in_(OPEN_ATTEMPT), Attempt.status.in_(("submitted", "unknown")))
    found = select(Attempt.processor, func.count(), func.min(sent)).where(*which).group_by(Attempt.processor)
    read = {processor: (int(many), oldest) for processor, many, oldest in db.session.execute(found)}
    for processor in PROCESSORS:
        many, oldest = read.get(processor, (0, None))
        yield "ballast_unknown_attempts", (processor,), many
        age = (real_time() - oldest).total_seconds() if oldest else 0.0
        yield "ballast_unknown_age_seconds", (processor,), max(age, 0.0)


def _differing() -> Iterator[Sample]:
    found = select(Drift.drift_class, func.count()).where(Drift.status == "open").group_by(Drift.drift_class)
    for kind, many in db.session.execute(found):
        yield "ballast_open_drifts", (kind,), int(many)
    failed = select(func.count()).select_from(InboxEvent).where(InboxEvent.status == "failed")
    yield "ballast_inbox_failed", (), int(db.session.scalar(failed) or 0)


def _uncompared() -> Iterator[Sample]:
    wanted = select(ProcessorAccount.processor, func.count()).join(Reconciliation, account_behind(Reconciliation))
    grouped = wanted.where(*nights.uncompared()).group_by(ProcessorAccount.processor)
    found = {processor: int(many) for processor, many in db.session.execute(grouped)}
    for processor in PROCESSORS:
        yield "ballast_days_uncompared", (processor,), found.get(processor, 0)


def _sealing() -> Iterator[Sample]:
    """Entries are older than their seals by some minutes at most; an entry's id says when it was written."""
    oldest = db.session.scalar(select(UnsealedEntry.entry_id).order_by(UnsealedEntry.entry_id).limit(1))
    age = real_time().timestamp() - moment_of(oldest) if oldest else 0.0
    yield "ballast_unsealed_seconds", (), max(age, 0.0)


def _archiving() -> Sample:
    return "ballast_archive_failing_seconds", (), archiving.failing_seconds(db.session())


def _working() -> Iterator[Sample]:
    try:
        state = working.look()
    except BallastError:
        return
    for line in state.lines:
        yield "ballast_wake_ups_waiting", (line.name,), line.waiting
        yield "ballast_jobs_failed", (line.name,), line.failed
    for name in queue.QUEUES:
        yield "ballast_workers", (name,), sum(1 for hand in state.hands if name in hand.queues)
