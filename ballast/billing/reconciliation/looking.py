"""Asking a processor for one charge or refund by its own id: what no list has may only be told late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ballast.billing import processing
from ballast.billing.processing import Account
from ballast.billing.reconciliation.comparing import Found, OurCharge, OurRefund
from ballast.processors.base import (
    Approved,
    Lookup,
    NotSent,
    Outcome,
    RefundOutcome,
    RefundRequest,
    UnavailableError,
    Unknown,
)

# How a processor says that it has nothing of this id.
NO_SUCH: Final = ("http_404", "not_found")


def ask_charge(account: Account, ours: OurCharge) -> Outcome:
    """What the processor has of it now."""
    lookup = Lookup(ours.attempt_id, ours.external_id, ours.amount, ours.currency, ours.sent_at)
    return processing.read(account, lambda adapter: adapter.find(lookup))


def charge(account: Account, ours: OurCharge) -> Iterator[Found]:
    """Whether it is missing there, or stands otherwise. Raises UnavailableError."""
    outcome = ask_charge(account, ours)
    has = {"status": ours.status, "payment": ours.payment_status, "amount": ours.posted, "currency": ours.currency}
    subject = ours.external_id or ours.attempt_id
    if isinstance(outcome, Approved) or (
        isinstance(outcome, NotSent) and ours.payment_status in ("canceled", "failed")
    ):
        return
    if isinstance(outcome, Unknown) and outcome.reason not in NO_SUCH:
        raise UnavailableError(outcome.reason)
    is_absent = isinstance(outcome, Unknown) or (isinstance(outcome, NotSent) and outcome.reason == "absent")
    drift_class = "missing_there" if is_absent else "state_differs"
    yield Found(drift_class, "charge", subject, ours.attempt_id, ours=has, theirs={"status": say(outcome)})


def say(outcome: Outcome) -> str:
    """An outcome as the status of a list."""
    match outcome:
        case Approved(captured=captured):
            return "captured" if captured else "authorized"
        case NotSent(reason="absent"):
            return "absent"
        case NotSent():
            return "canceled"
        case Unknown(reason=reason):
            return "absent" if reason in NO_SUCH else "unknown"
        case _:
            return "failed"


def ask_refund(account: Account, ours: OurRefund) -> RefundOutcome:
    """What the processor has of it now; `absent` for nothing."""
    request = RefundRequest(
        ours.refund_id, ours.charge_external_id or "", ours.amount, ours.currency, None, ours.sent_at
    )
    outcome = processing.read(account, lambda adapter: adapter.find_refund(request, ours.external_id))
    is_absent = outcome.status == "unknown" and outcome.message in NO_SUCH
    return RefundOutcome("absent") if is_absent else outcome


def refund(account: Account, ours: OurRefund) -> Iterator[Found]:
    """As `charge`."""
    outcome = ask_refund(account, ours)
    has = {"status": ours.status, "amount": ours.amount, "currency": ours.currency}
    if outcome.status in ("succeeded", "processing"):
        return
    if outcome.status == "unknown":
        raise UnavailableError(outcome.message or "unknown")
    drift_class = "missing_there" if outcome.status == "absent" else "state_differs"
    subject = ours.external_id or ours.refund_id
    yield Found(drift_class, "refund", subject, refund_id=ours.refund_id, ours=has, theirs={"status": outcome.status})
