"""Payments over the API: create, list, get, change, confirm, capture, cancel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import eq, ge, le
from typing import Any

from flask import Response, g
from sqlalchemy import Select, select

from ballast.billing import cancellations, holds, new_payments, payments, velocity
from ballast.billing.payloads import payment_payload
from ballast.blueprints.api import refusals
from ballast.blueprints.api.answers import (
    Done,
    first_of,
    json_answer,
    key_of_request,
    list_answer,
    once,
    where_given,
)
from ballast.blueprints.api.expansion import expanded
from ballast.blueprints.api.schemas import (
    ErrorOut,
    ExpandQuery,
    PaymentCancel,
    PaymentCapture,
    PaymentConfirm,
    PaymentCreate,
    PaymentList,
    PaymentOut,
    PaymentPatch,
    PaymentPath,
    PaymentQuery,
)
from ballast.blueprints.api.setup import NEEDS_KEY, TAKES_KEY, make_blueprint
from ballast.db import end_reading, transaction
from ballast.models import Payment

# What is left to do once the database knows.
Then = Callable[[], None] | None

blueprint = make_blueprint(
    "api",
    "Payments",
    "An amount somebody is to pay, through at most one open attempt at a time.",
    read="payments:read",
    write="payments:write",
)


@blueprint.post(
    "/payments",
    summary="Create a payment",
    responses={201: PaymentOut, 402: ErrorOut},
    openapi_extensions=NEEDS_KEY,
)
def create(body: PaymentCreate) -> Response:
    """With `confirm`, charges right away: 201 with the payment, or 402 when the bank says no."""
    key = key_of_request(required=True)
    asked = asked_for(body, key)

    if body.confirm and not body.off_session:
        velocity.check(g.organization_id, body.payment_method)

    def begin() -> Done:
        payment = new_payments.create(g.organization_id, asked)
        begun = payments.begin(payment, return_url=text_of(body.return_url)) if body.confirm else None
        return Done(payment.id, partial(payments.run, begun) if begun else None)

    return once(key, begin, partial(show, 201))


def asked_for(body: PaymentCreate, key: str | None) -> new_payments.NewPayment:
    """What a body asks for."""
    return new_payments.NewPayment(
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


@blueprint.post(
    "/payments/<payment_id>/confirm",
    summary="Confirm a payment",
    responses={200: PaymentOut, 402: ErrorOut},
    openapi_extensions=TAKES_KEY,
)
def confirm(path: PaymentPath, body: PaymentConfirm) -> Response:
    """Tries to collect: 200 with the payment, or 402 when the bank says no. One try at a time."""

    velocity.check_payment(g.organization_id, path.payment_id, body.payment_method)

    def begin() -> Then:
        payment = payments.locked(g.organization_id, path.payment_id)
        source = payments.Source(body.payment_method)
        return partial(payments.run, payments.begin(payment, source, text_of(body.return_url)))

    return _change(path.payment_id, begin)


@blueprint.post(
    "/payments/<payment_id>/capture",
    summary="Capture a payment",
    responses={200: PaymentOut},
    openapi_extensions=TAKES_KEY,
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
    openapi_extensions=TAKES_KEY,
)
def cancel(path: PaymentPath, body: PaymentCancel) -> Response:
    """Closes it for good: an unpaid payment, one that waits for the shopper's bank, or one that holds money, which is let go."""
    assert body is not None
    return _change(path.payment_id, lambda: cancellations.begin(g.organization_id, path.payment_id))


def _change(payment_id: str, begin: Callable[[], Then]) -> Response:
    """Change a payment, locked: `begin` in the transaction, what that answers after it."""

    def locked() -> Done:
        payments.locked(g.organization_id, payment_id)
        return Done(payment_id, begin())

    return once(key_of_request(), locked, partial(show, 200))


@blueprint.patch("/payments/<payment_id>", summary="Change a payment", responses={200: PaymentOut})
def update(path: PaymentPath, body: PaymentPatch) -> Response:
    """Your own notes: `description`, and `metadata`, which is merged into what is there."""
    end_reading()
    with transaction():
        payment = payments.change(g.organization_id, path.payment_id, body.model_dump(exclude_unset=True))
        return json_answer(200, payment_payload(payment))


@blueprint.get("/payments/<payment_id>", summary="Get a payment", responses={200: PaymentOut})
def get(path: PaymentPath, query: ExpandQuery) -> Response:
    """One payment, as it is now."""
    payment = payments.find(g.organization_id, path.payment_id)
    return json_answer(200, expanded(g.organization_id, [payment], query.expand)[0])


@blueprint.get("/payments", summary="List payments", responses={200: PaymentList})
def list_(query: PaymentQuery) -> Response:
    """Newest first; page with `starting_after` or `ending_before`, or by number."""
    return list_answer(
        _filtered(query),
        Payment,
        "pay",
        query,
        lambda rows: expanded(g.organization_id, first_of(rows), query.expand),
    )


def _filtered(query: PaymentQuery) -> Select[Payment]:
    wanted = select(Payment).where(Payment.organization_id == g.organization_id)
    return where_given(
        wanted,
        (Payment.status, eq, "canceled" if query.status == "cancelled" else query.status),
        (Payment.customer_id, eq, query.customer),
        (Payment.processor, eq, query.processor),
        (Payment.created_at, ge, query.from_),
        (Payment.created_at, le, query.to),
        (Payment.amount, eq, query.amount),
        (Payment.amount, ge, query.amount_gte),
        (Payment.amount, le, query.amount_lte),
        (Payment.metadata_, _has, query.metadata or None),
    )


def _has(column: Any, entries: dict[str, str]) -> Any:
    return column.contains(entries)


def text_of(url: Any) -> str | None:
    """An address as the body has it."""
    return str(url) if url else None


def show(status: int, payment_id: str) -> Response:
    """The payment as it is now: its refusal where the last attempt was refused."""
    payment = payments.find(g.organization_id, payment_id)
    return refusals.answer(status, payment_payload(payment), payment)
