"""Who holds an agreement's installments: a payment that is under way keeps everybody else from them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from ballast.billing import outcomes, payments
from ballast.clock import now
from ballast.db import db
from ballast.errors import Conflict
from ballast.models import Claim, FinancingAgreement, Installment, Payment
from ballast.models.payments import payment_of

UNDER_WAY = "A payment for this plan is under way. Wait until it is decided."


def refuse_under_way(agreement: FinancingAgreement, installments: Sequence[Installment]) -> None:
    """Raises Conflict(`payment_in_progress`) while a payment for any of them is open. One that was declined is not."""
    for payment_id in _holders(agreement, installments):
        found = db.session.scalars(payment_of(agreement.organization_id, payment_id)).one()
        _refuse(found)


def free(agreement: FinancingAgreement, installments: Sequence[Installment]) -> None:
    """Close what was declined and still claims them; raises as `refuse_under_way` does. With agreement and installments locked."""
    for payment_id in _holders(agreement, installments):
        payment = payments.locked(agreement.organization_id, payment_id)
        _refuse(payment)
        outcomes.close(payment)
    db.session.flush()


def _refuse(payment: Payment) -> None:
    if payment.status not in outcomes.UNPAID:
        raise Conflict("payment_in_progress", UNDER_WAY)


def _holders(agreement: FinancingAgreement, installments: Sequence[Installment]) -> list[str]:
    wanted = select(Claim.payment_id).where(
        Claim.organization_id == agreement.organization_id,
        Claim.obligation == "installment",
        Claim.obligation_id.in_([one.id for one in installments]),
        Claim.status == "open",
    )
    return sorted(set(db.session.scalars(wanted)))


def claim(agreement: FinancingAgreement, payment: Payment, amounts: Sequence[tuple[Installment, int]]) -> None:
    """Have the payment hold these, each with the minor units it settles of it. The database lets one payment hold an installment."""
    for one, amount in amounts:
        db.session.add(
            Claim(
                organization_id=agreement.organization_id,
                payment_id=payment.id,
                obligation="installment",
                obligation_id=one.id,
                amount=amount,
                status="open",
                created_at=now(),
            )
        )
        one.payment_id = payment.id
        one.next_attempt_at = None
    db.session.flush()
