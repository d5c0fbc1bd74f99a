"""Who records what came of an attempt holds everything that it moves, locked in the one order in which everybody locks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from ballast.billing.financing import settling as plans
from ballast.billing.subscriptions import reading
from ballast.db import among, db, know
from ballast.models import Attempt, Cart, Claim, Invoice, Order, Payment, Subscription
from ballast.models.financing import agreements_of_order
from ballast.models.payments import payment_of


def lock(organization_id: str, attempt_id: str, with_order: bool) -> tuple[Attempt, Payment]:
    """Cart, order, agreement, installments, subscription, invoice, payment, attempt: the order in which everybody locks."""
    found_ids = db.session.execute(_belongings(organization_id, [attempt_id])).one()
    _, payment_id, order_id, cart_id, invoice_id, installment_ids, subscription_id = found_ids
    billed = select(Invoice.subscription_id).where(Invoice.organization_id == organization_id, Invoice.id == invoice_id)
    subscription_id = db.session.scalars(billed).one() if invoice_id else subscription_id if with_order else None
    orders = ((Cart, cart_id), (Order, order_id)) if with_order else ()
    _hold(organization_id, orders)
    if with_order and order_id is not None:
        db.session.execute(agreements_of_order(organization_id, order_id).with_for_update())
    plans.know(payment_id, installment_ids or [])
    if installment_ids:
        plans.lock(organization_id, installment_ids)
    _hold(organization_id, ((Subscription, subscription_id), (Invoice, invoice_id)))
    payment = db.session.scalars(payment_of(organization_id, payment_id).with_for_update()).one()
    know(("invoice of", payment_id), invoice_id)
    found = select(Attempt).where(Attempt.organization_id == organization_id, Attempt.id == attempt_id)
    return db.session.scalars(found.with_for_update()).one(), payment


def lock_all(organization_id: str, attempt_ids: Iterable[str]) -> list[tuple[Attempt, Payment]]:
    """As `lock`, for many whose payments are for invoices; kind after kind in the same order, and by id within one. What recording
    them asks for is read along with them. Raises ValueError for others.
    """
    found = db.session.execute(_belongings(organization_id, attempt_ids)).all()
    if any(row[2] or row[4] is None for row in found):
        raise ValueError("only payments of invoices are recorded together")
    invoice_of_payment = {row[1]: row[4] for row in found}
    reading.lock_invoices(organization_id, {invoice_id for invoice_id in invoice_of_payment.values() if invoice_id})
    payments = {one.id: one for one in reading.locked(Payment, organization_id, invoice_of_payment)}
    attempts = {one.id: one for one in reading.locked(Attempt, organization_id, (row[0] for row in found))}
    reading.for_recording(organization_id, payments.values())
    for payment_id, invoice_id in invoice_of_payment.items():
        know(("invoice of", payment_id), invoice_id)
        plans.know(payment_id, [])
    return [(attempts[row[0]], payments[row[1]]) for row in found]


def _hold(organization_id: str, named: Iterable[tuple[Any, str | None]]) -> None:
    """Lock these rows, a model and an id each, in this order."""
    for model, row_id in named:
        if row_id is not None:
            held = select(model.id).where(model.organization_id == organization_id, model.id == row_id)
            db.session.execute(held.with_for_update())


def _belongings(
    organization_id: str, attempt_ids: Iterable[str]
) -> Select[str, str, str | None, str | None, str | None, list[str] | None, str | None]:
    """Attempts with their payment, order, cart, invoice, installments and the order's subscription: ids that do not change."""
    claimed = (Claim.organization_id == Payment.organization_id) & (Claim.payment_id == Payment.id)
    of_plan = aliased(Claim)
    installments = (
        select(func.array_agg(of_plan.obligation_id))
        .where(
            of_plan.organization_id == Payment.organization_id,
            of_plan.payment_id == Payment.id,
            of_plan.obligation == "installment",
        )
        .scalar_subquery()
    )
    return (
        select(
            Attempt.id,
            Payment.id,
            Payment.order_id,
            Order.cart_id,
            Claim.obligation_id,
            installments,
            Order.subscription_id,
        )
        .join(Attempt, (Attempt.organization_id == Payment.organization_id) & (Attempt.payment_id == Payment.id))
        .outerjoin(Order, (Order.organization_id == Payment.organization_id) & (Order.id == Payment.order_id))
        .outerjoin(Claim, claimed & (Claim.obligation == "period"))
        .where(Attempt.organization_id == organization_id, among(Attempt.id, attempt_ids))
    )
