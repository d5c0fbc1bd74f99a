"""How an order looks from outside: the same on the API and in events; a fixed number of statements for any number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from ballast.billing.catalog_payloads import iso
from ballast.db import db
from ballast.models import Order, OrderLine, Payment, Shipment, ShipmentLine
from ballast.models.orders import by_rate
from ballast.models.shipping import lines_of_shipments, shipments_of


def payload_of(order: Order) -> dict[str, Any]:
    """An order as JSON, with its lines, its payment and its parcels."""
    return payloads_of([order])[0]


def payloads_of(orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Several of one organization."""
    if not orders:
        return []
    organization_id, ids = orders[0].organization_id, [order.id for order in orders]
    lines: dict[str, list[OrderLine]] = {order_id: [] for order_id in ids}
    for line in sorted(_of(OrderLine, organization_id, ids), key=lambda line: line.position):
        lines[line.order_id].append(line)
    found = sorted(_of(Payment, organization_id, ids), key=lambda payment: payment.id)
    payments = {str(payment.order_id): payment.id for payment in found}
    shipments = list(db.session.scalars(shipments_of(organization_id, ids)))
    packed: dict[str, list[ShipmentLine]] = {shipment.id: [] for shipment in shipments}
    for one in db.session.scalars(lines_of_shipments(organization_id, [*packed])):
        packed[one.shipment_id].append(one)
    return [
        _payload(order, lines[order.id], payments.get(order.id))
        | {"shipments": [shipment_payload(one, packed[one.id]) for one in shipments if one.order_id == order.id]}
        for order in orders
    ]


def _of(model: Any, organization_id: str, order_ids: Sequence[str]) -> Sequence[Any]:
    wanted = select(model).where(model.organization_id == organization_id, model.order_id.in_(order_ids))
    return db.session.scalars(wanted).all()


def _payload(order: Order, lines: Sequence[OrderLine], payment_id: str | None) -> dict[str, Any]:
    return {
        "id": order.id,
        "object": "order",
        "number": order.number,
        "status": order.status,
        "fulfillment": order.fulfillment,
        "amount": order.amount,
        "currency": order.currency,
        **discount_and_tax(order, lines),
        "lines": [_line(line) for line in lines],
        "shipping_rate": order.shipping_rate_id,
        "customer": order.customer_id,
        "email": order.email,
        "name": order.name,
        "address": {name: order.address.get(name, "") for name in ADDRESS} if order.address else None,
        "payment": payment_id,
        "created_at": order.created_at.isoformat(),
        "paid_at": iso(order.paid_at),
    }


ADDRESS = ("line1", "line2", "city", "region", "postal_code", "country")


def discount_and_tax(order: Order, lines: Sequence[OrderLine]) -> dict[str, Any]:
    """What a discount takes off what is bought once, and what tax is in the amount, by rate."""
    return {
        "discount": order.discount,
        "coupon": order.coupon_id,
        "promotion_code": order.promotion_code or None,
        "tax": order.tax,
        "tax_inclusive": order.tax_inclusive,
        "taxes": [{"name": order.tax_name, "bps": bps, "amount": tax} for bps, tax in by_rate(lines)],
    }


def _line(line: OrderLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "type": line.kind,
        "name": line.name,
        "price": line.price_id,
        "quantity": line.quantity,
        "unit_amount": line.unit_amount,
        "amount": line.amount,
        "discount": line.discount,
        "tax": line.tax,
        "shippable": line.shippable,
        "fulfilled": line.fulfilled,
    }


def shipment_payload(shipment: Shipment, lines: Sequence[ShipmentLine]) -> dict[str, Any]:
    """A parcel as JSON."""
    return {
        "id": shipment.id,
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
        "tracking_url": shipment.tracking_url,
        "lines": [{"line": line.order_line_id, "quantity": line.quantity} for line in lines],
        "created_at": shipment.created_at.isoformat(),
    }
