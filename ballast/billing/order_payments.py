"""The payment of an order: one at a time. Another way to pay closes it and makes a new one; a unique index on claims does the rest."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Select, select

from ballast.billing import new_payments, outcomes, payments
from ballast.billing.subscriptions import collecting
from ballast.clock import now
from ballast.db import db
from ballast.models import Claim, Invoice, Order, Payment

UNDER_WAY: Final = ("processing", "requires_action", "requires_capture", "succeeded")
CLOSED: Final = ("canceled", "failed")


def newest(order: Order) -> Payment | None:
    """What the order is being paid with, or was."""
    return db.session.scalars(_of(order)).first()


def locked(order: Order) -> Payment | None:
    """The payment that may still be tried, or is being; locked. In the caller's transaction, with order and agreement locked."""
    payment = db.session.scalars(_of(order).where(Payment.status.not_in(CLOSED))).first()
    return payments.locked(order.organization_id, payment.id) if payment is not None else None


def _of(order: Order) -> Select[Payment]:
    wanted = select(Payment).where(Payment.organization_id == order.organization_id, Payment.order_id == order.id)
    return wanted.order_by(Payment.id.desc()).limit(1)


def fitting(
    order: Order, payment: Payment | None, amount: int, *, is_other: bool, invoice: Invoice | None = None
) -> Payment:
    """The payment of `amount` minor units of the order and of what is due of an invoice: the one there is, or a new one in its place.
    `is_other`: what it was for has changed.

    In the caller's transaction, with all locked. Raises Conflict(`payment_in_progress`) where the one there is may not be closed.
    """
    total = amount + (invoice.amount_due if invoice else 0)
    is_for_invoice = payment is not None and invoice is not None and invoice.payment_id == payment.id
    if payment is not None and (is_other or payment.amount != total or is_for_invoice != (invoice is not None)):
        close(payment)
        payment = None
    payment = payment or _make(order, amount, invoice)
    # An address that was corrected is somebody else's: so are card and receipt.
    payment.customer_id = order.customer_id
    return payment


def close(payment: Payment | None) -> None:
    """Nothing of the order is charged today: the payment there is, if any, is closed. In the caller's transaction, with it locked.

    Raises Conflict(`payment_in_progress`) where it may not be.
    """
    if payment is not None:
        outcomes.cancel(payment)


def _make(order: Order, amount: int, invoice: Invoice | None) -> Payment:
    """Claims each part with its amount."""
    numbers = ({"order": order.number} if amount else {}) | (
        {"invoice": invoice.number or invoice.id} if invoice else {}
    )
    said = " and ".join(f"{kind} {number}" for kind, number in numbers.items())
    payment = new_payments.create(
        order.organization_id,
        new_payments.NewPayment(
            amount=amount + (invoice.amount_due if invoice else 0),
            currency=order.currency,
            description=said[:1].upper() + said[1:],
            customer_id=order.customer_id,
            order_id=order.id,
            metadata=numbers,
        ),
    )
    if amount:
        _claim(order, payment, amount)
    if invoice is not None:
        collecting.claim(invoice, payment)
    db.session.flush()
    return payment


def _claim(order: Order, payment: Payment, amount: int) -> None:
    db.session.add(
        Claim(
            organization_id=order.organization_id,
            payment_id=payment.id,
            obligation="order",
            obligation_id=order.id,
            amount=amount,
            status="open",
            created_at=now(),
        )
    )
