"""What Braintree's answers mean, in our words. Reads the SDK's objects, asks nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from xml.parsers.expat import ExpatError

from braintree import exceptions
from braintree.exceptions.braintree_error import BraintreeError
from braintree.exceptions.http.connection_error import ConnectionError as NoConnection
from braintree.exceptions.http.timeout_error import TimeoutError as NoTime

from ballast import money
from ballast.errors import InvalidRequest
from ballast.processors.base import Approved, Card, Declined, NotSent, Outcome, RefundOutcome, SavedCard, Unknown
from ballast.processors.declines import PUBLIC_SENTENCE, classify_braintree
from ballast.processors.lists import Listed
from ballast.processors.sending import TooLateError

KEY_NOT_ALLOWED = "915231"
KEY_OF_A_FAILED_REQUEST = "915234"
# The key is in use, was used for something else, or the gateway stumbled over it: what became of the request must be looked up.
KEY_TROUBLE = {"915232", "915233", KEY_OF_A_FAILED_REQUEST, "915235"}
NOT_SETTLED = {"91506", "91574"}
CAPTURED = {"submitted_for_settlement", "settling", "settled", "settlement_confirmed", "settlement_pending"}
REFUSED = {"processor_declined", "gateway_rejected", "failed", "settlement_declined", "settlement_failed"}
REFUNDS = dict.fromkeys(CAPTURED | {"authorized"}, "succeeded") | dict.fromkeys(REFUSED | {"voided"}, "failed")
# What the SDK does to an answer it cannot make sense of.
STANDING = (
    dict.fromkeys(CAPTURED, "captured")
    | dict.fromkeys(REFUSED, "failed")
    | {"authorized": "authorized", "voided": "canceled", "authorization_expired": "canceled"}
)
TOO_LATE: Final = "too_late"
UNREADABLE = (ExpatError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError)


class OpenError(Exception):
    """Nobody knows what the gateway did. `reason` is one word; `retry_after` what it asked to wait, in seconds."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class RefusedError(Exception):
    """The gateway would not begin: our keys, our path, our parameters. `code` is one word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def ask(call: Callable[[], Any]) -> Any:
    """The SDK's answer, which may be a result that says no. Raises OpenError, RefusedError."""
    try:
        answer = call()
    except exceptions.AuthenticationError as error:
        raise RefusedError("authentication") from error
    except exceptions.AuthorizationError as error:
        raise RefusedError("authorization") from error
    except exceptions.NotFoundError as error:
        raise RefusedError("not_found") from error
    except exceptions.UpgradeRequiredError as error:
        raise RefusedError("upgrade_required") from error
    except TooLateError as error:
        raise OpenError(TOO_LATE) from error
    except BraintreeError as error:
        raise OpenError(_reason(error), getattr(error, "retry_after", None)) from error
    except UNREADABLE as error:
        raise OpenError("unreadable") from error
    if answer is None:
        raise OpenError("unreadable")
    return answer


def _reason(error: BraintreeError) -> str:
    if isinstance(error, (NoConnection, NoTime)):
        return "no_answer"
    if isinstance(error, exceptions.TooManyRequestsError):
        return "rate_limited"
    words = {
        exceptions.ServerError: "http_500",
        exceptions.ServiceUnavailableError: "http_503",
        exceptions.GatewayTimeoutError: "http_504",
        exceptions.RequestTimeoutError: "http_408",
    }
    if type(error) in words:
        return words[type(error)]
    status = str(error).rpartition(" ")[2]
    return f"http_{status}" if status.isdigit() else "no_answer"


def unknown(error: OpenError | RefusedError, external_id: str | None = None) -> Unknown:
    """Nobody knows."""
    return Unknown(str(error), external_id, getattr(error, "retry_after", None))


def unsubmitted(error: OpenError) -> Unknown | NotSent:
    """What a request that asks the bank has come to without an answer."""
    return NotSent(TOO_LATE) if error.reason == TOO_LATE else unknown(error)


def not_sent(error: OpenError) -> NotSent:
    """The bank was never asked."""
    return NotSent(error.reason, retry_after=error.retry_after)


def misconfigured(code: str, external_id: str | None = None) -> Declined:
    """Our own fault."""
    return Declined("configuration", code, PUBLIC_SENTENCE["configuration"], external_id)


def unrefunded(error: OpenError | RefusedError) -> RefundOutcome:
    """A refund nobody knows about."""
    return RefundOutcome("unknown", message=str(error), retry_after=getattr(error, "retry_after", None))


def codes_of(result: Any) -> list[str]:
    """The codes of a result's validation errors, at whatever depth."""
    errors = getattr(result, "errors", None)
    return [str(error.code) for error in errors.deep_errors] if errors is not None else []


def minor(amount: Any, currency: str) -> int:
    """Minor units from a decimal amount. Raises ValueError when it has more decimals than the currency."""
    exact = Decimal(str(amount)).scaleb(money.exponent(currency))
    if exact != exact.to_integral_value():
        raise ValueError(f"{amount} {currency} has too many decimals")
    return int(exact)


def amount_of(transaction: Any) -> int:
    """A transaction's amount in minor units. Raises OpenError when it cannot be read."""
    try:
        return minor(transaction.amount, str(transaction.currency_iso_code))
    except (InvalidRequest, *UNREADABLE) as error:
        raise OpenError("unreadable") from error


def outcome_of(transaction: Any, taken: int | None = None) -> Outcome:
    """What a charge's state means; `taken` is the sum of its parts where it was captured in parts.

    Source: developer.paypal.com/braintree/docs/reference/general/statuses.
    """
    status, external_id = str(getattr(transaction, "status", "")), str(transaction.id)
    if status == "authorized":
        return Approved(external_id, 0, card_of(transaction), saved_of(transaction))
    if status in CAPTURED:
        captured = amount_of(transaction) if taken is None else taken
        return Approved(external_id, captured, card_of(transaction), saved_of(transaction))
    if status in REFUSED:
        return declined(transaction)
    if status in {"voided", "authorization_expired"}:
        return NotSent(status, external_id)
    return Unknown(status or "unreadable", external_id)


def declined(transaction: Any) -> Declined:
    """Who said no, and why. The raw code is kept; the sentence tells the shopper nothing that helps a thief."""
    rejection = getattr(transaction, "gateway_rejection_reason", None)
    code = getattr(transaction, "processor_response_code", None)
    if str(transaction.status).startswith("settlement_"):
        code = getattr(transaction, "processor_settlement_response_code", None) or code
    found = classify_braintree(code, rejection, getattr(transaction, "processor_response_type", None))
    return Declined(
        found,
        str(rejection or code or transaction.status),
        PUBLIC_SENTENCE[found],
        str(transaction.id),
        card_of(transaction),
    )


def invalid(codes: Iterable[str], message: Any = None) -> Declined:
    """A request that was refused with validation errors: nothing happened."""
    code = next(iter(codes), "invalid_request")
    found = classify_braintree(code) if code.isdigit() else "configuration"
    said = str(message or code) if found == "configuration" else PUBLIC_SENTENCE[found]
    return Declined(found, code, said)


def unverified(result: Any) -> Declined | None:
    """The bank's no to a card that was to be stored, if that is what the result is."""
    verification = getattr(result, "credit_card_verification", None)
    if verification is None:
        return None
    rejection = getattr(verification, "gateway_rejection_reason", None)
    code = verification.processor_response_code
    found = classify_braintree(code, rejection, getattr(verification, "processor_response_type", None))
    return Declined(found, str(rejection or code or verification.status), PUBLIC_SENTENCE[found])


def saved_of(transaction: Any) -> SavedCard | None:
    """The stored card of a charge: stored with it, or before. The gateway does not tell which."""
    token = getattr(getattr(transaction, "credit_card_details", None), "token", None)
    customer = getattr(getattr(transaction, "customer_details", None), "id", None)
    return SavedCard(str(token), str(customer), card_of(transaction)) if token and customer else None


def card_of(transaction: Any) -> Card:
    """What may be shown of the card; nothing for what is no card."""
    return card(getattr(transaction, "credit_card_details", None))


def card(found: Any) -> Card:
    """What may be shown of a card of the SDK."""
    return _card(lambda name: getattr(found, name, None), "last_4")


def shown_card(details: Mapping[str, Any]) -> Card:
    """What may be shown of a card of a nonce, whose details the SDK leaves as they come."""
    return _card(details.get, "last_four")


def _card(get: Callable[[str], Any], last4: str) -> Card:
    brand = str(get("card_type") or "").lower().replace("american express", "amex").replace(" ", "_")
    return Card(brand or None, get(last4), _number(get("expiration_month")), _number(get("expiration_year")))


def _number(text: Any) -> int | None:
    with suppress(TypeError, ValueError):
        return int(text)
    return None


def refunded(transaction: Any) -> RefundOutcome:
    """How a refund stands. One that is on its way counts as given, as at Stripe; should it come back, a notification says so."""
    return RefundOutcome(REFUNDS.get(str(transaction.status), "unknown"), str(transaction.id))


def listed(transaction: Any) -> Listed:
    """One line of a window of time."""
    is_refund = transaction.type == "credit"
    status = refunded(transaction).status if is_refund else STANDING.get(str(transaction.status), "pending")
    in_parts = bool(getattr(transaction, "partial_settlement_transaction_ids", None))
    return Listed(
        "refund" if is_refund else "charge",
        str(transaction.id),
        getattr(transaction, "order_id", None),
        amount_of(transaction),
        str(transaction.currency_iso_code),
        status,
        aware(transaction.created_at),
        captured=None if in_parts else amount_of(transaction) if status == "captured" else 0,
    )


def aware(moment: datetime) -> datetime:
    """A time of the SDK, which is UTC and does not say so."""
    return moment.replace(tzinfo=UTC)


def naive(moment: datetime) -> datetime:
    """A time for the SDK, which writes the digits as they are and calls them UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)
