"""`expand[]`: related objects in place of their ids, one statement for each kind however many payments there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from ballast.billing.payloads import card_payload, customer_payload, dispute_payload, payment_payload, refund_payload
from ballast.db import db
from ballast.models import Customer, Dispute, Payment, PaymentMethod, Refund
from ballast.models.customers import with_processors

MOST_EACH: Final = 100
Found = dict[str, Any]


def expanded(organization_id: str, payments: list[Payment], wanted: Collection[str]) -> list[dict[str, Any]]:
    """The payments' payloads; `wanted`: customer, payment_method, refunds, disputes."""
    payloads = [payment_payload(payment) for payment in payments]
    if "customer" in wanted:
        replace_ids(
            payloads, "customer", customers_by_id(organization_id, {payment.customer_id for payment in payments})
        )
    if "payment_method" in wanted:
        ids = {payment.payment_method_id for payment in payments}
        replace_ids(payloads, "payment_method", _cards(organization_id, ids))
    if "refunds" in wanted:
        _add(payloads, "refunds", map(refund_payload, _newest(organization_id, Refund, payments)))
    if "disputes" in wanted:
        _add(payloads, "disputes", map(dispute_payload, _newest(organization_id, Dispute, payments)))
    return payloads


def replace_ids(payloads: list[dict[str, Any]], name: str, found: Found) -> None:
    """Put what was found in place of the ids under `name`."""
    for payload in payloads:
        payload[name] = found.get(payload[name], payload[name])


def _add(payloads: list[dict[str, Any]], name: str, found: Iterable[dict[str, Any]]) -> None:
    of: dict[str, list[dict[str, Any]]] = {payload["id"]: [] for payload in payloads}
    for one in found:
        of[one["payment"]].append(one)
    for payload in payloads:
        payload[name] = of[payload["id"]]


def customers_by_id(organization_id: str, ids: set[str | None]) -> Found:
    """Customers' payloads by their ids."""
    wanted = select(Customer).where(Customer.organization_id == organization_id, Customer.id.in_(ids - {None}))
    return {customer.id: customer_payload(customer) for customer in db.session.scalars(wanted)}


def _cards(organization_id: str, ids: set[str | None]) -> Found:
    cards = select(PaymentMethod).where(
        PaymentMethod.organization_id == organization_id, PaymentMethod.id.in_(ids - {None})
    )
    return {card.id: card_payload(card, processor) for card, processor in db.session.execute(with_processors(cards))}


def _newest(organization_id: str, model: Any, payments: list[Payment]) -> Iterable[Any]:
    """The rows of each payment, newest first, no more of each than is reasonable."""
    place = func.row_number().over(partition_by=model.payment_id, order_by=model.id.desc()).label("place")
    of = (model.organization_id == organization_id, model.payment_id.in_([payment.id for payment in payments]))
    numbered = select(model, place).where(*of).subquery()
    row = aliased(model, numbered)
    return db.session.scalars(select(row).where(numbered.c.place <= MOST_EACH).order_by(row.id.desc()))
