"""Attempts nobody knows the outcome of: ask the processor, record the truth. Never replays, never uses a fresh key."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from sqlalchemy import select, true, tuple_, update

from ballast import logs, queue
from ballast.billing import processing
from ballast.billing.outcomes import CHALLENGE_LASTS, record
from ballast.billing.processing import Account
from ballast.clock import real_time
from ballast.db import organization, own_session, transaction
from ballast.models import Attempt, Payment, ProcessorAccount
from ballast.models.customers import PROCESSORS, account_behind
from ballast.models.states import OPEN_ATTEMPT
from ballast.notifications.drain import drain, work_all
from ballast.processors.base import ActionRequired, Approved, Declined, Lookup, NotSent, Outcome, Unknown

log = logging.getLogger(__name__)

# Of each processor, as many as are claimed at once: the lease then outlasts a row's calls (look, cancel, look again), and two
# resolvers never ask about the same attempt.
THREADS = 8
CALLS = 3
CLOSED_UNPAID = ("declined", "not_sent")


@dataclass(frozen=True)
class Open:
    """An open attempt, as plain data."""

    organization_id: str
    attempt_id: str
    status: str
    lookup: Lookup
    age: timedelta
    account: Account


def resolve_due(organization_id: str | None = None) -> int:
    """Probe every open attempt whose time has come, of one organization or of all. The job behind `queue.RESOLVE`.

    Each processor's at the same time as the others': one that answers slowly holds up its own.
    """
    queue.forget_mark(queue.RESOLVE)
    with ThreadPoolExecutor(len(PROCESSORS), thread_name_prefix="resolve") as pool:
        lanes = [pool.submit(copy_context().run, _drain, organization_id, processor) for processor in PROCESSORS]
        return sum(lane.result() for lane in lanes)


def _drain(organization_id: str | None, processor: str) -> int:
    with own_session():
        return drain("resolve_attempts", partial(_resolve_batch, organization_id, processor))


def _resolve_batch(organization_id: str | None, processor: str) -> tuple[int, int]:
    keys = _claim(organization_id, processor)
    _, failed = work_all(resolve, read_open(keys), THREADS)
    return len(keys), failed


def _claim(organization_id: str | None, processor: str) -> list[tuple[str, str]]:
    now = real_time()
    whose = true() if organization_id is None else Attempt.organization_id == organization_id
    chosen = (
        select(Attempt.organization_id, Attempt.id)
        .where(Attempt.status.in_(OPEN_ATTEMPT), Attempt.next_probe_at <= now, Attempt.processor == processor, whose)
        .order_by(Attempt.next_probe_at)
        .limit(THREADS)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    taking = (
        update(Attempt)
        .where(tuple_(Attempt.organization_id, Attempt.id).in_(select(chosen)))
        .values(next_probe_at=now + _lease(), probes=Attempt.probes + 1)
        .returning(Attempt.organization_id, Attempt.id)
        .execution_options(synchronize_session=False)
    )
    with transaction() as session:
        return [(row[0], row[1]) for row in session.execute(taking)]


def _lease() -> timedelta:
    """Longer than the slowest processor may keep a row's calls waiting."""
    return CALLS * processing.longest_patience() + processing.SEND_SLACK


def read_open(keys: list[tuple[str, str]]) -> list[Open]:
    """The open ones of these attempts, with their accounts' credentials; one read."""
    return _read(keys, OPEN_ATTEMPT)


def _read(keys: list[tuple[str, str]], statuses: Sequence[str]) -> list[Open]:
    if not keys:
        return []
    with transaction() as session:
        rows = session.execute(
            select(Attempt, ProcessorAccount, Payment.capture_method)
            .join(ProcessorAccount, account_behind(Attempt))
            .join(Payment, (Payment.organization_id == Attempt.organization_id) & (Payment.id == Attempt.payment_id))
            .where(tuple_(Attempt.organization_id, Attempt.id).in_(keys), Attempt.status.in_(statuses))
        ).all()
        return [found for row in rows if (found := _open(*row))]


def _open(attempt: Attempt, account: ProcessorAccount, capture_method: str) -> Open | None:
    """None for an account whose secrets cannot be unsealed: its attempts wait, and nobody else's wait with them."""
    try:
        opened = processing.open_account(account)
    except ValueError as error:
        log.error("attempt %s cannot be resolved, account %s: %s", attempt.id, account.id, error)
        return None
    return Open(
        attempt.organization_id,
        attempt.id,
        attempt.status,
        Lookup(
            attempt.id,
            attempt.external_id,
            attempt.amount,
            attempt.currency,
            attempt.send_deadline_at,
            is_whole=capture_method == "automatic",
        ),
        real_time() - (attempt.submitted_at or attempt.send_deadline_at),
        opened,
    )


def resolve(found: Open) -> None:
    """Learn and record what became of one attempt."""
    with organization(found.organization_id), logs.about(attempt=found.attempt_id):
        record(found.organization_id, found.attempt_id, _learn(found))


def resolve_hint(found: Open) -> None:
    """A processor says that something happened: look, and record it if it is final or needs the shopper. Gives nothing up."""
    if found.status == "created":
        return
    outcome = _ask(found)
    if not isinstance(outcome, NotSent) or outcome.reason == "canceled":
        record(found.organization_id, found.attempt_id, outcome)


def look_back(organization_id: str, attempt_id: str, charge_id: str | None = None) -> bool:
    """A processor says that money moved for an attempt we closed without: ask, and alarm if it did. False when it cannot say now.

    `charge_id`: the processor's own id of it, where it was told. What came long after it was sent is not found by our reference, for
    that is searched for around the time of sending.
    """
    for found in _read([(organization_id, attempt_id)], CLOSED_UNPAID):
        lookup = replace(found.lookup, external_id=found.lookup.external_id or charge_id)
        outcome = _look(replace(found, lookup=lookup))
        if isinstance(outcome, Unknown):
            return False
        if isinstance(outcome, Approved):
            record(organization_id, attempt_id, outcome)
    return True


def _learn(found: Open) -> Outcome:
    """Ask. What never reached the bank, or waited too long for the shopper, is canceled at the processor before we give it up."""
    if found.status == "created":
        return NotSent("never_sent")
    outcome = _ask(found)
    expired = isinstance(outcome, ActionRequired) and found.age > CHALLENGE_LASTS
    if expired or (isinstance(outcome, NotSent) and outcome.reason != "canceled"):
        return _cancel(found)
    return outcome


def _ask(found: Open) -> Outcome:
    """What the processor says now. A failed challenge leaves a charge the shopper's browser could still confirm: it is canceled."""
    outcome = _look(found)
    if isinstance(outcome, Declined) and found.status == "action_required":
        closed = _cancel(found)
        return outcome if isinstance(closed, NotSent) else closed
    return outcome


def _look(found: Open) -> Outcome:
    return processing.read(found.account, lambda adapter: adapter.find(found.lookup))


def abandon(organization_id: str, attempt_id: str) -> None:
    """The shopper wants another way: cancel at the processor first, and record what that revealed."""
    for found in read_open([(organization_id, attempt_id)]):
        if found.status != "created":
            record(organization_id, attempt_id, _cancel(found))


def _cancel(found: Open) -> Outcome:
    return processing.read(found.account, lambda adapter: adapter.cancel(found.lookup))
