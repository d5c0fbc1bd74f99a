"""What a payment pays of plans: for whoever looks at the payment."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, case, func, or_, select

from ballast.db import db
from ballast.models import Claim, FinancingAgreement, Installment, Payment


@dataclass(frozen=True)
class Settled:
    """Of one agreement: the installments' `numbers` of `count`; none for its down payment."""

    agreement_id: str
    numbers: tuple[int, ...]
    count: int

    @property
    def words(self) -> str:
        """installment 2 of 3 of; installments 2, 3 of 3 of; the down payment of."""
        if not self.numbers:
            return "the down payment of"
        one = "installment" if len(self.numbers) == 1 else "installments"
        return f"{one} {', '.join(str(number) for number in self.numbers)} of {self.count} of"


def by(payment: Payment) -> list[Settled]:
    """What it claims or has paid of plans, and the plan whose order it is for; one statement."""
    agreement, claim = FinancingAgreement, Claim
    of_agreement = and_(
        Installment.organization_id == agreement.organization_id, Installment.agreement_id == agreement.id
    )
    claimed = and_(
        claim.organization_id == Installment.organization_id,
        claim.obligation_id == Installment.id,
        claim.obligation == "installment",
        claim.payment_id == payment.id,
        claim.status != "released",
    )
    paid = (
        select(Installment.agreement_id)
        .join(claim, claimed)
        .where(Installment.organization_id == payment.organization_id)
    )
    number = case((claim.id.is_not(None), Installment.number))
    wanted = (
        select(agreement.id, func.array_agg(number).filter(number.is_not(None)), func.count(Installment.id.distinct()))
        .join(Installment, of_agreement)
        .outerjoin(claim, claimed)
        .where(
            agreement.organization_id == payment.organization_id,
            or_(agreement.id.in_(paid), and_(agreement.order_id == payment.order_id, agreement.status != "canceled")),
        )
        .group_by(agreement.id)
    )
    return [Settled(row[0], tuple(sorted(row[1] or ())), row[2]) for row in db.session.execute(wanted)]
