"""A payment of a plan that its bank took back: the debt is owed again, and only the customer may pay it. Won, it is not owed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from ballast.billing.financing import crediting, entries, postings, rows, standing
from ballast.billing.financing.entries import Fact, Parts
from ballast.billing.financing.locks import Held
from ballast.billing.financing.servicing import amendments, letters
from ballast.billing.financing.terms import OfferTerms
from ballast.db import db
from ballast.models import AgreementEntry, Dispute, FinancingAgreement, Installment
from ballast.models.disputes import LOST


def follow(plan: Held, row: Dispute, amount: int) -> None:
    """Bring the plan to how a dispute of one of its payments stands. In the transaction that records it, with everything locked.

    `amount`: minor units of what is disputed that were paid on the plan.
    """
    agreement, installments = plan
    reopened = _reopened(agreement, row)
    if row.status in LOST and not reopened and amount:
        _reopen(agreement, installments, row, amount)
    elif row.status not in LOST and reopened:
        _close(agreement, installments, row, reopened)


def _reopened(agreement: FinancingAgreement, row: Dispute) -> str | None:
    """The id of the installment that the dispute has brought back and that nothing has undone."""
    wanted = (
        select(AgreementEntry.installment_id)
        .where(
            AgreementEntry.organization_id == agreement.organization_id,
            AgreementEntry.agreement_id == agreement.id,
            AgreementEntry.kind == "reopened",
            AgreementEntry.source.startswith(row.id, autoescape=True),
        )
        .group_by(AgreementEntry.installment_id)
        .having(func.sum(AgreementEntry.principal + AgreementEntry.interest + AgreementEntry.late_fee) > 0)
    )
    return db.session.scalars(wanted).first()


def _reopen(agreement: FinancingAgreement, installments: list[Installment], row: Dispute, amount: int) -> None:
    before = amendments.snapshot(agreement, installments)
    made = _add(agreement, installments)
    source, today = f"{row.id}/{made.number}", rows.today(agreement)
    parts = Parts(principal=amount)  # what the bank took is a debt of its own, whatever parts it had paid
    entries.entry(agreement, made, Fact("reopened", source, today, row.payment_id), parts)
    postings.changed(agreement, "reopened", source, parts)
    installments.append(made)
    _finish(agreement, installments, row, before, "The bank took a payment back.")


def _add(agreement: FinancingAgreement, installments: list[Installment]) -> Installment:
    """Due once the days of grace are over, so that its customer can see to it; never charged by itself."""
    due_on = rows.today(agreement) + timedelta(days=OfferTerms.from_dict(agreement.terms["offer"]).grace_days)
    made = Installment(
        organization_id=agreement.organization_id,
        agreement_id=agreement.id,
        number=max(one.number for one in installments) + 1,
        kind="reopened",
        due_on=due_on,
        due_at=rows.begins(agreement, due_on),
        principal=0,
        interest=0,
    )
    db.session.add(made)
    db.session.flush()
    return made


def _close(agreement: FinancingAgreement, installments: list[Installment], row: Dispute, installment_id: str) -> None:
    """The money is ours after all. What the customer has paid of it meanwhile pays what else is owed, or is their credit."""
    before = amendments.snapshot(agreement, installments)
    one = next(one for one in installments if one.id == installment_id)
    source, today = f"{row.id}/{one.number}/won", rows.today(agreement)
    free = Parts(one.principal_credited, one.interest_waived, one.late_fee_waived)
    owed = Parts(one.principal, one.interest, one.late_fee) + -free
    freed = _free(agreement, one, source)
    entries.entry(agreement, one, Fact("reopened", source, today, row.payment_id), -owed)
    postings.changed(agreement, "reopened", source, -owed)
    others = [other for other in installments if other.id != one.id]
    left = sum(entries.receive(agreement, others, amount, fact) for amount, fact in freed)
    if left:
        crediting.give(agreement, source, left)
        if agreement.charged_off_at is not None:
            postings.recovered(agreement, source, -left)  # it was counted as one, and is not owed
    one.next_attempt_at = None
    _finish(agreement, installments, row, before, "The bank gave a payment back that it had taken.")


def _free(agreement: FinancingAgreement, one: Installment, source: str) -> list[tuple[int, Fact]]:
    """Take back from the installment what was paid of it, payment by payment, so that each is known for what it pays now: (minor
    units, the fact they pay something else by)."""
    today, freed = rows.today(agreement), []
    for place, (payment_id, parts) in enumerate(_paid_by(one)):
        fact = Fact("payment", f"{source}/{place}", today, payment_id)
        entries.entry(agreement, one, replace(fact, kind="payment_reversed"), parts)
        freed.append((parts.total, fact))
    return freed


def _paid_by(one: Installment) -> list[tuple[str | None, Parts]]:
    """(payment, what it pays of the installment), the oldest payment first; None, at the end, for what came by another road."""
    sums = [func.sum(column) for column in (AgreementEntry.principal, AgreementEntry.interest, AgreementEntry.late_fee)]
    wanted = (
        select(AgreementEntry.payment_id, *sums)
        .where(
            AgreementEntry.organization_id == one.organization_id,
            AgreementEntry.installment_id == one.id,
            AgreementEntry.kind.in_(entries.PAID),
        )
        .group_by(AgreementEntry.payment_id)
        .order_by(AgreementEntry.payment_id)
    )
    found = [(row[0], -Parts(*map(int, row[1:]))) for row in db.session.execute(wanted)]
    return [(payment_id, parts) for payment_id, parts in found if parts != Parts()]


def _finish(
    agreement: FinancingAgreement, installments: list[Installment], row: Dispute, before: dict[str, Any], reason: str
) -> None:
    standing.refresh(agreement, installments)
    after = amendments.snapshot(agreement, installments) | {"dispute": row.id, "dispute_status": row.status}
    by = amendments.signed(reason=reason)
    made = amendments.append(agreement, "dispute_lost", before, after, by, payment_id=row.payment_id)
    action = f"financing_agreement.dispute_{'lost' if row.status in LOST else 'undone'}"
    rows.note(agreement, action, {"dispute": row.id, "amendment": made.id})
    letters.changed(agreement, made)
