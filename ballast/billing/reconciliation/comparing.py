"""What a line of a processor's list should look like by what we have, and how it differs. Pure reading: asks nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from ballast.models.states import OPEN_ATTEMPT
from ballast.processors.lists import Listed

# Until then an attempt or refund may still be on its way, and a fee is not told yet; real time.
SETTLING: Final = timedelta(minutes=10)
FEE_AFTER: Final = timedelta(hours=1)
TOOK: Final = ("captured", "authorized")


@dataclass(frozen=True)
class OurCharge:
    """An attempt with what its payment and the ledger have of it. `posted`: minor units taken, by the ledger."""

    attempt_id: str
    external_id: str | None
    status: str
    payment_status: str
    amount: int
    currency: str
    captured: int
    refunded: int
    posted: int
    fee_is_posted: bool
    sent_at: datetime


@dataclass(frozen=True)
class OurRefund:
    """A refund, and the processor's id of the charge it is of."""

    refund_id: str
    external_id: str | None
    charge_external_id: str | None
    status: str
    amount: int
    currency: str
    sent_at: datetime | None


@dataclass(frozen=True)
class Found:
    """One thing in which we differ."""

    drift_class: str
    kind: str
    subject: str
    attempt_id: str | None = None
    refund_id: str | None = None
    ours: dict[str, Any] = field(default_factory=dict)
    theirs: dict[str, Any] = field(default_factory=dict)


def charge(line: Listed, ours: OurCharge | None, now: datetime, tells_fees: bool) -> Iterator[Found]:
    """How a charge of the list differs from ours; `now` is real time."""
    if ours is None:
        if line.status in TOOK:
            yield Found("missing_here", "charge", line.external_id, theirs=said(line))
        return
    if ours.external_id not in (None, line.external_id):
        # Another charge under the reference of one we know: what was refused beside it is of no account, money is.
        if line.status in TOOK:
            yield Found("missing_here", "charge", line.external_id, ours.attempt_id, theirs=said(line))
        return
    is_over = ours.status not in OPEN_ATTEMPT and line.status == "captured"
    if not _stands(line, ours, now):
        yield _differs("state_differs", line, ours)
    elif is_over and _takes_other(line, ours):
        yield _differs("amount_differs", line, ours)
    elif is_over and tells_fees and not line.fee and now - line.created_at > FEE_AFTER:
        yield _differs("fee_unknown", line, ours)


def _takes_other(line: Listed, ours: OurCharge) -> bool:
    """Whether the ledger has another amount than was taken; unknown where it was taken in parts that the list does not add up."""
    return line.currency != ours.currency or line.captured not in (None, ours.posted)


def _stands(line: Listed, ours: OurCharge, now: datetime) -> bool:
    """Whether the processor's status is one that ours may have there."""
    if ours.status in OPEN_ATTEMPT:
        return line.status in ("pending", "failed") or now - ours.sent_at <= SETTLING
    if ours.status != "approved":  # closed without money; what came late is posted, or it is drift
        return line.status not in TOOK or bool(ours.posted)
    if line.status == "failed":  # an earlier try under the same id
        return True
    return line.status in _of_payment(ours)


def _of_payment(ours: OurCharge) -> tuple[str, ...]:
    match ours.payment_status:
        case "requires_capture":
            return ("authorized",)
        case "succeeded":  # given back before it settled, it was voided instead
            return ("captured", "canceled") if ours.refunded == ours.captured else ("captured",)
        case "processing":  # a capture or a void is under way
            return ("authorized", "captured", "canceled")
        case _:
            return ("canceled", "pending")


def refund(lines: list[Listed], ours: OurRefund | None, now: datetime) -> Iterator[Found]:
    """How what the list has of one refund (several lines where a charge was captured in parts) differs from ours."""
    line = lines[0]
    if ours is None:
        if line.status != "failed":
            yield Found("missing_here", "refund", line.external_id, theirs=said(line))
        return
    given = sum(one.amount for one in lines if one.status != "failed")
    if not _refund_stands(line, ours, now):
        yield _refund_differs("state_differs", line, ours)
    elif line.status != "failed" and (given, line.currency) != (ours.amount, ours.currency):
        yield _refund_differs("amount_differs", line, ours)


def _refund_stands(line: Listed, ours: OurRefund, now: datetime) -> bool:
    is_fresh = ours.sent_at is None or now - ours.sent_at <= SETTLING
    match ours.status:
        case "succeeded":
            return line.status == "succeeded"
        case "processing":  # the word that it arrived is on its way
            return line.status == "processing" or is_fresh
        case "submitted" | "unknown":
            return is_fresh
        case _:
            return line.status == "failed"


def _differs(drift_class: str, line: Listed, ours: OurCharge) -> Found:
    has = {"status": ours.status, "payment": ours.payment_status, "amount": ours.posted, "currency": ours.currency}
    return Found(drift_class, "charge", line.external_id, ours.attempt_id, ours=has, theirs=said(line))


def _refund_differs(drift_class: str, line: Listed, ours: OurRefund) -> Found:
    has = {"status": ours.status, "amount": ours.amount, "currency": ours.currency}
    return Found(drift_class, "refund", line.external_id, refund_id=ours.refund_id, ours=has, theirs=said(line))


def said(line: Listed) -> dict[str, Any]:
    """A line as it is kept with the drift."""
    return {
        "status": line.status,
        "amount": line.amount,
        "captured": line.captured,
        "currency": line.currency,
        "reference": line.reference,
        "created_at": line.created_at.isoformat(),
    }


def is_missing(ours: OurCharge) -> bool:
    """Whether a charge that no list has should be in one."""
    return ours.status == "approved"


def refund_is_missing(ours: OurRefund) -> bool:
    """Whether a refund that no list has should be in one; what was voided instead is in none."""
    was_voided = ours.external_id is not None and ours.external_id == ours.charge_external_id
    return ours.status in ("succeeded", "processing") and not was_voided
