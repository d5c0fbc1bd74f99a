"""Answers about what a payment decided: the object as it is now, or what the bank said with the object beside it."""

from __future__ import annotations

from typing import Any, Final

from flask import Response

from ballast.billing.payloads import payment_payload
from ballast.blueprints.api.answers import json_answer
from ballast.error_answers import error_body
from ballast.models import Payment

# A payment in one of these, with an error, was refused at its last try.
REFUSED: Final = ("requires_payment_method", "requires_capture")


def answer(status: int, payload: dict[str, Any], payment: Payment | None, **beside: Any) -> Response:
    """`payload`; or 402 with the last refusal of `payment`, which stands beside it with whatever else is given."""
    if payment is None or payment.last_error is None or payment.status not in REFUSED:
        return json_answer(status, payload)
    return refusal(payment, **beside)


def refusal(payment: Payment, **beside: Any) -> Response:
    """402 with what the bank said of a payment, which has an error."""
    error = payment.last_error or {}
    body = error_body(
        error["type"],
        error["code"],
        error["message"],
        None,
        decline_code=error.get("decline_code"),
        payment=payment_payload(payment),
        **beside,
    )
    return json_answer(400 if error["type"] == "processor_error" else 402, body)
