"""Redis and the workers, and what waits for them: rows that are overdue, stuck, or not sealed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from redis.exceptions import RedisError
from rq import Worker
from sqlalchemy import ColumnElement, func, select

from ballast import queue
from ballast.billing.reconciliation import nights
from ballast.billing.subscriptions import dunning
from ballast.clock import real_time
from ballast.db import db
from ballast.doctor.finding import Finding, fail, ok, warn
from ballast.ids import id_at
from ballast.models import (
    Attempt,
    AuditEntry,
    Email,
    InboxEvent,
    Invoice,
    Reconciliation,
    Refund,
    UnsealedEntry,
    WebhookDelivery,
)
from ballast.models.states import OPEN_ATTEMPT, UNSETTLED_REFUND

OLDEST: Final = (7, 0)
MINUTE: Final = timedelta(minutes=1)
# How long past its time a row may be: the sweepers come every few seconds.
LATE: Final = timedelta(minutes=2)
MUCH_TOO_LATE: Final = timedelta(minutes=15)
STUCK: Final = timedelta(days=1)
UNSEALED: Final = timedelta(minutes=15)
# So many of what is to be mended one by one are named.
NAMED: Final = 3


def redis() -> Iterator[Finding]:
    """Its version and settings. Without it we are slower but whole."""
    try:
        info: dict[str, Any] = queue.client().info()
    except (RedisError, OSError) as error:
        yield warn(
            "redis", f"Does not answer ({type(error).__name__}).", "Bring it back: the sweepers need it to start."
        )
        return
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        yield warn("redis", f"{name} {version} is older than we test with.", "Move to Redis 7 or Valkey 8, or newer.")
    else:
        yield ok("redis", f"{name} {version}")
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        said = f"It drops keys when it is full ({info['maxmemory_policy']}): rate limits and wake-ups may vanish."
        yield warn("redis", said, "`config set maxmemory-policy noeviction`, or give it more memory.")


def workers() -> Iterator[Finding]:
    """Whether somebody works, on every queue."""
    try:
        hands = Worker.all(connection=queue.client())
    except (RedisError, OSError):
        return
    worked = {name for hand in hands for name in hand.queue_names()}
    if missing := [name for name in queue.QUEUES if name not in worked]:
        said = f"Nobody works {', '.join(missing)}."
        yield fail("workers", said, "Start `python worker.py`, and `python worker.py cron` for the schedule.")
    else:
        yield ok("workers", f"{len(hands)} at work.")


def due(model: Any, column: Any, *which: ColumnElement[bool]) -> datetime | None:
    """The earliest time at which something that waits was due."""
    found: datetime | None = db.session.scalar(select(func.min(column)).select_from(model).where(*which))
    return found


def queue_lag() -> Iterator[Finding]:
    """What is overdue, by kind: the rows are the jobs, so they tell more than Redis does."""
    now, late = real_time(), []
    for name, (model, column, which) in _lines().items():
        first = due(model, column, *which)
        if first and now - first > LATE:
            late.append((now - first, name))
    mend = "Start more workers, and see that `python worker.py cron` runs. /platform/jobs shows what failed."
    for age, name in late:
        said = f"{name} wait since {age // MINUTE} minutes."
        yield (fail if age > MUCH_TOO_LATE else warn)("queue_lag", said, mend)
    if not late:
        yield ok("queue_lag", "Nothing is overdue.")


def _lines() -> dict[str, tuple[Any, Any, tuple[ColumnElement[bool], ...]]]:
    lane = WebhookDelivery.status.in_(("pending", "failed"))
    return {
        "webhooks": (WebhookDelivery, WebhookDelivery.next_attempt_at, (lane,)),
        "mails": (Email, Email.next_attempt_at, (Email.status.in_(("pending", "failed")),)),
        "processor events": (InboxEvent, InboxEvent.next_attempt_at, (InboxEvent.status == "received",)),
        "open attempts": (Attempt, Attempt.next_probe_at, (Attempt.status.in_(OPEN_ATTEMPT),)),
        "refunds": (Refund, Refund.next_attempt_at, (Refund.status.in_(UNSETTLED_REFUND),)),
        "days to compare": (Reconciliation, Reconciliation.next_attempt_at, (Reconciliation.status == "waiting",)),
    }


def stuck_rows() -> Iterator[Finding]:
    """What has been asked about for a day and nobody knows, and what was given up."""
    old = real_time() - STUCK
    unknown = (Attempt.status.in_(("submitted", "unknown")), Attempt.send_deadline_at < old)
    failed = (InboxEvent.status == "failed",)
    counts = {
        "attempts without an outcome": (
            Attempt,
            unknown,
            "Ask the processor's support with their ids; never charge again.",
        ),
        "processor events that were given up": (
            InboxEvent,
            failed,
            "Mend the reason, and replay them under Processors.",
        ),
        "days that could not be compared with what a processor lists": (
            Reconciliation,
            nights.uncompared(),
            "Try the account's keys under Processors. The next night compares days of the last week, `flask reconcile` any.",
        ),
    }
    found = False
    for what, (model, which, mend) in counts.items():
        if count := db.session.scalar(select(func.count()).select_from(model).where(*which)):
            found = True
            yield warn("stuck", f"{count} {what}.", mend)
    if not found:
        yield ok("stuck", "Nothing.")


def forgotten_invoices() -> Iterator[Finding]:
    """Whether each invoice that was declined is looked at again."""
    which = dunning.forgotten()
    count = db.session.scalar(select(func.count()).select_from(Invoice).where(*which)) or 0
    if not count:
        yield ok("dunning", "What was declined is looked at again.")
        return
    named = ", ".join(db.session.scalars(select(Invoice.id).where(*which).order_by(Invoice.id).limit(NAMED)))
    said = (
        f"{count} invoices were declined, are owed still, and have no date on which they are looked at again ({named})."
    )
    mend = "`PATCH /v1/subscriptions/…` with the `payment_method` that it has: what it owes is charged. Or void the invoice."
    yield warn("dunning", said, mend)


def audit_seals() -> Iterator[Finding]:
    """Whether what is new in the audit log is being sealed."""
    before = id_at("aud", real_time() - UNSEALED, 0)
    joined = (AuditEntry.organization_id == UnsealedEntry.chain) & (AuditEntry.id == UnsealedEntry.entry_id)
    wanted = select(func.count()).select_from(UnsealedEntry).join(AuditEntry, joined).where(AuditEntry.id < before)
    if count := db.session.scalar(wanted):
        said = f"{count} entries wait for a seal for more than {UNSEALED // MINUTE} minutes."
        yield fail("audit", said, "The job ballast.audit.seals.seal_due does not run: see /platform/jobs.")
    else:
        yield ok("audit", "Sealed as it grows. `--deep` proves the whole chain.")


CHECKS: Final = (redis, workers, queue_lag, stuck_rows, forgotten_invoices, audit_seals)
