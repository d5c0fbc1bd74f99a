"""Which payment may settle which installments. One open claim on each: while its payment is under way nobody else charges, waives,
moves or reschedules it; once that was declined the next try takes it over, or whoever changes the installment closes it first."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from ballast.billing import new_payments, outcomes, payments, prevented
from ballast.billing.financing.balances import unpaid
from ballast.billing.outcomes import UNPAID
from ballast.clock import now
from ballast.db import db
from ballast.errors import Conflict
from ballast.models import Claim, FinancingAgreement, Installment, Payment

# An installment, and how much of it (minor units) is to be paid.
Part = tuple[Installment, int]


def spread(installments: Sequence[Installment], amount: int) -> list[Part]:
    """An amount (minor units) that ends all that is unpaid claims each with a part of it, so that nobody else can take one."""
    parts: list[Part] = []
    waiting = unpaid(installments)
    for place, one in enumerate(waiting, 1):
        part = max(min(one.left, amount - (len(waiting) - place)), 1)
        parts.append((one, part))
        amount -= part
    return parts


def payment_for(
    agreement: FinancingAgreement, parts: Sequence[Part], description: str, card_id: str | None = None
) -> Payment:
    """A payment that claims exactly these parts, locked: one that was declined, else a new one. With these rows locked.

    Raises Conflict(`payment_in_progress`), and what `new_payments.create` raises.
    """
    wanted = {one.id: amount for one, amount in parts}
    for payment in _claiming(agreement, [one for one, _ in parts]):
        if payment.status in UNPAID and _claimed(payment) == wanted:
            return payment
    withdraw(agreement, [one for one, _ in parts])
    payment = new_payments.create(
        agreement.organization_id,
        new_payments.NewPayment(
            amount=sum(wanted.values()),
            currency=agreement.currency,
            description=description,
            customer_id=agreement.customer_id,
            payment_method=card_id,
            off_session=card_id is not None,
            metadata={"agreement": agreement.id},
        ),
    )
    for one, amount in parts:
        one.payment_id = payment.id
        db.session.add(_claim(payment, one, amount))
    db.session.flush()
    return payment


def withdraw(agreement: FinancingAgreement, installments: Sequence[Installment]) -> None:
    """Close the payments that were declined and still claim one of these. With agreement and installments locked.

    Raises Conflict(`payment_in_progress`) for one that is under way: nothing may be changed about its installments.
    """
    for payment in _claiming(agreement, installments):
        if payment.status not in UNPAID:
            prevented.note_refusal(payment.organization_id, "claim_taken", payment.id, payment.id)
            raise Conflict("payment_in_progress", "A payment for this installment is under way. Wait for its outcome.")
        outcomes.close(payment)
    db.session.flush()


def _claiming(agreement: FinancingAgreement, installments: Sequence[Installment]) -> list[Payment]:
    wanted = select(Claim.payment_id).where(
        Claim.organization_id == agreement.organization_id,
        Claim.obligation == "installment",
        Claim.obligation_id.in_([one.id for one in installments]),
        Claim.status == "open",
    )
    found = db.session.scalars(wanted.distinct().order_by(Claim.payment_id))
    return [payments.locked(agreement.organization_id, payment_id) for payment_id in found.all()]


def _claimed(payment: Payment) -> dict[str, int]:
    wanted = select(Claim.obligation_id, Claim.amount).where(
        Claim.organization_id == payment.organization_id, Claim.payment_id == payment.id, Claim.status == "open"
    )
    return {row[0]: row[1] for row in db.session.execute(wanted)}


def _claim(payment: Payment, installment: Installment, amount: int) -> Claim:
    return Claim(
        organization_id=payment.organization_id,
        payment_id=payment.id,
        obligation="installment",
        obligation_id=installment.id,
        amount=amount,
        status="open",
        created_at=now(),
    )
