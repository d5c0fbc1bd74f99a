"""Events from processors: verified on their raw bytes, stored once, applied by a job that fetches the object again.

An event is a hint, never a fact: what is recorded is what the processor answers when asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert

from ballast import queue
from ballast.billing import processing, refunds, resolver
from ballast.billing.resolver import CLOSED_UNPAID
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.errors import InvalidRequest, NotFound
from ballast.ids import new_id, to_uuid
from ballast.models import Attempt, InboxEvent, ProcessorAccount, Refund
from ballast.models.states import OPEN_ATTEMPT, move
from ballast.notifications.drain import claim, drain, run_all
from ballast.processors.base import BadSignature, ProcessorEvent

THREADS = 8
LEASE = timedelta(seconds=90)
# A request that is still waiting for its own answer comes first; its event is looked at again after this.
LATER = timedelta(seconds=3)
GIVE_UP_AFTER: Final = 20
# Events that tell of money taken or held. For an attempt we had closed they are never only a repetition.
MONEY_MOVED: Final = (
    "payment_intent.succeeded",
    "payment_intent.amount_capturable_updated",
    "charge.succeeded",
    "charge.captured",
)


def receive(organization_id: str, account_id: str, raw: bytes, headers: Mapping[str, str]) -> bool:
    """Store an event, once. Answers whether it was new. Raises NotFound, InvalidRequest(`signature_invalid`)."""
    account = _account(organization_id, account_id)
    try:
        event = processing.adapter_for(processing.credentials_of(account)).parse_event(raw, headers)
    except BadSignature:
        raise InvalidRequest(
            "signature_invalid", "This event is not signed by the processor, or it is too old."
        ) from None
    with transaction() as session:
        inserted = session.execute(_insertion(organization_id, account_id, event, raw)).first()
        queue.wake(queue.APPLY_INBOX)
    return inserted is not None


def _insertion(organization_id: str, account_id: str, event: ProcessorEvent, raw: bytes):  # type: ignore[no-untyped-def]
    return (
        insert(InboxEvent)
        .values(
            organization_id=organization_id,
            id=new_id("inb"),
            processor_account_id=account_id,
            external_id=event.external_id,
            type=event.type,
            subject_id=event.subject_id,
            payload=raw,
            status="received",
            received_at=real_time(),
            next_attempt_at=real_time(),
        )
        .on_conflict_do_nothing(index_elements=["organization_id", "processor_account_id", "external_id"])
        .returning(InboxEvent.id)
    )


def _account(organization_id: str, account_id: str) -> ProcessorAccount:
    if to_uuid(account_id, "pac") is None:
        raise NotFound("processor account")
    found = db.session.scalars(
        select(ProcessorAccount).where(
            ProcessorAccount.organization_id == organization_id, ProcessorAccount.id == account_id
        )
    ).first()
    if found is None:
        raise NotFound("processor account")
    return found


@dataclass(frozen=True)
class Received:
    """An event to apply, as plain data, with the rows of ours it is about."""

    key: tuple[str, str]
    attempts: int
    open_attempt: str | None
    open_attempt_busy: bool
    closed_attempt: str | None
    refunds: tuple[str, ...]
    ours: bool


def apply_due() -> int:
    """Apply every stored event that is due. The job behind `queue.APPLY_INBOX`."""
    queue.forget_mark(queue.APPLY_INBOX)
    return drain("apply_inbox", _apply_batch)


def _apply_batch() -> tuple[int, int]:
    due = (InboxEvent.status == "received", InboxEvent.next_attempt_at <= real_time())
    events = _read(claim(InboxEvent, due, LEASE))
    verdicts = run_all(_apply, events, THREADS)
    with transaction():
        for event, verdict in zip(events, verdicts, strict=True):
            _mark(event, verdict)
    return len(events), sum(1 for verdict in verdicts if isinstance(verdict, Exception))


def _read(keys: list[tuple[str, str]]) -> list[Received]:
    """What the events are about, in one read per kind."""
    if not keys:
        return []
    with transaction() as session:
        rows = list(
            session.scalars(select(InboxEvent).where(tuple_(InboxEvent.organization_id, InboxEvent.id).in_(keys)))
        )
        subjects = {(row.organization_id, row.processor_account_id, row.subject_id) for row in rows if row.subject_id}
        attempts = {
            (found.organization_id, found.processor_account_id, found.external_id): found
            for found in session.scalars(
                select(Attempt).where(
                    tuple_(Attempt.organization_id, Attempt.processor_account_id, Attempt.external_id).in_(subjects)
                )
            )
        }
        waiting = _open_refunds([(found.organization_id, found.id) for found in attempts.values()])
        return [
            _received(row, attempts.get((row.organization_id, row.processor_account_id, row.subject_id or "")), waiting)
            for row in rows
        ]


def _open_refunds(keys: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    wanted = select(Refund.attempt_id, Refund.id).where(
        tuple_(Refund.organization_id, Refund.attempt_id).in_(keys),
        Refund.status.in_(("processing", "unknown", "succeeded")),
    )
    for attempt_id, refund_id in db.session.execute(wanted) if keys else ():
        found.setdefault(attempt_id, []).append(refund_id)
    return found


def _received(row: InboxEvent, attempt: Attempt | None, waiting: dict[str, list[str]]) -> Received:
    is_open = attempt is not None and attempt.status in OPEN_ATTEMPT
    busy = bool(
        attempt and attempt.status in ("created", "submitted") and (attempt.next_probe_at or real_time()) > real_time()
    )
    about_refund = row.type.startswith(("refund.", "charge.refund"))
    return Received(
        key=(row.organization_id, row.id),
        attempts=row.attempts,
        open_attempt=attempt.id if attempt and is_open else None,
        open_attempt_busy=busy,
        closed_attempt=attempt.id if attempt and attempt.status in CLOSED_UNPAID and row.type in MONEY_MOVED else None,
        refunds=tuple(waiting.get(attempt.id, ())) if attempt and about_refund else (),
        ours=attempt is not None,
    )


def _apply(event: Received) -> str:
    """Do what the event hints at. Answers the event's next status, or `later`."""
    if not event.ours:
        return "ignored" if event.attempts >= 2 else "later"
    if event.open_attempt and event.open_attempt_busy and event.attempts < 2:
        return "later"
    with organization(event.key[0]):
        if event.open_attempt:
            for found in resolver.read_open([(event.key[0], event.open_attempt)]):
                resolver.resolve_hint(found)
        known = event.closed_attempt is None or resolver.look_back(event.key[0], event.closed_attempt)
        known = known and all(refunds.check(event.key[0], refund_id) for refund_id in event.refunds)
    return "applied" if known else "later"


def _mark(event: Received, verdict: str | Exception) -> None:
    row = db.session.scalars(
        select(InboxEvent)
        .where(InboxEvent.organization_id == event.key[0], InboxEvent.id == event.key[1])
        .with_for_update()
    ).one()
    if row.status != "received":
        return  # Another worker had it after our lease ran out, and finished.
    row.attempts += 1
    row.lease_until = None
    if isinstance(verdict, Exception):
        row.reason = type(verdict).__name__
        if row.attempts >= GIVE_UP_AFTER:
            move(row, "failed")
        row.next_attempt_at = real_time() + LATER * min(2**row.attempts, 600)
    elif verdict == "later":
        row.next_attempt_at = real_time() + LATER * min(2 ** max(row.attempts - 3, 0), 600)
    else:
        move(row, verdict)
        row.next_attempt_at, row.applied_at = None, real_time()
