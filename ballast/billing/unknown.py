"""Attempts whose outcome nobody knows yet: what is known of each, asking now, and a person's word about one.

A person's word decides nothing alone: "it was not charged" cancels at the processor first, "it was charged" asks the processor, and
what the processor says is recorded. Where it says nothing the attempt stays open, and nobody charges again.

If the process dies after the word is in the log, nothing but the asking is lost: the attempt is open, and the resolver goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from ballast import audit
from ballast.billing import lookup, resolver, unknown_alerts
from ballast.clock import real_time
from ballast.db import db, end_reading, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.identity import reasons
from ballast.ids import from_uuid, to_uuid
from ballast.models import Attempt, Payment
from ballast.models.states import OPEN_ATTEMPT

# A person looks at it from here on; owners have a mail.
ALARMING: Final = unknown_alerts.AFTER
WORDS: Final = ("charged", "not_charged")
# What is known of an attempt, by what its last probe met.
KNOWN: Final = {
    None: "It was sent, and the answer never came.",
    "no_answer": "The processor did not answer.",
    "unreadable": "The processor answered something that cannot be read.",
    "unreadable_answer": "The processor answered something that cannot be read.",
    "empty_answer": "The processor answered nothing.",
    "rate_limited": "The processor asked us to wait.",
    "processing": "The processor has it, and the bank is still deciding.",
    "not_found_yet": "The processor does not know it yet. A charge may still be under way there.",
}


def is_unknown() -> ColumnElement[bool]:
    """Attempts nobody knows the outcome of: no answer so far, or one that should have come by now."""
    overdue = and_(Attempt.status == "submitted", Attempt.next_probe_at < real_time())
    return and_(Attempt.status.in_(OPEN_ATTEMPT), or_(Attempt.status == "unknown", overdue))


def listed(organization_id: str) -> Select[Attempt, Payment]:
    """The organization's unknown outcomes, each with its payment."""
    return _with_payment(organization_id).where(is_unknown())


def _with_payment(organization_id: str) -> Select[Attempt, Payment]:
    joined = (Payment.organization_id == Attempt.organization_id) & (Payment.id == Attempt.payment_id)
    return select(Attempt, Payment).join(Payment, joined).where(Attempt.organization_id == organization_id)


def find(organization_id: str, attempt_id: str) -> Attempt:
    """The attempt, whatever has become of it. Raises NotFound."""
    wanted = select(Attempt).where(Attempt.organization_id == organization_id, Attempt.id == attempt_id)
    return lookup.find(wanted.execution_options(populate_existing=True), attempt_id, "att", "attempt")


def what_is_known(attempt: Attempt) -> str:
    """In words, what the last probe met."""
    return KNOWN.get(attempt.message, f"The processor answered with an error ({attempt.message}).")


def since(attempt: Attempt) -> datetime:
    """When it was sent, at the latest; real time."""
    return attempt.submitted_at or attempt.send_deadline_at


def probe(organization_id: str, attempt_id: str) -> str:
    """Ask the processor now, and record what it says; answers the attempt's status then. Holds no transaction while it asks.

    Raises NotFound, Conflict(`state_conflict`) for an attempt that is decided, Conflict(`payment_in_progress`) while its call goes on.
    """
    _check(find(organization_id, attempt_id))
    end_reading()
    for found in resolver.read_open([(organization_id, attempt_id)]):
        resolver.resolve_hint(found)
    return find(organization_id, attempt_id).status


def resolve(organization_id: str, attempt_id: str, word: str, reason: str) -> str:
    """Somebody says how it ended (`charged`, `not_charged`) and why they think so: the processor is asked, or has it canceled, and its
    answer is what is recorded. Answers the attempt's status then; where the processor says nothing it is open as before.

    Raises what `probe` raises, InvalidRequest(`parameter_invalid`) for another word, and what `reasons.read` raises.
    """
    if word not in WORDS:
        raise InvalidRequest("parameter_invalid", "Say how it ended.", param="word")
    reason = reasons.read(reason)
    attempt = find(organization_id, attempt_id)
    _check(attempt)
    payment_id = attempt.payment_id
    end_reading()
    with transaction():
        changes = {"attempt": attempt_id, "word": word, "reason": reason}
        audit.record(organization_id, "payment.outcome_said", "payment", payment_id, changes)
    if word == "charged":
        return probe(organization_id, attempt_id)
    resolver.abandon(organization_id, attempt_id)
    return find(organization_id, attempt_id).status


def _check(attempt: Attempt) -> None:
    if not attempt.is_open:
        raise Conflict("state_conflict", f"This attempt is decided: it is {attempt.status}.")
    is_calling = attempt.status in ("created", "submitted") and (attempt.next_probe_at or real_time()) > real_time()
    if is_calling:
        raise Conflict("payment_in_progress", "The processor is being asked at this moment. Try again in a minute.")


@dataclass(frozen=True)
class Anywhere:
    """An unknown outcome of some organization, for platform staff. `amount`: minor units."""

    organization_id: str
    organization_name: str
    attempt_id: str
    processor: str
    amount: int
    currency: str
    probes: int
    since: datetime
    next_probe_at: datetime | None


def everywhere(staff_id: str, most: int) -> list[Anywhere]:
    """Unknown outcomes of all organizations, the oldest first. Postgres answers staff alone."""
    asked: Any = func.unknown_attempts(to_uuid(staff_id, "usr"), most).table_valued(
        "organization_id", "name", "id", "processor", "amount", "currency", "probes", "since", "next_probe_at"
    )
    return [
        Anywhere(from_uuid(row[0], "org"), row[1], from_uuid(row[2], "att"), *row[3:])
        for row in db.session.execute(select(*asked.c).select_from(asked))
    ]
