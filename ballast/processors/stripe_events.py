"""Stripe's events: verified on their raw bytes, then read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import stripe

from ballast.processors.base import BadSignature, ProcessorEvent, UnreadableEvent
from ballast.processors.envelopes import check_words, read_json
from ballast.processors.headers import find_header
from ballast.processors.stripe_answers import ATTEMPT

PAID: Final = {"payment_intent.succeeded", "payment_intent.amount_capturable_updated"}
About = Literal["charge", "charge_paid", "refund", "dispute", "other"]
ABOUT: Final[dict[str, About]] = {
    "payment_intent": "charge",
    "charge": "charge",
    "refund": "refund",
    "dispute": "dispute",
}


def read_event(raw: bytes, headers: Mapping[str, str], secret: str) -> ProcessorEvent:
    """Verify `Stripe-Signature` over the raw bytes (tolerance 300 s) and read the envelope.

    Raises BadSignature, UnreadableEvent.
    """
    read = read_json(_verify(raw, find_header(headers, "Stripe-Signature") or "", secret))
    if not _is_event(read):
        raise UnreadableEvent("not an event of Stripe's")
    subject = _subject(read)
    kind = subject.get("object")
    return check_words(
        ProcessorEvent(
            read["id"],
            read["type"],
            _charge_of(subject),
            _about(read["type"], str(kind)),
            _text((subject.get("metadata") or {}).get(ATTEMPT)) if isinstance(subject.get("metadata"), dict) else None,
            _text(subject.get("id")) if kind == "dispute" else None,
        )
    )


def _verify(raw: bytes, signature: str, secret: str) -> str:
    """What was signed, as text. Raises BadSignature, also where there is nothing to verify it with."""
    if not secret:
        raise BadSignature("nothing to verify it with")
    try:
        body = raw.decode()
        stripe.WebhookSignature.verify_header(body, signature, secret, stripe.Webhook.DEFAULT_TOLERANCE)
    except (stripe.SignatureVerificationError, ValueError, TypeError) as error:
        raise BadSignature(str(error)) from error
    return body


def _about(type_: str, kind: str) -> About:
    if type_ in PAID:
        return "charge_paid"
    return "refund" if type_ == "charge.refunded" else ABOUT.get(kind, "other")


def _is_event(read: Any) -> bool:
    return isinstance(read, dict) and isinstance(read.get("id"), str) and isinstance(read.get("type"), str)


def _subject(event: dict[str, Any]) -> dict[str, Any]:
    data = event.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    return subject if isinstance(subject, dict) else {}


def _charge_of(subject: dict[str, Any]) -> str | None:
    """The PaymentIntent an event is about, itself or by way of a charge, a refund or a dispute."""
    about = subject if subject.get("object") == "payment_intent" else subject.get("payment_intent")
    return _text(about.get("id") if isinstance(about, dict) else about)


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) else None
