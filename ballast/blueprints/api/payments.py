"""Payments over the API: create, list, get, confirm, capture, cancel."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response, g, request
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag
from sqlalchemy import select

from ballast.billing import cancellations, holds, idempotency, payments
from ballast.billing.idempotency import Orphan, Stored
from ballast.billing.payloads import payment_payload
from ballast.blueprints.api.guard import require_key
from ballast.blueprints.api.schemas import (
    EXAMPLE_KEY,
    ErrorOut,
    PaymentCancel,
    PaymentCapture,
    PaymentConfirm,
    PaymentCreate,
    PaymentList,
    PaymentOut,
    PaymentPath,
    PaymentQuery,
)
from ballast.db import end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.ids import to_uuid
from ballast.models import Payment
from ballast.web import error_body, keyset

# What is left to do once the database knows.
Then = Callable[[], None] | None

TAG = Tag(name="Payments", description="An amount somebody is to pay, through at most one open attempt at a time.")
ERRORS: dict[Any, Any] = dict.fromkeys((400, 401, 403, 404, 409, 413, 415, 500), ErrorOut)
KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "format": "uuid"},
    "description": "A UUID of your own. The same key and body give the first answer again for 72 hours.",
    "example": EXAMPLE_KEY,
}

blueprint = APIBlueprint(
    "api",
    __name__,
    url_prefix="/api/v1",
    abp_tags=[TAG],
    abp_security=[{"api_key": []}, {"bearer": []}],
    abp_responses=ERRORS,
)
blueprint.before_request(require_key)


@blueprint.post(
    "/payments",
    summary="Create a payment",
    responses={201: PaymentOut, 402: ErrorOut},
    openapi_extensions={"x-header": KEY_HEADER | {"required": True}},
)
def create(body: PaymentCreate) -> Response:
    """With `confirm`, charges right away: 201 with the payment, or 402 when the bank says no."""
    key = idempotency.read_key(request.headers.get("Idempotency-Key"))
    asked = payments.NewPayment(
        amount=body.amount,
        currency=body.currency,
        description=body.description,
        customer_id=body.customer,
        processor=body.processor,
        payment_method=body.payment_method,
        off_session=body.off_session,
        save_card=body.save_payment_method,
        capture_method=body.capture_method,
        metadata=dict(body.metadata),
        idempotency_key=key,
    )
    begun = None
    end_reading()
    with transaction():
        met = idempotency.claim(g.organization_id, key, _fingerprint())
        if met is None:
            payment = payments.create(g.organization_id, asked)
            idempotency.attach(g.organization_id, key, payment.id)
            if body.confirm:
                begun = payments.begin(payment, return_url=_text(body.return_url))
            else:
                return _store(key, 201, payment)
            payment_id = payment.id
    if met is not None:
        return _again(key, met, 201)
    if begun:
        payments.run(begun)
    return _answer(key, payment_id, 201)


@blueprint.post(
    "/payments/<payment_id>/confirm",
    summary="Confirm a payment",
    responses={200: PaymentOut, 402: ErrorOut},
    openapi_extensions={"x-header": KEY_HEADER | {"required": False}},
)
def confirm(path: PaymentPath, body: PaymentConfirm) -> Response:
    """Tries to collect: 200 with the payment, or 402 when the bank says no. One try at a time."""

    def begin() -> Then:
        payment = payments.locked(g.organization_id, path.payment_id)
        source = payments.Source(body.payment_method)
        return partial(payments.run, payments.begin(payment, source, _text(body.return_url)))

    return _change(path.payment_id, begin)


@blueprint.post(
    "/payments/<payment_id>/capture",
    summary="Capture a payment",
    responses={200: PaymentOut},
    openapi_extensions={"x-header": KEY_HEADER | {"required": False}},
)
def capture(path: PaymentPath, body: PaymentCapture) -> Response:
    """Takes what is held, or a part of it; the rest is let go. While the answer is open the payment is `processing`."""

    def begin() -> Then:
        action = holds.request(g.organization_id, path.payment_id, "capture", body.amount_to_capture)
        return partial(holds.send, g.organization_id, action.id)

    return _change(path.payment_id, begin)


@blueprint.post(
    "/payments/<payment_id>/cancel",
    summary="Cancel a payment",
    responses={200: PaymentOut},
    openapi_extensions={"x-header": KEY_HEADER | {"required": False}},
)
def cancel(path: PaymentPath, body: PaymentCancel) -> Response:
    """Closes it for good: an unpaid payment, one that waits for the shopper's bank, or one that holds money, which is let go."""
    assert body is not None
    return _change(path.payment_id, lambda: cancellations.begin(g.organization_id, path.payment_id))


def _change(payment_id: str, begin: Callable[[], Then]) -> Response:
    """Change a payment, once for a key if there is one: `begin` in the transaction that claims it, what that answers after it."""
    header = request.headers.get("Idempotency-Key")
    key = idempotency.read_key(header) if header is not None else None
    then: Then = None
    end_reading()
    with transaction():
        met = idempotency.claim(g.organization_id, key, _fingerprint()) if key else None
        if met is None:
            payments.locked(g.organization_id, payment_id)
            if key:
                idempotency.attach(g.organization_id, key, payment_id)
            then = begin()
    if met is not None:
        return _again(key or "", met, 200)
    if then:
        then()
    return _answer(key, payment_id, 200)


@blueprint.get("/payments/<payment_id>", summary="Get a payment", responses={200: PaymentOut})
def get(path: PaymentPath) -> Response:
    """One payment, as it is now."""
    return _json(200, _dump(payment_payload(payments.find(g.organization_id, path.payment_id))))


@blueprint.get("/payments", summary="List payments", responses={200: PaymentList})
def list_(query: PaymentQuery) -> Response:
    """Newest first; page with `starting_after` or `ending_before`."""
    wanted = select(Payment).where(Payment.organization_id == g.organization_id)
    if query.status:
        wanted = wanted.where(Payment.status == ("canceled" if query.status == "cancelled" else query.status))
    if query.customer:
        if to_uuid(query.customer, "cus") is None:
            raise InvalidRequest("parameter_invalid", "customer must be a customer id (cus_…).", param="customer")
        wanted = wanted.where(Payment.customer_id == query.customer)
    for name in ("starting_after", "ending_before"):
        if getattr(query, name) and to_uuid(getattr(query, name), "pay") is None:
            raise InvalidRequest("parameter_invalid", f"{name} must be a payment id (pay_…).", param=name)
    page = keyset(wanted, Payment.id, "pay", query.ending_before, query.starting_after, query.limit)
    more = page.before if query.ending_before else page.after
    rows = [payment_payload(row[0]) for row in page.rows]
    return _json(200, _dump({"object": "list", "data": rows, "has_more": more is not None}))


def _fingerprint() -> bytes:
    return idempotency.fingerprint(request.method, request.path, g.body)


def _text(url: Any) -> str | None:
    return str(url) if url else None


def _again(key: str, met: Stored | Orphan, status: int) -> Response:
    """The first answer, byte for byte; for a first request that died, what became of what it had made."""
    if isinstance(met, Stored):
        response = _json(met.status, met.body)
    elif met.resource_id is None:
        raise BallastError(
            "request_lost", "The first request failed before it made anything. Use a new key.", status=409
        )
    else:
        response = _answer(key, met.resource_id, status)
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _answer(key: str | None, payment_id: str, status: int) -> Response:
    """The payment as it is now; kept under the key, for the first answer is the one that comes again, an open outcome too."""
    with transaction():
        payment = payments.find(g.organization_id, payment_id)
        if key:
            return _store(key, status, payment)
        return _shown(payment, status)


def _store(key: str, status: int, payment: Payment) -> Response:
    response = _shown(payment, status)
    idempotency.store(g.organization_id, key, response.status_code, response.get_data())
    return response


def _shown(payment: Payment, status: int) -> Response:
    payload = payment_payload(payment)
    error = payment.last_error if payment.status in ("requires_payment_method", "requires_capture") else None
    if error is None:
        return _json(status, _dump(payload))
    body = error_body(
        error["type"], error["code"], error["message"], None, decline_code=error.get("decline_code"), payment=payload
    )
    return _json(400 if error["type"] == "processor_error" else 402, _dump(body))


def _dump(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _json(status: int, body: bytes) -> Response:
    return Response(body, status, content_type="application/json")
