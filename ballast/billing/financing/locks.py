"""Which plan a payment is on, and the locks that come before the payment's: order, agreement, installments."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, exists, or_, select

from ballast.billing.financing import rows
from ballast.db import db
from ballast.models import Claim, FinancingAgreement, Installment, Order, Payment

Held = tuple[FinancingAgreement, list[Installment]]


def agreement_id_of(organization_id: str, payment_id: str) -> str | None:
    """The running (or closed) agreement that a payment is on: as its down payment, or because it claimed installments of it."""
    claimed = list(db.session.scalars(_claimed(organization_id, payment_id)))
    bought = select(Payment.order_id).where(Payment.organization_id == organization_id, Payment.id == payment_id)
    bought = bought.where(
        or_(_claims("order"), ~_claims("period"))
    )  # a payment of its order may be a subscription's alone
    on_it = [FinancingAgreement.order_id == bought.scalar_subquery()]
    if claimed:
        behind = select(Installment.agreement_id).where(
            Installment.organization_id == organization_id, Installment.id.in_(claimed)
        )
        on_it.append(FinancingAgreement.id.in_(behind))
    wanted = select(FinancingAgreement.id).where(
        FinancingAgreement.organization_id == organization_id,
        FinancingAgreement.status.not_in(("draft", "canceled")),
        or_(*on_it),
    )
    return db.session.scalars(wanted).first()


def _claims(obligation: str) -> ColumnElement[bool]:
    """Whether a payment was for such a thing."""
    return exists().where(
        Claim.organization_id == Payment.organization_id,
        Claim.payment_id == Payment.id,
        Claim.obligation == obligation,
    )


def _claimed(organization_id: str, payment_id: str) -> Select[str]:
    return select(Claim.obligation_id).where(
        Claim.organization_id == organization_id, Claim.payment_id == payment_id, Claim.obligation == "installment"
    )


def lock(organization_id: str, payment_id: str) -> Held | None:
    """The plan of a payment, locked in the order everybody locks in; None for a payment on none. Before the payment is locked."""
    agreement_id = agreement_id_of(organization_id, payment_id)
    return lock_plan(organization_id, agreement_id) if agreement_id else None


def lock_plan(organization_id: str, agreement_id: str) -> Held:
    """Order, agreement, installments, locked until the transaction ends. Raises NotFound."""
    found = rows.find(organization_id, agreement_id)
    held = select(Order.id).where(Order.organization_id == organization_id, Order.id == found.order_id)
    db.session.execute(held.with_for_update())
    agreement = rows.locked(organization_id, agreement_id)
    return agreement, rows.locked_installments(agreement)


def read(organization_id: str, payment_id: str) -> Held | None:
    """The plan of a payment, in a transaction that has it locked already."""
    agreement_id = agreement_id_of(organization_id, payment_id)
    if agreement_id is None:
        return None
    agreement = rows.locked(organization_id, agreement_id)
    return agreement, rows.locked_installments(agreement)
