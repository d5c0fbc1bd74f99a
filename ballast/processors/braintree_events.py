"""Braintree's notifications: verified, then read."""

from __future__ import annotations

from typing import Any, Final, Literal
from urllib.parse import parse_qs
from xml.parsers.expat import ExpatError

from braintree.exceptions.invalid_challenge_error import InvalidChallengeError
from braintree.exceptions.invalid_signature_error import InvalidSignatureError

from ballast.processors import braintree_answers as answers
from ballast.processors.base import BadSignature, ProcessorEvent, UnreadableEvent
from ballast.processors.braintree_merchant import Merchant
from ballast.processors.envelopes import check_words

About = Literal["charge", "charge_paid", "refund", "dispute", "other"]
PAID: Final = {"transaction_settled", "transaction_disbursed"}
NOUNS: Final = ("transaction", "dispute", "disbursement", "transaction_review", "revoked_payment_method_metadata")


def answer_challenge(merchant: Merchant, challenge: str) -> str:
    """What to answer to `GET …?bt_challenge=`. Raises BadSignature for what is no challenge."""
    try:
        return str(merchant.gateway.webhook_notification.verify(challenge))
    except InvalidChallengeError as error:
        raise BadSignature(str(error)) from error


def read_event(merchant: Merchant, raw: bytes) -> ProcessorEvent:
    """Verify `bt_signature` over `bt_payload`. A notification has no id and no age: its id is made of what it says.

    Raises BadSignature, UnreadableEvent.
    """
    try:
        form = parse_qs(raw.decode("ascii"), strict_parsing=True, max_num_fields=8)
        event = merchant.gateway.webhook_notification.parse(form["bt_signature"][0], form["bt_payload"][0])
        subject = _subject(event)
        said = f"{event.kind}:{getattr(subject, 'id', 'none')}:{answers.aware(event.timestamp).isoformat()}"
    except (InvalidSignatureError, ExpatError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadSignature(str(error)) from error
    except RecursionError:  # the signature is verified before the XML is read
        raise UnreadableEvent("elements without end") from None
    except ArithmeticError as error:
        raise UnreadableEvent("an amount that is none") from error
    about = _about(str(event.kind), subject)
    dispute_id = str(subject.id) if about == "dispute" and subject is not None else None
    return check_words(
        ProcessorEvent(said, str(event.kind), _charge_of(subject), about, _reference_of(subject), dispute_id)
    )


def _subject(event: Any) -> Any:
    """What a notification is about, if it is anything we know."""
    return next((found for noun in NOUNS if (found := getattr(event, noun, None)) is not None), None)


def _about(kind: str, subject: Any) -> About:
    if kind.startswith("dispute_"):
        return "dispute"
    if kind.startswith("refund_") or getattr(subject, "type", None) == "credit":
        return "refund"
    if kind in PAID:
        return "charge_paid"
    return "charge" if kind.startswith("transaction_") else "other"


def _reference_of(subject: Any) -> str | None:
    """The order id of the charge; that of a refund or of a part of a capture is another id of ours."""
    charge = getattr(subject, "transaction_details", None) or subject
    names = ("refunded_transaction_id", "authorized_transaction_id")
    is_part = getattr(charge, "type", None) == "credit" or any(getattr(charge, name, None) for name in names)
    order_id = None if is_part else getattr(charge, "order_id", None)
    return str(order_id) if order_id else None


def _charge_of(subject: Any) -> str | None:
    """The charge a notification is about: itself, or what was refunded, captured in part, disputed or reviewed."""
    dispute = getattr(subject, "transaction_details", None)
    names = ("refunded_transaction_id", "authorized_transaction_id", "transaction_id")
    about = next((found for name in names if (found := getattr(subject, name, None))), None)
    if dispute is not None:
        about = dispute.id
    elif about is None and hasattr(subject, "amount") and hasattr(subject, "type"):
        about = subject.id
    return str(about) if about else None
