"""Payments their holders contest, at Square."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Final

from square import Square

from ballast.processors import square_answers as answers
from ballast.processors.base import NO_SUCH_DISPUTE, Declined, Dispute, DisputeStatus, Unknown
from ballast.processors.square_client import ONCE, ask

# Source: developer.squareup.com/reference/square/disputes-api/create-dispute-evidence-text.
EVIDENCE_CHARACTERS: Final = 500
# An inquiry that ends has cost nothing. Source: developer.squareup.com/reference/square/enums/DisputeState.
STATUS: Final[dict[str, DisputeStatus]] = {
    "INQUIRY_EVIDENCE_REQUIRED": "warning",
    "INQUIRY_PROCESSING": "under_review",
    "INQUIRY_CLOSED": "won",
    "EVIDENCE_REQUIRED": "needs_response",
    "PROCESSING": "under_review",
    "WON": "won",
    "LOST": "lost",
    "ACCEPTED": "accepted",
}
OPEN: Final = {"warning", "needs_response"}


def find_dispute(client: Square, external_id: str) -> Dispute | Unknown:
    """How a dispute stands."""
    try:
        return _read(ask(client.disputes.get, external_id, request_options=ONCE), external_id)
    except answers.FAILURES as error:
        is_missing = getattr(error, "status_code", None) == 404
        return Unknown(NO_SUCH_DISPUTE, external_id) if is_missing else answers.unknown(error, external_id)


def submit_evidence(client: Square, external_id: str, text: str) -> Dispute | Declined | Unknown:
    """Answer a dispute, for good. The same text is entered once, however often it is submitted."""
    key = hashlib.sha256(f"{external_id}:{text}".encode()).hexdigest()[:45]
    try:
        ask(
            client.disputes.create_evidence_text,
            external_id,
            idempotency_key=key,
            evidence_text=text,
            request_options=ONCE,
        )
        return _read(ask(client.disputes.submit_evidence, external_id, request_options=ONCE), external_id)
    except answers.FAILURES as error:
        return _unchanged(client, external_id, error)


def accept_dispute(client: Square, external_id: str) -> Dispute | Declined | Unknown:
    """Give in."""
    try:
        return _read(ask(client.disputes.accept, external_id, request_options=ONCE), external_id)
    except answers.FAILURES as error:
        return _unchanged(client, external_id, error)


def _unchanged(client: Square, external_id: str, error: answers.Failure) -> Dispute | Declined | Unknown:
    """What Square would not change: done before, or really refused."""
    refusal = answers.read_failure(error, external_id)
    if isinstance(refusal, Unknown):
        return refusal
    now = find_dispute(client, external_id)
    return now if isinstance(now, Dispute) and now.status not in OPEN else refusal


def _read(answer: Any, external_id: str) -> Dispute | Unknown:
    dispute = getattr(answer, "dispute", None)
    money = getattr(dispute, "amount_money", None)
    state = str(getattr(dispute, "state", None))
    if dispute is None or money is None or not dispute.created_at or state not in STATUS:
        return Unknown("empty_answer" if dispute is None else "unreadable", external_id)
    return Dispute(
        external_id=dispute.id or external_id,
        charge_external_id=dispute.disputed_payment.payment_id if dispute.disputed_payment else None,
        amount=money.amount or 0,
        currency=str(money.currency),
        reason=str(dispute.reason).lower(),
        status=STATUS[state],
        due_at=datetime.fromisoformat(dispute.due_at) if dispute.due_at else None,
        created_at=datetime.fromisoformat(dispute.created_at),
        is_inquiry=state.startswith("INQUIRY_"),
    )
