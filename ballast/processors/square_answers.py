"""What Square's answers mean. Pure reading; nothing here calls anything.

The SDK does not validate what it receives: any field may be missing, and `{}` comes as an answer whose payment is None.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, Final, Literal

import httpx
from square.core.api_error import ApiError
from square.types.error import Error
from square.types.payment import Payment

from ballast.processors.base import (
    Approved,
    Card,
    Connection,
    Declined,
    NotSent,
    Outcome,
    RefundOutcome,
    RefundRequest,
    Unknown,
)
from ballast.processors.declines import PUBLIC_SENTENCE, classify_square
from ballast.processors.headers import seconds_to_wait
from ballast.processors.lists import Fee, Listed, ListedPayout
from ballast.processors.sending import TooLateError

STATUS = {
    "APPROVED": "authorized",
    "COMPLETED": "captured",
    "CANCELED": "canceled",
    "FAILED": "failed",
    "PENDING": "pending",
}
REFUND_STATUS = {"PENDING": "processing", "COMPLETED": "succeeded", "REJECTED": "failed", "FAILED": "failed"}
PAYOUT_STATUS: Final[dict[str, Literal["in_transit", "paid", "failed"]]] = {"PAID": "paid", "FAILED": "failed"}
BRANDS = {"AMERICAN_EXPRESS": "amex", "DISCOVER_DINERS": "diners", "CHINA_UNIONPAY": "unionpay"}
# Refusals that do not tell whether a charge with this key exists.
OPEN_CATEGORIES = {"API_ERROR", "RATE_LIMIT_ERROR"}
OPEN_CODES = {"IDEMPOTENCY_KEY_REUSED", "TEMPORARY_ERROR"}
OPEN_STATUSES = {408, 409, 429}
REASON = 192
REFERENCE = re.compile(r"\((\S+)\)$")
# What a call can come to besides an answer: what the SDK raises, and our own refusal to send.
FAILURES: Final = (ApiError, httpx.HTTPError, TooLateError)
Failure = ApiError | httpx.HTTPError | TooLateError


def read_outcome(answer: Any, external_id: str | None = None) -> Outcome:
    """What an answer with a payment in it means; an empty one is no success."""
    payment = getattr(answer, "payment", None)
    return read_payment(payment) if isinstance(payment, Payment) else Unknown("empty_answer", external_id)


def read_payment(payment: Payment) -> Outcome:
    """What a payment's status means. Source: developer.squareup.com/reference/square/objects/Payment."""
    amount = read_amount(payment.amount_money)
    match payment.status:
        case "COMPLETED" if payment.id and amount is not None:
            return Approved(payment.id, amount, read_payment_card(payment))
        case "APPROVED" if payment.id:
            return Approved(payment.id, 0, read_payment_card(payment))
        case "CANCELED":
            return NotSent("canceled", payment.id)
        case "FAILED":
            details = payment.card_details
            error = next(iter((details.errors if details else None) or ()), None)
            level = getattr(payment.risk_evaluation, "risk_level", None)
            return decline(error, level, payment.id, read_payment_card(payment))
        case status:
            return Unknown(str(status or "empty_answer").lower(), payment.id)


def read_refusal(error: ApiError, external_id: str | None = None) -> Declined | Unknown:
    """What an error means: a refusal we can be sure of, or that nobody knows."""
    first = first_error(error)
    category = str(first.category) if first else None
    code = str(first.code) if first else None
    status = error.status_code or 0
    is_open = status in OPEN_STATUSES or category in OPEN_CATEGORIES or code in OPEN_CODES
    if is_open or first is None or not 400 <= status < 500:
        reused = code == "IDEMPOTENCY_KEY_REUSED"
        reason = "idempotency_key_reused" if reused else read_reason(error)
        return Unknown(reason, external_id, seconds_to_wait(error.headers))
    body = error.body if isinstance(error.body, dict) else {}
    payment = body.get("payment") if isinstance(body.get("payment"), dict) else None
    if payment is None:
        return decline(first, None, external_id, None)
    level = (payment.get("risk_evaluation") or {}).get("risk_level")
    shown = (payment.get("card_details") or {}).get("card") or {}
    card = make_card(*(shown.get(name) for name in ("card_brand", "last_4", "exp_month", "exp_year")))
    return decline(first, level, payment.get("id") or external_id, card)


def decline(error: Error | None, risk_level: Any, external_id: str | None, card: Card | None) -> Declined:
    """A refusal in our words; what is our own fault keeps Square's words, for the operator."""
    code = str(error.code) if error else "GENERIC_DECLINE"
    found = classify_square(code, str(error.category) if error else None, risk_level)
    detail = error.detail if error else None
    message = (detail or code) if found == "configuration" else PUBLIC_SENTENCE[found]
    return Declined(found, code, message, external_id, card)


def read_failure(error: Failure, external_id: str | None = None) -> Declined | Unknown:
    """What a call without an answer has come to: a refusal we can be sure of, or that nobody knows."""
    return read_refusal(error, external_id) if isinstance(error, ApiError) else unknown(error, external_id)


def unknown(error: Failure, external_id: str | None = None) -> Unknown:
    """Nobody knows."""
    return Unknown(read_reason(error), external_id, read_wait(error))


def unrefunded(error: Failure) -> RefundOutcome:
    """A refund nobody knows about."""
    return RefundOutcome("unknown", message=read_reason(error), retry_after=read_wait(error))


def read_wait(error: Failure) -> float | None:
    """What Square asked to wait, in seconds."""
    return seconds_to_wait(error.headers) if isinstance(error, ApiError) else None


def read_reason(error: Failure) -> str:
    """One word for the operator's queue."""
    if isinstance(error, TooLateError):
        return "too_late"
    if isinstance(error, httpx.HTTPError):
        return "unreadable_answer" if isinstance(error, httpx.DecodingError) else "no_answer"
    return "rate_limited" if error.status_code == 429 else f"http_{error.status_code}"


def first_error(error: ApiError) -> Error | None:
    """The error that says most: what is wrong with the card, else the first."""
    about_card = (one for one in error.errors if one.category == "PAYMENT_METHOD_ERROR")
    return next(about_card, error.errors[0] if error.errors else None)


def read_refund(refund: Any) -> RefundOutcome:
    """What a refund's status means."""
    if refund is None:
        return RefundOutcome("unknown", message="empty_answer")
    return RefundOutcome(REFUND_STATUS.get(str(refund.status), "unknown"), refund.id)


def write_reason(request: RefundRequest) -> str:
    """The reason of a refund, with our reference at its end: Square has no other place for it."""
    words = (request.reason or "refund").replace("_", " ").capitalize()
    return f"{words[: REASON - len(request.reference) - 3]} ({request.reference})"


def read_reference(reason: str | None) -> str | None:
    """Our reference out of the reason of a refund."""
    found = REFERENCE.search(reason or "")
    return found[1] if found else None


def read_listed(kind: Literal["charge", "refund"], found: Any) -> Listed:
    """One line of a list. Raises AttributeError, ValueError for what is no payment and no refund."""
    money = found.amount_money
    words = STATUS if kind == "charge" else REFUND_STATUS
    status = words.get(str(found.status), "unknown")
    return Listed(
        kind=kind,
        external_id=found.id,
        reference=found.reference_id if kind == "charge" else read_reference(found.reason),
        amount=money.amount or 0,
        currency=str(money.currency),
        status=status,
        created_at=datetime.fromisoformat(found.created_at),
        captured=(money.amount or 0) if status == "captured" else 0,
        fee=read_fee(found) if kind == "charge" else None,
    )


def read_fee(payment: Any) -> Fee | None:
    """What Square kept of a payment; it says so some seconds after the payment is completed."""
    fees = [one.amount_money for one in getattr(payment, "processing_fee", None) or () if one.amount_money]
    return Fee(sum(one.amount or 0 for one in fees), str(fees[0].currency)) if fees else None


def read_payout(found: Any) -> ListedPayout:
    """One payout. Raises AttributeError, TypeError, ValueError for what is none."""
    return ListedPayout(
        external_id=found.id,
        amount=found.amount_money.amount or 0,
        currency=str(found.amount_money.currency),
        status=PAYOUT_STATUS.get(str(found.status), "in_transit"),
        created_at=datetime.fromisoformat(found.created_at),
        arrives_on=date.fromisoformat(found.arrival_date) if found.arrival_date else None,
    )


def read_amount(money: Any) -> int | None:
    """Minor units, or None where there is no amount."""
    amount = getattr(money, "amount", None)
    return amount if isinstance(amount, int) else None


def read_payment_card(payment: Any) -> Card:
    """What may be shown of the card of a payment; nothing for one that was not taken from a card."""
    card = getattr(payment.card_details, "card", None)
    return read_card(card) if card else Card(None, None)


def read_card(card: Any) -> Card:
    """What may be shown of a card."""
    return make_card(card.card_brand, card.last4, card.exp_month, card.exp_year)


def make_card(brand: Any, last4: Any, month: Any, year: Any) -> Card:
    """A card, its brand in our words."""
    return Card(BRANDS.get(brand, str(brand).lower()) if brand else None, last4, month, year)


def read_complaint(error: ApiError, location: str | None) -> Connection:
    """Why the credentials do not work, and which of them."""
    match error.status_code:
        case 401:
            return Connection("Square did not accept the access token.", field="secret_key")
        case 403:
            return Connection("The access token may not read locations.", field="secret_key")
        case 404:
            return Connection(f"This Square account has no location {location or 'at all'}.", field="location_id")
        case status:
            return Connection(f"Square answered {status}; try again later.", reason=read_reason(error))
