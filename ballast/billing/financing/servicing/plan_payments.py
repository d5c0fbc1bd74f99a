"""What was paid on a plan by card, and what of it can still go back: the down payment, and what installments were paid with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from ballast.billing import order_parts, refund_parts, refunds
from ballast.db import db
from ballast.models import AgreementEntry, FinancingAgreement, Installment, Payment, Refund
from ballast.models.states import HELD_REFUND


@dataclass(frozen=True)
class Paid:
    """A payment that arrived, minor units. `price`: what of it paid for the goods; `refundable`: what may still go back of it.
    `principal`: what it pays of each installment by number, the last one first; none for the down payment."""

    payment: Payment
    price: int
    refundable: int
    principal: tuple[tuple[int, int], ...] = ()


def of(agreement: FinancingAgreement) -> list[Paid]:
    """Newest first; none that is disputed."""
    pays = _pays(agreement)
    wanted = select(Payment).where(
        Payment.organization_id == agreement.organization_id,
        Payment.status == "succeeded",
        or_(Payment.id.in_(list(pays)), Payment.order_id == agreement.order_id),
    )
    found = db.session.scalars(wanted.order_by(Payment.succeeded_at.desc(), Payment.id.desc()))
    return [
        _paid(agreement, payment, pays.get(payment.id, {})) for payment in found if not refunds.is_disputed(payment)
    ]


def _paid(agreement: FinancingAgreement, payment: Payment, by_number: dict[int, int]) -> Paid:
    """A down payment goes back without the fee that was paid with it, and an installment without its interest: that time is over."""
    left = refunds.refundable(payment, "order")
    if payment.order_id == agreement.order_id:
        back = refund_parts.returned_of_order(payment)
        return Paid(payment, max(min(agreement.down_payment, order_parts.of_order(payment)) - back, 0), left)
    principal = tuple(sorted(((number, part) for number, part in by_number.items() if part > 0), reverse=True))
    return Paid(payment, sum(part for _number, part in principal), left, principal)


def most(paid: Sequence[Paid]) -> int:
    """What of the price can go back to the cards, minor units. (Interest that a payoff found paid ahead pays for the goods too.)"""
    return min(sum(one.price for one in paid), sum(one.refundable for one in paid))


def _pays(agreement: FinancingAgreement) -> dict[str, dict[int, int]]:
    """Payment → installment's number → principal that it pays."""
    joined = (Installment.organization_id == AgreementEntry.organization_id) & (
        Installment.id == AgreementEntry.installment_id
    )
    wanted = (
        select(AgreementEntry.payment_id, Installment.number, -func.sum(AgreementEntry.principal))
        .join(Installment, joined)
        .where(
            AgreementEntry.organization_id == agreement.organization_id,
            AgreementEntry.agreement_id == agreement.id,
            AgreementEntry.payment_id.is_not(None),
            AgreementEntry.kind.in_(("payment", "payment_reversed")),
        )
        .group_by(AgreementEntry.payment_id, Installment.number)
    )
    found: dict[str, dict[int, int]] = {}
    for payment_id, number, principal in db.session.execute(wanted):
        found.setdefault(str(payment_id), {})[number] = int(principal)
    _set_off(found)
    return found


def _set_off(pays: dict[str, dict[int, int]]) -> None:
    """What went back to the card of one payment, of what another had paid, is not paid by that other one any more."""
    for owing in pays.values():
        for number in [number for number, part in owing.items() if part < 0]:
            for other in pays.values():
                taken = min(max(other.get(number, 0), 0), -owing[number])
                if taken:
                    other[number] -= taken
                    owing[number] += taken


def returned(agreement: FinancingAgreement, payments: Sequence[Payment]) -> int:
    """Minor units of the price that went back so far, or are on their way: off what was owed, and to cards."""
    credited = select(func.coalesce(func.sum(AgreementEntry.principal), 0)).where(
        AgreementEntry.organization_id == agreement.organization_id,
        AgreementEntry.agreement_id == agreement.id,
        AgreementEntry.kind == "principal_credited",
        AgreementEntry.source.startswith("amd_", autoescape=True),
    )
    held = select(func.coalesce(func.sum(Refund.amount - Refund.of_invoice), 0)).where(
        Refund.organization_id == agreement.organization_id,
        Refund.payment_id.in_([one.id for one in payments]),
        Refund.late_success_id.is_(None),
        Refund.status.in_(HELD_REFUND),
    )
    return int(db.session.scalar(held) or 0) - int(db.session.scalar(credited) or 0)
