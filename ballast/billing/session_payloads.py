"""How a checkout session looks from outside: the same on the API and in events; a fixed number of statements for any number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from ballast import config
from ballast.billing.order_payloads import discount_and_tax
from ballast.db import db
from ballast.models import CheckoutSession, FinancingAgreement, Order, OrderLine, Payment


def payload_of(session: CheckoutSession) -> dict[str, Any]:
    """A checkout session as JSON, with its order's lines and its payment."""
    return payloads_of([session])[0]


def payloads_of(sessions: Sequence[CheckoutSession]) -> list[dict[str, Any]]:
    """Several of one organization."""
    if not sessions:
        return []
    organization_id, ids = sessions[0].organization_id, [session.order_id for session in sessions]
    orders = {order.id: order for order in _of(Order, organization_id, Order.id, ids)}
    lines: dict[str, list[OrderLine]] = {order_id: [] for order_id in ids}
    for line in sorted(_of(OrderLine, organization_id, OrderLine.order_id, ids), key=lambda line: line.position):
        lines[line.order_id].append(line)
    payments = {
        str(payment.order_id): payment
        for payment in sorted(_of(Payment, organization_id, Payment.order_id, ids), key=lambda payment: payment.id)
    }
    agreements = _agreements(organization_id, ids)
    return [
        _payload(session, orders[session.order_id], lines[session.order_id], payments.get(session.order_id))
        | {"financing_agreement": agreements.get(session.order_id)}
        for session in sessions
    ]


def _agreements(organization_id: str, order_ids: Sequence[str]) -> dict[str, str]:
    """The ids of the agreements these orders are paid with."""
    found = _of(FinancingAgreement, organization_id, FinancingAgreement.order_id, order_ids)
    return {one.order_id: one.id for one in found if one.status != "canceled"}


def _of(model: Any, organization_id: str, column: Any, ids: Sequence[str]) -> Sequence[Any]:
    return db.session.scalars(select(model).where(model.organization_id == organization_id, column.in_(ids))).all()


def _payload(
    session: CheckoutSession, order: Order, lines: Sequence[OrderLine], payment: Payment | None
) -> dict[str, Any]:
    return {
        "id": session.id,
        "object": "checkout_session",
        "mode": session.mode,
        "status": session.status,
        "url": f"{config.current().public_url}/checkout/{order.token}" if session.status == "open" else None,
        "amount": order.amount,
        "currency": order.currency,
        **discount_and_tax(order, lines),
        "allow_promotion_codes": session.allow_promotion_codes,
        "lines": [_line(line) for line in lines],
        "customer": order.customer_id,
        "customer_email": order.email,
        "payment": payment.id if payment else None,
        "payment_status": "paid" if session.status == "complete" else "unpaid",
        "payment_link": session.payment_link_id,
        "financing_offer": session.financing_offer_id,
        "shipping_options": [{"shipping_rate": rate_id} for rate_id in session.shipping_rates],
        "shipping_rate": order.shipping_rate_id,
        "fulfillment": order.fulfillment,
        "success_url": session.success_url,
        "cancel_url": session.cancel_url,
        "metadata": session.metadata_,
        "expires_at": session.expires_at.isoformat(),
        "created_at": session.created_at.isoformat(),
        "completed_at": session.completed_at.isoformat() if session.completed_at else None,
    }


def _line(line: OrderLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "price": line.price_id,
        "quantity": line.quantity,
        "unit_amount": line.unit_amount,
        "amount": line.amount,
        "discount": line.discount,
        "tax": line.tax,
    }
