"""Checkout sessions over the API: create, get, list, expire. The shopper pays at the session's address."""

from __future__ import annotations

from functools import partial
from operator import eq, ge, le

from flask import Response, g
from sqlalchemy import select

from ballast.billing import checkout_sessions
from ballast.billing.checkout_sessions import Line, NewSession
from ballast.billing.session_payloads import payload_of, payloads_of
from ballast.blueprints.api.answers import (
    Done,
    first_of,
    json_answer,
    key_of_request,
    list_answer,
    once,
    where_given,
)
from ballast.blueprints.api.schemas import ErrorOut
from ballast.blueprints.api.session_schemas import (
    SessionCreate,
    SessionExpire,
    SessionList,
    SessionOut,
    SessionPath,
    SessionQuery,
)
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.identity import organizations
from ballast.models import CheckoutSession, Payment

blueprint = make_blueprint(
    "api_checkout_sessions",
    "Checkout sessions",
    "A checkout on our pages: you say what is bought and where the shopper goes afterwards, and send them to its `url`.",
    read="payments:read",
    write="payments:write",
)


@blueprint.post(
    "/checkout_sessions",
    summary="Create a checkout session",
    responses={201: SessionOut, 422: ErrorOut},
    openapi_extensions=TAKES_KEY,
)
def create(body: SessionCreate) -> Response:
    """Opens a checkout and answers its `url`. Which processor takes the card is decided there, by your routing."""
    asked = NewSession(
        lines=[Line(line.quantity, line.price, line.product, line.name, line.amount) for line in body.lines],
        mode=body.mode,
        currency=body.currency,
        customer_id=body.customer,
        customer_email=body.customer_email,
        financing_offer_id=body.financing_offer,
        shipping_rates=[one.shipping_rate for one in body.shipping_options],
        promotion_code=body.promotion_code,
        coupon_id=body.coupon,
        allow_promotion_codes=body.allow_promotion_codes,
        success_url=body.success_url,
        cancel_url=body.cancel_url,
        expires_at=body.expires_at,
        metadata=dict(body.metadata),
    )

    def begin() -> Done:
        return Done(checkout_sessions.create(organizations.find(g.organization_id), asked).id)

    return once(key_of_request(), begin, partial(_show, 201))


@blueprint.post(
    "/checkout_sessions/<session_id>/expire",
    summary="Expire a checkout session",
    responses={200: SessionOut},
    openapi_extensions=TAKES_KEY,
)
def expire(path: SessionPath, body: SessionExpire) -> Response:
    """Closes an open session for good; 409 while the shopper is paying it."""
    assert body is not None

    def begin() -> Done:
        return Done(checkout_sessions.expire(g.organization_id, path.session_id).id)

    return once(key_of_request(), begin, partial(_show, 200))


@blueprint.get("/checkout_sessions/<session_id>", summary="Get a checkout session", responses={200: SessionOut})
def get(path: SessionPath) -> Response:
    """One session, as it is now."""
    return _show(200, path.session_id)


@blueprint.get("/checkout_sessions", summary="List checkout sessions", responses={200: SessionList})
def list_(query: SessionQuery) -> Response:
    """Newest first; page with `starting_after` or `ending_before`, or by number."""
    wanted = select(CheckoutSession).where(CheckoutSession.organization_id == g.organization_id)
    wanted = where_given(
        wanted,
        (CheckoutSession.status, eq, query.status),
        (CheckoutSession.customer_id, eq, query.customer),
        (CheckoutSession.payment_link_id, eq, query.payment_link),
        (CheckoutSession.created_at, ge, query.from_),
        (CheckoutSession.created_at, le, query.to),
    )
    if query.payment is not None:
        paid = select(Payment.order_id).where(Payment.organization_id == g.organization_id, Payment.id == query.payment)
        wanted = wanted.where(CheckoutSession.order_id.in_(paid))
    return list_answer(wanted, CheckoutSession, "cs", query, lambda rows: payloads_of(first_of(rows)))


def _show(status: int, session_id: str) -> Response:
    return json_answer(status, payload_of(checkout_sessions.find(g.organization_id, session_id)))
