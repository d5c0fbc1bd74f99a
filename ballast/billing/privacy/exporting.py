"""Everything known of a customer as JSON: for whoever asks what there is about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from ballast.billing import customers
from ballast.billing.financing.payloads import agreement_payload
from ballast.billing.invoice_payloads import invoice_payload, subscription_payload
from ballast.billing.payloads import customer_payload, dispute_payload, payment_payload, refund_payload
from ballast.billing.privacy import belongings
from ballast.clock import real_time
from ballast.db import among, db
from ballast.models import CreditBalance, Email, Installment, Order, OrderLine, PaymentMethod


def export(organization_id: str, customer_id: str) -> dict[str, Any]:
    """The customer with cards, orders, payments, refunds, disputes, subscriptions, invoices, plans and mails. Raises NotFound."""
    customer = customers.find(organization_id, customer_id)
    found = belongings.of(customer)
    lines = _by(OrderLine, OrderLine.order_id, OrderLine.position, found.orders)
    installments = _by(Installment, Installment.agreement_id, Installment.number, found.agreements)
    return {
        "object": "customer_export",
        "exported_at": real_time().isoformat(),
        "customer": customer_payload(customer),
        "credit": _credit(organization_id, customer_id),
        "cards": [_card(card) for card in found.cards],
        "orders": [_order(order, lines.get(order.id, [])) for order in found.orders],
        "payments": [payment_payload(payment) for payment in found.payments],
        "refunds": [refund_payload(refund) for refund in found.refunds],
        "disputes": [dispute_payload(dispute) for dispute in found.disputes],
        "subscriptions": [subscription_payload(one) for one in found.subscriptions],
        "invoices": [invoice_payload(invoice) for invoice in found.invoices],
        "agreements": [agreement_payload(one, installments.get(one.id, [])) for one in found.agreements],
        "mails": [_mail(mail) for mail in db.session.scalars(belongings.mails_of(found))],
    }


def _credit(organization_id: str, customer_id: str) -> list[dict[str, Any]]:
    wanted = select(CreditBalance).where(
        CreditBalance.organization_id == organization_id, CreditBalance.customer_id == customer_id
    )
    return [{"currency": one.currency, "amount": one.amount} for one in db.session.scalars(wanted)]


def _card(card: PaymentMethod) -> dict[str, Any]:
    shown = {"brand": card.brand, "last4": card.last4, "exp_month": card.exp_month, "exp_year": card.exp_year}
    return {"id": card.id, "status": card.status, **shown, "created_at": card.created_at.isoformat()}


def _by(model: Any, column: Any, order: Any, owners: Sequence[Any]) -> dict[str, list[Any]]:
    """The rows of each of these, in their order."""
    if not owners:
        return {}
    mine = model.organization_id == owners[0].organization_id
    found: dict[str, list[Any]] = {}
    for row in db.session.scalars(select(model).where(mine, among(column, {one.id for one in owners})).order_by(order)):
        found.setdefault(getattr(row, column.key), []).append(row)
    return found


def _order(order: Order, lines: list[OrderLine]) -> dict[str, Any]:
    return {
        "id": order.id,
        "number": order.number,
        "status": order.status,
        "amount": order.amount,
        "discount": order.discount,
        "tax": order.tax,
        "promotion_code": order.promotion_code,
        "currency": order.currency,
        "email": order.email,
        "name": order.name,
        "address": order.address,
        "consent": order.consent,
        "lines": [{"name": one.name, "quantity": one.quantity, "amount": one.amount} for one in lines],
        "created_at": order.created_at.isoformat(),
    }


def _mail(mail: Email) -> dict[str, Any]:
    sent_at = mail.sent_at.isoformat() if mail.sent_at else None
    return {"id": mail.id, "to": mail.recipient, "subject": mail.subject, "text": mail.text, "sent_at": sent_at}
