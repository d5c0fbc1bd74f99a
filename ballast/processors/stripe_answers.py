"""What Stripe's answers mean, in our words. Reads the SDK's objects, or JSON (`Seen`); asks nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

import stripe

from ballast.processors.base import (
    ActionRequired,
    Approved,
    Card,
    Declined,
    NotSent,
    Outcome,
    RefundOutcome,
    SavedCard,
    Unknown,
)
from ballast.processors.declines import PUBLIC_SENTENCE, classify_stripe
from ballast.processors.headers import find_header, seconds_to_wait
from ballast.processors.lists import Fee, Listed, ListedPayout
from ballast.processors.sending import TooLateError

# The metadata keys that carry our ids, for resolving and reconciling.
ATTEMPT, PAYMENT, REFUND, HOLDER, CARD = "attempt", "payment", "refund", "customer", "payment_method"
REFUND_STATUS = {
    "pending": "processing",
    "requires_action": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
PAYOUT_STATUS: Final[dict[str, Literal["in_transit", "paid", "failed"]]] = {
    "paid": "paid",
    "failed": "failed",
    "canceled": "failed",
}
# What a call can come to besides an answer: what the SDK raises, and our own refusal to send.
FAILURES: Final = (stripe.StripeError, TooLateError)
Failure = stripe.StripeError | TooLateError


class Seen:
    """JSON of Stripe's, to be read as the SDK's objects are: what it has not is an AttributeError."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._said = said

    def __getattr__(self, name: str) -> Any:
        try:
            found = self._said[name]
        except (KeyError, TypeError):
            raise AttributeError(name) from None
        return Seen(found) if isinstance(found, dict) else found

    def to_dict(self) -> dict[str, Any]:
        """The JSON."""
        return self._said


def outcome_of(intent: Any) -> Outcome:
    """What a PaymentIntent's state means. Source: docs.stripe.com/payments/paymentintents/lifecycle."""
    try:
        return _outcome(intent)
    except AttributeError:  # a field that Stripe always sends is missing: this is no answer
        return Unknown("unreadable", getattr(intent, "id", None))


def _outcome(intent: Any) -> Outcome:
    match intent.status:
        case "succeeded":
            return Approved(intent.id, intent.amount_received, card_of(intent.payment_method), saved_of(intent))
        case "requires_capture":
            return Approved(intent.id, 0, card_of(intent.payment_method), saved_of(intent))
        case "requires_action":
            return ActionRequired(intent.id, _redirect_url(intent), intent.client_secret)
        case "requires_payment_method" | "canceled" if intent.last_payment_error:  # canceled after it was declined
            return declined(intent.last_payment_error.to_dict(), intent.id)
        case "requires_payment_method" | "requires_confirmation" | "canceled":
            return NotSent(intent.status, intent.id)
        case status:
            return Unknown(str(status), intent.id)


def saved_of(intent: Any) -> SavedCard | None:
    """The card as it was stored, if the intent was to store it and its customer has it."""
    method = intent.payment_method
    if getattr(intent, "setup_future_usage", None) != "off_session" or method is None or isinstance(method, str):
        return None
    customer = _id_of(getattr(method, "customer", None))
    return SavedCard(method.id, customer, card_of(method)) if customer else None


def _id_of(found: Any) -> str | None:
    """The id of what may have been expanded."""
    return found if found is None or isinstance(found, str) else str(found.id)


def _redirect_url(intent: Any) -> str | None:
    action = intent.next_action.to_dict() if intent.next_action else {}
    redirect: str | None = (action.get("redirect_to_url") or {}).get("url")
    return redirect


def card_of(method: Any) -> Card:
    """What may be shown; nothing for a method that is no card (Link, a bank account)."""
    card = getattr(method, "card", None)
    return Card(card.brand, card.last4, card.exp_month, card.exp_year) if card else Card(None, None)


def refunded(refund: Any) -> RefundOutcome:
    """How a refund stands."""
    return RefundOutcome(
        REFUND_STATUS.get(str(getattr(refund, "status", None)), "unknown"), getattr(refund, "id", None)
    )


def unrefunded(error: Failure) -> RefundOutcome:
    """A refund nobody knows about."""
    return RefundOutcome("unknown", message=reason_of(error), retry_after=wait_of(error))


def refused(error: Failure, external_id: str | None = None) -> Declined | None:
    """A refusal we can be sure of, or None when the outcome is open."""
    if isinstance(error, TooLateError):
        return None
    details = error.error.to_dict() if error.error is not None else {}
    if isinstance(error, stripe.CardError):
        return declined(details, external_id)
    if details.get("code") == "payment_intent_unexpected_state":
        return None
    if isinstance(error, (stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError)):
        code = str(details.get("code") or error.http_status or "invalid_request")
        return Declined("configuration", code, str(details.get("message") or error), external_id)
    return None


def declined(details: dict[str, Any], external_id: str | None) -> Declined:
    """The bank's no, with its raw code. Nothing of a suspicion of fraud is in the sentence."""
    code, decline_code = details.get("code"), details.get("decline_code")
    decline_class = classify_stripe(code, decline_code, details.get("advice_code"))
    inner = (details.get("payment_intent") or {}).get("last_payment_error") or {}
    method = details.get("payment_method") or inner.get("payment_method")
    shown = (method.get("card") or {}) if isinstance(method, dict) else {}
    card = Card(shown.get("brand"), shown.get("last4"), shown.get("exp_month"), shown.get("exp_year"))
    return Declined(
        decline_class,
        decline_code or code or "card_declined",
        PUBLIC_SENTENCE[decline_class],
        external_id,
        card if shown else None,
    )


def unknown(error: Failure, external_id: str | None) -> Unknown:
    """Nobody knows."""
    return Unknown(reason_of(error), external_id, wait_of(error))


def not_sent(error: Failure, external_id: str | None = None) -> NotSent:
    """The bank was never asked."""
    return NotSent(reason_of(error), external_id, wait_of(error))


def unsubmitted(error: Failure, external_id: str | None) -> Outcome:
    """What a call that asks the bank has come to without an answer."""
    is_late = isinstance(error, TooLateError)
    return not_sent(error, external_id) if is_late else refused(error, external_id) or unknown(error, external_id)


def reason_of(error: Failure) -> str:
    """One word for the operator's queue."""
    if isinstance(error, TooLateError):
        return "too_late"
    if isinstance(error, stripe.RateLimitError):
        return "rate_limited"
    if error.http_status and error.http_status < 400:
        return "unreadable"
    return f"http_{error.http_status}" if error.http_status else "no_answer"


def wait_of(error: Failure) -> float | None:
    """What Stripe asked to wait, in seconds."""
    return None if isinstance(error, TooLateError) else seconds_to_wait(error.headers)


def is_replayed(headers: Any) -> bool:
    """Whether Stripe has given an answer that it gave before under the same key."""
    return find_header(headers, "Idempotent-Replayed") == "true"


def reference_of(found: Any, key: str) -> str | None:
    """Our id in the metadata of an object."""
    metadata = getattr(found, "metadata", None)
    said = metadata.to_dict().get(key) if metadata else None
    return str(said) if said else None


def listed_charge(charge: Any) -> Listed:
    """One charge in a window of time; its id is that of its PaymentIntent, by which we know it."""
    if charge.status != "succeeded":
        status = "failed" if charge.status == "failed" else "pending"
    elif charge.captured:
        status = "captured"
    else:
        status = "canceled" if charge.refunded else "authorized"
    external_id = _id_of(charge.payment_intent) or charge.id
    listed = _listed("charge", charge, external_id, reference_of(charge, ATTEMPT), status)
    return replace(listed, captured=charge.amount_captured if status == "captured" else 0, fee=_fee_of(charge))


def _fee_of(charge: Any) -> Fee | None:
    """What Stripe kept of a charge whose balance transaction was asked for with it."""
    booked = getattr(charge, "balance_transaction", None)
    return Fee(booked.fee, str(booked.currency).upper()) if isinstance(booked, stripe.BalanceTransaction) else None


def listed_refund(refund: Any) -> Listed:
    """One refund in a window of time."""
    return _listed("refund", refund, refund.id, reference_of(refund, REFUND), refunded(refund).status)


def listed_payout(payout: Any) -> ListedPayout:
    """One payout in a window of time."""
    arrives_on = moment_of(payout.arrival_date).date()
    status = PAYOUT_STATUS.get(str(payout.status), "in_transit")
    currency = str(payout.currency).upper()
    return ListedPayout(payout.id, payout.amount, currency, status, moment_of(payout.created), arrives_on)


def _listed(kind: Any, found: Any, external_id: str, reference: str | None, status: str) -> Listed:
    currency = str(found.currency).upper()
    return Listed(kind, external_id, reference, found.amount, currency, status, moment_of(found.created))


def moment_of(seconds: int) -> datetime:
    """A time of Stripe's, which is seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def name_of(account: Any) -> str:
    """How an account calls itself."""
    said = account.to_dict()
    places = ((said.get("settings") or {}).get("dashboard") or {}, said.get("business_profile") or {}, said)
    names = (place.get(key) for place in places for key in ("display_name", "name", "email"))
    return next((str(name) for name in names if name), "")
