"""Attempts nobody knows the outcome of: ask the processor, record the truth. Never replays, never uses a fresh key."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, tuple_, update

from ballast import queue
from ballast.billing import processing
from ballast.billing.outcomes import CHALLENGE_LASTS, record
from ballast.clock import real_time
from ballast.db import organization, transaction
from ballast.models import Attempt, ProcessorAccount
from ballast.models.states import OPEN_ATTEMPT
from ballast.notifications.drain import drain, run_all
from ballast.processors.base import ActionRequired, Approved, Credentials, Declined, NotSent, Outcome, Unknown

log = logging.getLogger(__name__)

# As many as are claimed at once: the lease then outlasts a row's two calls, and two resolvers never ask about the same attempt.
THREADS = 8
LEASE = timedelta(seconds=90)
CLOSED_UNPAID = ("declined", "not_sent")


@dataclass(frozen=True)
class Open:
    """An open attempt, as plain data."""

    organization_id: str
    attempt_id: str
    status: str
    external_id: str | None
    age: timedelta
    account: Credentials


def resolve_due() -> int:
    """Probe every open attempt whose time has come. The job behind `queue.RESOLVE`."""
    queue.forget_mark(queue.RESOLVE)
    return drain("resolve_attempts", _resolve_batch)


def _resolve_batch() -> tuple[int, int]:
    due = _claim()
    results = run_all(resolve, due, THREADS)
    return len(due), sum(1 for result in results if isinstance(result, Exception))


def _claim(limit: int = THREADS) -> list[Open]:
    now = real_time()
    chosen = (
        select(Attempt.organization_id, Attempt.id)
        .where(Attempt.status.in_(OPEN_ATTEMPT), Attempt.next_probe_at <= now)
        .order_by(Attempt.next_probe_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    taking = (
        update(Attempt)
        .where(tuple_(Attempt.organization_id, Attempt.id).in_(select(chosen)))
        .values(next_probe_at=now + LEASE, probes=Attempt.probes + 1)
        .returning(Attempt.organization_id, Attempt.id)
        .execution_options(synchronize_session=False)
    )
    with transaction() as session:
        keys = [(row[0], row[1]) for row in session.execute(taking)]
    return read_open(keys)


def read_open(keys: list[tuple[str, str]]) -> list[Open]:
    """The open ones of these attempts, with their accounts' credentials; one read."""
    return _read(keys, OPEN_ATTEMPT)


def _read(keys: list[tuple[str, str]], statuses: Sequence[str]) -> list[Open]:
    if not keys:
        return []
    with transaction() as session:
        rows = session.execute(
            select(Attempt, ProcessorAccount)
            .join(
                ProcessorAccount,
                (ProcessorAccount.organization_id == Attempt.organization_id)
                & (ProcessorAccount.id == Attempt.processor_account_id),
            )
            .where(tuple_(Attempt.organization_id, Attempt.id).in_(keys), Attempt.status.in_(statuses))
        ).all()
        return [found for row in rows if (found := _open(*row))]


def _open(attempt: Attempt, account: ProcessorAccount) -> Open | None:
    """None for an account whose secrets cannot be unsealed: its attempts wait, and nobody else's wait with them."""
    try:
        credentials = processing.credentials_of(account)
    except ValueError as error:
        log.error("attempt %s cannot be resolved, account %s: %s", attempt.id, account.id, error)
        return None
    return Open(
        attempt.organization_id,
        attempt.id,
        attempt.status,
        attempt.external_id,
        real_time() - (attempt.submitted_at or attempt.send_deadline_at),
        credentials,
    )


def resolve(found: Open) -> None:
    """Learn and record what became of one attempt."""
    with organization(found.organization_id):
        record(found.organization_id, found.attempt_id, _learn(found))


def resolve_hint(found: Open) -> None:
    """A processor says that something happened: look, and record it if it is final or needs the shopper. Gives nothing up."""
    if found.external_id is None:
        return
    outcome = _ask(found, found.external_id)
    if not isinstance(outcome, NotSent) or outcome.reason == "canceled":
        record(found.organization_id, found.attempt_id, outcome)


def look_back(organization_id: str, attempt_id: str) -> bool:
    """A processor says that money moved for an attempt we closed without: ask, and alarm if it did. False when it cannot say now."""
    for found in _read([(organization_id, attempt_id)], CLOSED_UNPAID):
        if (external_id := found.external_id) is None:
            continue
        outcome = processing.call(found.account, lambda adapter, wanted=external_id: adapter.find(wanted))  # type: ignore[misc]
        if isinstance(outcome, Unknown):
            return False
        if isinstance(outcome, Approved):
            record(organization_id, attempt_id, outcome)
    return True


def _learn(found: Open) -> Outcome:
    """Ask. What never reached the bank, or waited too long for the shopper, is canceled at the processor before we give it up."""
    if found.external_id is None:
        return NotSent("never_sent")
    external_id = found.external_id
    outcome = _ask(found, external_id)
    expired = isinstance(outcome, ActionRequired) and found.age > CHALLENGE_LASTS
    if expired or (isinstance(outcome, NotSent) and outcome.reason != "canceled"):
        return _cancel(found.account, external_id, found.attempt_id)
    return outcome


def _ask(found: Open, external_id: str) -> Outcome:
    """What the processor says now. A failed challenge leaves a charge the shopper's browser could still confirm: it is canceled."""
    outcome = processing.call(found.account, lambda adapter: adapter.find(external_id))
    if isinstance(outcome, Declined) and found.status == "action_required":
        closed = _cancel(found.account, external_id, found.attempt_id)
        return outcome if isinstance(closed, NotSent) else closed
    return outcome


def abandon(organization_id: str, attempt_id: str) -> None:
    """The shopper wants another way: cancel at the processor first, and record what that revealed."""
    for found in read_open([(organization_id, attempt_id)]):
        if found.external_id is not None:
            record(organization_id, attempt_id, _cancel(found.account, found.external_id, attempt_id))


def _cancel(account: Credentials, external_id: str, attempt_id: str) -> Outcome:
    return processing.call(account, lambda adapter: adapter.cancel(external_id, attempt_id))
