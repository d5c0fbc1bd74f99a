"""Square's events: verified over the address and the raw bytes, then read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from square.utils.webhooks_helper import verify_signature

from ballast.processors.base import BadSignature, ProcessorEvent, UnreadableEvent
from ballast.processors.envelopes import check_words, read_json
from ballast.processors.headers import find_header

SIGNATURE = "x-square-hmacsha256-signature"


def read_event(raw: bytes, headers: Mapping[str, str], url: str, key: str) -> ProcessorEvent:
    """Verify an event's signature over `url` and the raw bytes, and read it.

    Raises BadSignature, UnreadableEvent.
    """
    read = read_json(_verify(raw, find_header(headers, SIGNATURE) or "", url, key))
    if not isinstance(read, dict) or not all(isinstance(read.get(name), str) for name in ("event_id", "type")):
        raise UnreadableEvent("not an event of Square's")
    payment, refund, dispute = (_inside(read, noun) for noun in ("payment", "refund", "dispute"))
    disputed = dispute.get("disputed_payment")
    ids = (payment.get("id"), refund.get("payment_id"), disputed.get("payment_id") if isinstance(disputed, dict) else 0)
    return check_words(
        ProcessorEvent(
            read["event_id"],
            read["type"],
            next((one for one in ids if isinstance(one, str)), None),
            _about(payment, refund, dispute),
            _text(payment.get("reference_id")),
            _text(dispute.get("id") or dispute.get("dispute_id")),
        )
    )


def _verify(raw: bytes, given: str, url: str, key: str) -> str:
    """What was signed for this address, as text. Raises BadSignature."""
    try:
        body = raw.decode()
        signed = bool(key and given and url) and verify_signature(
            request_body=body, signature_header=given, signature_key=key, notification_url=url
        )
    except ValueError as error:
        raise BadSignature(str(error)) from error
    if not signed:
        raise BadSignature("not signed by Square for this address")
    return body


def _about(
    payment: dict[str, Any], refund: dict[str, Any], dispute: dict[str, Any]
) -> Literal["charge", "charge_paid", "refund", "dispute", "other"]:
    if payment:
        return "charge_paid" if payment.get("status") in ("APPROVED", "COMPLETED") else "charge"
    return "refund" if refund else "dispute" if dispute else "other"


def _inside(event: dict[str, Any], noun: str) -> dict[str, Any]:
    """The object of a kind that an event carries, or an empty one."""
    data = event.get("data")
    found = data.get("object") if isinstance(data, dict) else None
    inside = found.get(noun) if isinstance(found, dict) else None
    return inside if isinstance(inside, dict) else {}


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) else None
