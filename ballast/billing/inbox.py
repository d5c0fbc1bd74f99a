"""Events from processors: verified on their raw bytes, stored once, applied by a job that fetches the object again.

An event is a hint, never a fact: what is recorded is what the processor answers when asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert

from ballast import audit, queue
from ballast.billing import accounts, disputes, prevented, processing, refunds, resolver
from ballast.billing.resolver import CLOSED_UNPAID
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.errors import InvalidRequest, NotFound
from ballast.ids import new_id, to_uuid
from ballast.models import Attempt, InboxEvent, Refund
from ballast.models.states import OPEN_ATTEMPT, move
from ballast.notifications.drain import BATCH, BATCH_SECONDS, NotStarted, drain, run_until_stopped
from ballast.notifications.turns import Due, in_turn, release
from ballast.processors.base import BadSignature, ProcessorEvent, UnreadableEvent

THREADS = 8
# A request that is still waiting for its own answer comes first; its event is looked at again after this.
LATER = timedelta(seconds=3)
GIVE_UP_AFTER: Final = 20
# Why an event was given up.
MEANING: Final = {"missing": "no_such_dispute", "later": "no_answer"}
# What is disputed has been paid before.
TELLS_OF_MONEY: Final = ("charge_paid", "dispute")


def receive(organization_id: str, account_id: str, raw: bytes, headers: Mapping[str, str]) -> bool:
    """Store an event, once. Answers whether it was new. Raises NotFound, InvalidRequest(`signature_invalid`,
    `event_unreadable`), ProcessorError(`processor_unavailable`).
    """
    account = processing.open_now(accounts.find(organization_id, account_id))
    url = accounts.hook_url(account.processor, account_id)
    try:
        event = processing.adapter_for(account.credentials).parse_event(raw, headers, url)
    except BadSignature:
        raise InvalidRequest(
            "signature_invalid", "This event is not signed by the processor, or it is too old."
        ) from None
    except UnreadableEvent:
        raise InvalidRequest("event_unreadable", "This event is signed, and cannot be read or kept as it is.") from None
    with transaction() as session:
        inserted = session.execute(_insertion(), _row(organization_id, account_id, event, raw)).first()
        if inserted is None:
            prevented.note(organization_id, "duplicate_event", f"{account_id}/{event.external_id}")
        queue.wake(queue.APPLY_INBOX)
    return inserted is not None


def _row(organization_id: str, account_id: str, event: ProcessorEvent, raw: bytes) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "id": new_id("inb"),
        "processor_account_id": account_id,
        **vars(event),
        "payload": raw,
        "status": "received",
        "received_at": real_time(),
        "next_attempt_at": real_time(),
    }


@cache
def _insertion() -> Any:
    """Made once, for every event of every processor passes here."""
    table: Any = InboxEvent.__table__
    once = insert(table).on_conflict_do_nothing(
        index_elements=["organization_id", "processor_account_id", "external_id"]
    )
    return once.returning(table.c.id)


def answer_challenge(organization_id: str, account_id: str, challenge: str) -> str:
    """What to answer a processor that asks whether this is the right address.

    Raises NotFound, InvalidRequest(`challenge_invalid`), ProcessorError(`processor_unavailable`).
    """
    account = processing.open_now(accounts.find(organization_id, account_id))
    try:
        return processing.adapter_for(account.credentials).answer_challenge(challenge)
    except BadSignature:
        raise InvalidRequest("challenge_invalid", "This is no challenge of the processor.") from None


def find(organization_id: str, event_id: str, lock: bool = False) -> InboxEvent:
    """The stored event. Raises NotFound."""
    if to_uuid(event_id, "inb") is None:
        raise NotFound("processor event")
    wanted = select(InboxEvent).where(InboxEvent.organization_id == organization_id, InboxEvent.id == event_id)
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found = db.session.scalars(wanted).first()
    if found is None:
        raise NotFound("processor event", event_id)
    return found


def replay(organization_id: str, event_id: str) -> None:
    """Apply a stored event again, as if it had come just now: a hint, so a second time changes nothing that is true already.

    Raises NotFound.
    """
    with transaction():
        event = find(organization_id, event_id, lock=True)
        was = event.status
        if event.status != "received":
            move(event, "received")
        event.attempts, event.reason, event.lease_until = 0, None, None
        event.next_attempt_at = real_time()
        changes = {"type": event.type} | audit.differences({"status": was}, {"status": event.status})
        audit.record(organization_id, "processor_event.replayed", "processor_event", event_id, changes)
        queue.wake(queue.APPLY_INBOX)


@dataclass(frozen=True)
class Received:
    """An event to apply, as plain data, with the rows of ours it is about."""

    key: tuple[str, str]
    attempts: int
    open_attempt: str | None
    open_attempt_busy: bool
    closed_attempt: str | None
    charge: str | None
    refunds: tuple[str, ...]
    waiting_refunds: tuple[str, ...]
    account_id: str
    dispute: str | None
    ours: bool

    @property
    def is_news(self) -> bool:
        """Whether anything is to be done about it but to note that it came."""
        told = (self.open_attempt, self.closed_attempt, self.refunds, self.waiting_refunds, self.dispute)
        return not self.ours or any(told)


def apply_due() -> int:
    """Apply every stored event that is due. The job behind `queue.APPLY_INBOX`."""
    queue.forget_mark(queue.APPLY_INBOX)
    received = (InboxEvent.status == "received",)
    waiting = Due(InboxEvent, InboxEvent.next_attempt_at, wanted=received, by_real_time=True, lease=_lease())
    return drain("apply_inbox", lambda: _apply_batch(waiting), job=queue.APPLY_INBOX)


def _lease() -> timedelta:
    """Longer than the last call that is begun in time. An event that asks more than once may be taken up by another worker meanwhile,
    who changes nothing by it: see `_settle`.
    """
    return timedelta(seconds=BATCH_SECONDS) + processing.longest_patience()


def _apply_batch(waiting: Due) -> tuple[int, int]:
    events, done = _read(in_turn(waiting.claim(BATCH)))
    came = list(zip(events, run_until_stopped(_apply, events, THREADS), strict=True))
    release(InboxEvent, [event.key for event, verdict in came if isinstance(verdict, NotStarted)])
    judged = [(event, verdict) for event, verdict in came if not isinstance(verdict, NotStarted)]
    if judged:
        with transaction():
            for event, verdict in sorted(judged, key=lambda one: one[0].key):  # locked in the order of `_read`
                _mark(event, verdict)
    return done + len(judged), sum(1 for _, verdict in judged if isinstance(verdict, Exception))


def _read(keys: list[tuple[str, str]]) -> tuple[list[Received], int]:
    """What the events are about, in one read per kind. Those that tell what is known already, which most do, are marked at once: the
    rest is answered, and how many those were.
    """
    if not keys:
        return [], 0
    key = tuple_(InboxEvent.organization_id, InboxEvent.id)
    with transaction() as session:
        rows = list(session.scalars(select(InboxEvent).where(key.in_(keys)).order_by(key).with_for_update()))
        place = {key: number for number, key in enumerate(keys)}
        rows.sort(key=lambda row: place[row.organization_id, row.id])
        attempts = attempts_of(rows)
        refunds_of = _open_refunds([(found.organization_id, found.id) for found in attempts.values()])
        read = [(row, _received(row, attempts.get((row.organization_id, row.id)), refunds_of)) for row in rows]
        for row, event in read:
            if not event.is_news:
                _settle(row, "applied")
        return [event for _, event in read if event.is_news], sum(1 for _, event in read if not event.is_news)


def attempts_of(rows: list[InboxEvent]) -> dict[tuple[str, str], Attempt]:
    """Event → the attempt it is about: by the processor's id, else by our own reference; only of the event's own account."""
    subjects = {(row.organization_id, row.processor_account_id, row.subject_id) for row in rows if row.subject_id}
    references = {(row.organization_id, row.reference) for row in rows if to_uuid(row.reference or "", "att")}
    named = tuple_(Attempt.organization_id, Attempt.processor_account_id, Attempt.external_id).in_(subjects)
    ours = tuple_(Attempt.organization_id, Attempt.id).in_(references)
    found = list(db.session.scalars(select(Attempt).where(named | ours))) if subjects or references else []
    by_subject = {(one.organization_id, one.processor_account_id, one.external_id): one for one in found}
    by_reference = {(one.organization_id, one.processor_account_id, one.id): one for one in found}
    matched = {}
    for row in rows:
        place = (row.organization_id, row.processor_account_id)
        attempt = by_subject.get((*place, row.subject_id)) or by_reference.get((*place, row.reference or ""))
        if attempt is not None:
            matched[row.organization_id, row.id] = attempt
    return matched


def _open_refunds(keys: list[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """Attempt → its refunds that an event may tell something of, with their statuses."""
    found: dict[str, list[tuple[str, str]]] = {}
    wanted = select(Refund.attempt_id, Refund.id, Refund.status).where(
        tuple_(Refund.organization_id, Refund.attempt_id).in_(keys),
        Refund.status.in_(("processing", "unknown", "succeeded", "pending_settlement")),
    )
    for attempt_id, refund_id, status in db.session.execute(wanted) if keys else ():
        found.setdefault(attempt_id, []).append((refund_id, status))
    return found


def _received(row: InboxEvent, attempt: Attempt | None, refunds_of: dict[str, list[tuple[str, str]]]) -> Received:
    is_open = attempt is not None and attempt.status in OPEN_ATTEMPT
    busy = bool(
        attempt and attempt.status in ("created", "submitted") and (attempt.next_probe_at or real_time()) > real_time()
    )
    is_late = attempt is not None and attempt.status in CLOSED_UNPAID and row.about in TELLS_OF_MONEY
    known = refunds_of.get(attempt.id, []) if attempt else []
    settled = row.about != "dispute"  # a dispute calls off what waits
    return Received(
        key=(row.organization_id, row.id),
        attempts=row.attempts,
        open_attempt=attempt.id if attempt and is_open else None,
        open_attempt_busy=busy,
        closed_attempt=attempt.id if attempt and is_late else None,
        charge=row.subject_id if row.about in ("charge", "charge_paid") else None,
        refunds=tuple(key for key, status in known if row.about == "refund" and status != "pending_settlement"),
        waiting_refunds=tuple(key for key, status in known if status == "pending_settlement" and settled),
        account_id=row.processor_account_id,
        dispute=row.dispute_id if row.about == "dispute" else None,
        ours=attempt is not None,
    )


def _apply(event: Received) -> str:
    """Do what the event hints at. Answers the event's next status, `later`, or `missing`: what it is about is not there."""
    if not event.ours and event.dispute is None:
        return "ignored" if event.attempts >= 2 else "later"
    if event.open_attempt and event.open_attempt_busy and event.attempts < 2:
        return "later"
    with organization(event.key[0]):
        if event.open_attempt:
            for found in resolver.read_open([(event.key[0], event.open_attempt)]):
                resolver.resolve_hint(found)
        known = event.closed_attempt is None or resolver.look_back(event.key[0], event.closed_attempt, event.charge)
        known = known and all(refunds.check(event.key[0], refund_id) for refund_id in event.refunds)
        for refund_id in event.waiting_refunds:
            refunds.send(event.key[0], refund_id)
        verdict = disputes.learn(event.key[0], event.account_id, event.dispute) if event.dispute else "applied"
    if not known or (verdict in ("ignored", "missing") and event.attempts < 2):
        return "later"
    return verdict


def _mark(event: Received, verdict: str | Exception) -> None:
    row = db.session.scalars(
        select(InboxEvent)
        .where(InboxEvent.organization_id == event.key[0], InboxEvent.id == event.key[1])
        .with_for_update()
    ).one()
    _settle(row, verdict)


def _settle(row: InboxEvent, verdict: str | Exception) -> None:
    """Note what came of an event, whose row is locked."""
    if row.status != "received":
        return  # Another worker had it after our lease ran out, and finished.
    row.attempts += 1
    row.lease_until = None
    if isinstance(verdict, Exception):
        row.reason = type(verdict).__name__
        row.next_attempt_at = real_time() + LATER * min(2**row.attempts, 600)
        if row.attempts >= GIVE_UP_AFTER:
            move(row, "failed")
            row.next_attempt_at = None
    elif verdict == "missing" or (verdict == "later" and row.attempts >= GIVE_UP_AFTER):
        row.reason, row.next_attempt_at = MEANING[verdict], None
        move(row, "failed")
    elif verdict == "later":
        row.next_attempt_at = real_time() + LATER * min(2 ** max(row.attempts - 3, 0), 600)
    else:
        move(row, verdict)
        row.next_attempt_at, row.applied_at = None, real_time()
