"""Stored cards over the API: list a customer's, get, detach."""

from __future__ import annotations

from functools import partial

from flask import Response, g
from sqlalchemy import select

from ballast.billing import card_removal, cards
from ballast.billing.payloads import card_payload
from ballast.blueprints.api.answers import Done, json_answer, key_of_request, list_answer, once
from ballast.blueprints.api.people import (
    PaymentMethodDetach,
    PaymentMethodList,
    PaymentMethodOut,
    PaymentMethodPath,
    PaymentMethodQuery,
)
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.models import PaymentMethod
from ballast.models.customers import with_processors

blueprint = make_blueprint(
    "api_payment_methods",
    "Payment methods",
    "Cards that a processor keeps for a customer of yours. One is stored by a payment with `save_payment_method`.",
    read="customers:read",
    write="customers:write",
)


@blueprint.post(
    "/payment_methods/<payment_method_id>/detach",
    summary="Detach a payment method",
    responses={200: PaymentMethodOut},
    openapi_extensions=TAKES_KEY,
)
def detach(path: PaymentMethodPath, body: PaymentMethodDetach) -> Response:
    """Nothing charges the card any more, and its processor forgets it. It cannot be taken back: the customer types it in again."""
    assert body is not None

    def begin() -> Done:
        card_id = cards.detach(g.organization_id, path.payment_method_id).id
        return Done(card_id, partial(card_removal.remove, g.organization_id, card_id))

    return once(key_of_request(), begin, partial(_show, 200))


@blueprint.get(
    "/payment_methods/<payment_method_id>", summary="Get a payment method", responses={200: PaymentMethodOut}
)
def get(path: PaymentMethodPath) -> Response:
    """One stored card, whatever its status."""
    return _show(200, path.payment_method_id)


@blueprint.get("/payment_methods", summary="List payment methods", responses={200: PaymentMethodList})
def list_(query: PaymentMethodQuery) -> Response:
    """A customer's, newest first; those that can be charged, unless you ask for another status."""
    wanted = select(PaymentMethod).where(
        PaymentMethod.organization_id == g.organization_id,
        PaymentMethod.customer_id == query.customer,
        PaymentMethod.status == query.status,
    )
    return list_answer(
        with_processors(wanted), PaymentMethod, "pm", query, lambda rows: [card_payload(*row) for row in rows]
    )


def _show(status: int, card_id: str) -> Response:
    return json_answer(status, card_payload(*cards.find(g.organization_id, card_id)))
