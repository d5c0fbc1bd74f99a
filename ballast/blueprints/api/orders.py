"""Orders over the API: list, get, and send what was bought."""

from __future__ import annotations

from functools import partial
from operator import eq, ge, le

from flask import Response, g
from sqlalchemy import select

from ballast.billing import fulfillment
from ballast.billing.order_payloads import payload_of, payloads_of
from ballast.blueprints.api.answers import (
    Done,
    first_of,
    json_answer,
    key_of_request,
    list_answer,
    once,
    where_given,
)
from ballast.blueprints.api.order_schemas import OrderList, OrderOut, OrderPath, OrderQuery, ShipmentCreate
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.models import Order

blueprint = make_blueprint(
    "api_orders",
    "Orders",
    "What was bought in your shop and through checkouts, as it was at that moment, and how far it is sent.",
    read="payments:read",
    write="payments:write",
    permission="orders",
)


@blueprint.get("/orders", summary="List orders", responses={200: OrderList})
def list_(query: OrderQuery) -> Response:
    """Newest first; `fulfillment=unfulfilled` and `status=paid` are what is to be sent."""
    wanted = where_given(
        select(Order).where(Order.organization_id == g.organization_id),
        (Order.status, eq, query.status),
        (Order.fulfillment, eq, query.fulfillment),
        (Order.customer_id, eq, query.customer),
        (Order.created_at, ge, query.from_),
        (Order.created_at, le, query.to),
    )
    return list_answer(wanted, Order, "ord", query, lambda rows: payloads_of(first_of(rows)))


@blueprint.get("/orders/<order_id>", summary="Get an order", responses={200: OrderOut})
def get(path: OrderPath) -> Response:
    """One order, as it is now."""
    return _show(200, path.order_id)


@blueprint.post(
    "/orders/<order_id>/shipments", summary="Send an order", responses={201: OrderOut}, openapi_extensions=TAKES_KEY
)
def send(path: OrderPath, body: ShipmentCreate) -> Response:
    """A parcel has left: its customer gets a mail, and once nothing is left to send the order is `fulfilled`."""
    quantities: dict[str, int] | None = None
    if body.lines is not None:
        quantities = {}
        for line in body.lines:
            quantities[line.line] = quantities.get(line.line, 0) + line.quantity
    parcel = fulfillment.Parcel(quantities, body.carrier, body.tracking_number, body.tracking_url)

    def begin() -> Done:
        fulfillment.send(g.organization_id, path.order_id, parcel)
        return Done(path.order_id)

    return once(key_of_request(), begin, partial(_show, 201))


def _show(status: int, order_id: str) -> Response:
    return json_answer(status, payload_of(fulfillment.find(g.organization_id, order_id)))
