"""What a payment pays of plans: for whoever looks at the payment."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select

from ballast.db import db
from ballast.models import AgreementEntry, FinancingAgreement, Installment, Payment


@dataclass(frozen=True)
class Settled:
    """Of one agreement: the installments' `numbers` of `count`; none for its down payment."""

    agreement_id: str
    numbers: tuple[int, ...]
    count: int

    @property
    def words(self) -> str:
        """installment 2 of 3 of; installments 2, 3 of 3 of; what was due at the start of."""
        if not self.numbers:
            return "what was due at the start of"
        one = "installment" if len(self.numbers) == 1 else "installments"
        return f"{one} {', '.join(str(number) for number in self.numbers)} of {self.count} of"


def by(payment: Payment) -> list[Settled]:
    """What it has paid of plans, or is under way for, and the plan whose order it is for; one statement."""
    agreement, ours = FinancingAgreement, payment.organization_id
    entered = select(AgreementEntry.installment_id).where(
        AgreementEntry.organization_id == ours, AgreementEntry.payment_id == payment.id
    )
    is_paid = or_(Installment.payment_id == payment.id, Installment.id.in_(entered))
    touched = select(Installment.agreement_id).where(Installment.organization_id == ours, is_paid)
    of_order = and_(agreement.order_id == payment.order_id, agreement.status != "canceled")
    wanted = (
        select(agreement.id, func.array_agg(Installment.number).filter(is_paid), func.count())
        .join(
            Installment,
            and_(Installment.organization_id == agreement.organization_id, Installment.agreement_id == agreement.id),
        )
        .where(agreement.organization_id == ours, or_(agreement.id.in_(touched), of_order))
        .group_by(agreement.id)
    )
    return [Settled(row[0], tuple(sorted(row[1] or ())), row[2]) for row in db.session.execute(wanted)]
