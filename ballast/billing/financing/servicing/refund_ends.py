"""A refund on a plan that did not go, or came back: what it had given back of installments is paid again."""

from __future__ import annotations

from sqlalchemy import select

from ballast.billing.financing import entries, locks, rows, standing
from ballast.billing.financing.entries import Fact, Parts
from ballast.billing.financing.servicing import amendments
from ballast.db import db
from ballast.models import AgreementEntry, FinancingAgreement, Installment, Refund
from ballast.money import format_money


def ended(refund: Refund) -> None:
    """It failed, was sent back or called off. In the caller's transaction, with the plan locked, and the payment. What came off the
    balance stays off: the goods are back. The amount can be refunded again."""
    plan = locks.read(refund.organization_id, refund.payment_id)
    if plan is None:
        return
    agreement, installments = plan
    before = amendments.snapshot(agreement, installments)
    by_id = {one.id: one for one in installments}
    for credit in _credits(refund):
        _undo(agreement, by_id[credit.installment_id], credit, refund)
    standing.refresh(agreement, installments)
    shown = format_money(refund.amount, refund.currency)
    by = amendments.signed(reason=f"The refund of {shown} did not go through.")
    after = amendments.snapshot(agreement, installments)
    made = amendments.append(
        agreement, "refunded", before, after, by, refund_id=refund.id, payment_id=refund.payment_id
    )
    rows.note(agreement, "financing_agreement.refund_failed", {"refund": refund.id, "amendment": made.id})


def _credits(refund: Refund) -> list[AgreementEntry]:
    wanted = select(AgreementEntry).where(
        AgreementEntry.organization_id == refund.organization_id,
        AgreementEntry.source == refund.id,
        AgreementEntry.kind == "principal_credited",
    )
    return list(db.session.scalars(wanted.order_by(AgreementEntry.id)))


def _undo(agreement: FinancingAgreement, installment: Installment, credit: AgreementEntry, refund: Refund) -> None:
    """Both ways at once: owed again, and paid."""
    today = rows.today(agreement)
    owed = Fact("credit_reversed", refund.id, today)
    entries.entry(agreement, installment, owed, Parts(principal=-credit.principal))
    paid = Fact("payment", refund.id, today, refund.payment_id)
    entries.entry(agreement, installment, paid, Parts(principal=credit.principal))
