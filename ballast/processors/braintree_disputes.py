"""Charges their holders contest, at Braintree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any, Final

from braintree import DisputeSearch

from ballast.errors import InvalidRequest
from ballast.processors import braintree_answers as answers
from ballast.processors.base import NO_SUCH_DISPUTE, Declined, Dispute, DisputeStatus, UnavailableError, Unknown
from ballast.processors.braintree_answers import UNREADABLE, OpenError, RefusedError, ask, codes_of
from ballast.processors.braintree_merchant import Merchant

# What the gateway takes as one comment. Source: developer.paypal.com/braintree/docs/reference/request/dispute/add-text-evidence.
EVIDENCE_CHARACTERS: Final = 500
STATUS: Final[dict[str, DisputeStatus]] = {
    "open": "needs_response",
    "disputed": "under_review",
    "under_review": "under_review",
    "won": "won",
    "lost": "lost",
    "expired": "lost",
    "accepted": "accepted",
    "auto_accepted": "accepted",
}
OPEN: Final = {"warning", "needs_response"}


def list_disputes(merchant: Merchant, start: datetime, end: datetime) -> Iterator[str]:
    """Yield the ids of those opened in the window, which is searched by whole days. Raises UnavailableError."""
    days = DisputeSearch.received_date.between(start.astimezone(UTC).date(), end.astimezone(UTC).date())
    try:
        found = iter(ask(lambda: merchant.gateway.dispute.search(days)).disputes.items)
        while (dispute := ask(lambda: next(found, False))) is not False:
            if start <= answers.aware(dispute.created_at) < end:
                yield str(dispute.id)
    except (OpenError, RefusedError) as error:
        raise UnavailableError(str(error)) from error


def find_dispute(merchant: Merchant, external_id: str) -> Dispute | Unknown:
    """How a dispute stands."""
    try:
        told = ask(lambda: merchant.gateway.dispute.find(external_id))
    except (OpenError, RefusedError) as error:
        is_missing = str(error) == "not_found"
        return Unknown(NO_SUCH_DISPUTE, external_id) if is_missing else answers.unknown(error, external_id)
    found = _read(told)
    try:
        return replace(found, charge_external_id=_whole(merchant, found)) if isinstance(found, Dispute) else found
    except (OpenError, RefusedError) as error:
        return answers.unknown(error, external_id)


def _whole(merchant: Merchant, dispute: Dispute) -> str:
    """The charge that is disputed; of a part that was captured from an authorization, that authorization."""
    part = dispute.charge_external_id or ""
    return str(getattr(merchant.load(part), "authorized_transaction_id", None) or part)


def submit_evidence(merchant: Merchant, external_id: str, text: str) -> Dispute | Declined | Unknown:
    """Answer a dispute, for good: the text is added, if it is not there yet, and sent in."""
    if not text.strip():  # which the SDK would not send
        return answers.misconfigured("evidence_empty", external_id)
    disputes = merchant.gateway.dispute

    def submit() -> Any:
        found = ask(lambda: disputes.find(external_id))
        if not any(getattr(one, "comment", None) == text for one in getattr(found, "evidence", None) or []):
            added = ask(lambda: disputes.add_text_evidence(external_id, {"content": text}))
            if not added.is_success:
                return added
        return ask(lambda: disputes.finalize(external_id))

    return _change(merchant, external_id, submit)


def accept_dispute(merchant: Merchant, external_id: str) -> Dispute | Declined | Unknown:
    """Give in."""
    return _change(merchant, external_id, lambda: ask(lambda: merchant.gateway.dispute.accept(external_id)))


def _change(merchant: Merchant, external_id: str, change: Callable[[], Any]) -> Dispute | Declined | Unknown:
    """Do it, and say how the dispute stands then; what the gateway would not change was done before, or is really refused."""
    try:
        result = change()
    except OpenError as error:
        return answers.unknown(error, external_id)
    except RefusedError as error:
        return answers.misconfigured(error.code, external_id)
    now = find_dispute(merchant, external_id)
    if result.is_success or (isinstance(now, Dispute) and now.status not in OPEN):
        return now
    return answers.invalid(codes_of(result), result.message)


def _read(dispute: Any) -> Dispute | Unknown:
    try:
        currency, status = str(dispute.currency_iso_code), STATUS[str(dispute.status)]
        is_inquiry = dispute.kind == "retrieval"  # the bank asks, and has taken nothing yet
        if status == "needs_response" and is_inquiry:
            status = "warning"
        due = dispute.reply_by_date
        return Dispute(
            external_id=str(dispute.id),
            charge_external_id=str(dispute.transaction_details.id),
            amount=answers.minor(dispute.amount_disputed, currency),
            currency=currency,
            reason=str(dispute.reason).lower(),
            status=status,
            due_at=datetime.combine(due, time.max, UTC) if due else None,
            created_at=answers.aware(dispute.created_at),
            is_inquiry=is_inquiry,
        )
    except (InvalidRequest, *UNREADABLE):
        return Unknown("unreadable", str(getattr(dispute, "id", "")) or None)
