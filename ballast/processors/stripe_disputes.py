"""Charges their holders contest, at Stripe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import stripe

from ballast.processors import stripe_answers as answers
from ballast.processors.base import (
    NO_SUCH_DISPUTE,
    Declined,
    Dispute,
    DisputeFee,
    DisputeStatus,
    UnavailableError,
    Unknown,
)
from ballast.processors.stripe_answers import FAILURES

# One field of text; all fields together may hold 150,000. Source: docs.stripe.com/disputes/api.
EVIDENCE_CHARACTERS: Final = 20_000
# An inquiry that ends, and a dispute that a refund prevented, have cost nothing. Source: docs.stripe.com/api/disputes/object.
STATUS: Final[dict[str, DisputeStatus]] = {
    "warning_needs_response": "warning",
    "warning_under_review": "under_review",
    "warning_closed": "won",
    "needs_response": "needs_response",
    "under_review": "under_review",
    "won": "won",
    "prevented": "won",
    "lost": "lost",
}
OPEN: Final = {"warning", "needs_response"}


def list_disputes(client: stripe.StripeClient, window: Any) -> Iterator[str]:
    """Yield the ids of those in the window of a list. Raises UnavailableError."""
    try:
        for dispute in client.v1.disputes.list(window).auto_paging_iter():
            yield dispute.id
    except FAILURES as error:
        raise UnavailableError(answers.reason_of(error)) from error


def find_dispute(client: stripe.StripeClient, external_id: str) -> Dispute | Unknown:
    """How a dispute stands."""
    try:
        return _read(client.v1.disputes.retrieve(external_id))
    except FAILURES as error:
        is_missing = getattr(error, "http_status", None) == 404
        return Unknown(NO_SUCH_DISPUTE, external_id) if is_missing else answers.unknown(error, external_id)


def submit_evidence(client: stripe.StripeClient, external_id: str, text: str) -> Dispute | Declined | Unknown:
    """Answer a dispute, for good."""
    said: Any = {"evidence": {"uncategorized_text": text}, "submit": True}
    try:
        return _read(client.v1.disputes.update(external_id, said))
    except FAILURES as error:
        return _unchanged(client, external_id, error)


def accept_dispute(client: stripe.StripeClient, external_id: str) -> Dispute | Declined | Unknown:
    """Give in; at Stripe the dispute is lost then."""
    try:
        return _read(client.v1.disputes.close(external_id))
    except FAILURES as error:
        return _unchanged(client, external_id, error)


def _unchanged(client: stripe.StripeClient, external_id: str, error: Any) -> Dispute | Declined | Unknown:
    """What Stripe would not change: done before, or really refused."""
    refusal = answers.refused(error, external_id)
    if refusal is None:
        return answers.unknown(error, external_id)
    now = find_dispute(client, external_id)
    return now if isinstance(now, Dispute) and now.status not in OPEN else refusal


def _read(dispute: Any) -> Dispute | Unknown:
    try:
        due = dispute.evidence_details.due_by
        charge = dispute.payment_intent or dispute.charge
        return Dispute(
            external_id=dispute.id,
            charge_external_id=charge if isinstance(charge, str) else charge.id,
            amount=dispute.amount,
            currency=str(dispute.currency).upper(),
            reason=str(dispute.reason).lower(),
            status=STATUS[dispute.status],
            due_at=answers.moment_of(due) if due else None,
            created_at=answers.moment_of(dispute.created),
            is_inquiry=dispute.status.startswith("warning_"),
            fees=tuple(_fees(dispute)),
        )
    except (AttributeError, KeyError):
        return Unknown("unreadable", getattr(dispute, "id", None))


def _fees(dispute: Any) -> Iterator[DisputeFee]:
    """Each withdrawal and each return carries its own. Source: docs.stripe.com/api/disputes/object (balance_transactions)."""
    for booked in dispute.balance_transactions:
        if booked.fee:
            yield DisputeFee(booked.id, booked.fee, str(booked.currency).upper())
