"""Late fees that would not have been charged, had money been known on the day it came."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

from sqlalchemy import func, select

from ballast.billing.financing.entries import PAID
from ballast.billing.financing.servicing.plans import Plan
from ballast.db import db
from ballast.models import AgreementEntry, Installment

# Installment → what was paid of it: (day it counts from, minor units of principal and interest, minor units of late fee).
Received = dict[str, list[tuple[date, int, int]]]


def found(plan: Plan, amount: int, on: date) -> list[Installment]:
    """Those whose fee stands, and that `amount` minor units on that day, oldest first, would have paid within their grace: together
    with what had come by the end of it."""
    received, undue = _received(plan), []
    for one in sorted(plan.installments, key=lambda one: (one.due_on, one.number)):
        grace_ends = one.due_on + timedelta(days=plan.terms.grace_days)
        missing = _owed_on(one, received, grace_ends)
        is_undue = one.late_fee > one.late_fee_waived and on <= grace_ends and 0 < missing <= amount
        if is_undue:
            undue.append(one)
        amount -= min(amount, _owed_on(one, received, on) + (0 if is_undue else _fee_owed_on(one, received, on)))
    return undue


def _owed_on(one: Installment, received: Received, day: date) -> int:
    """Principal and interest that were still to be paid at the end of a day, minor units."""
    later = sum(part for on, part, _fee in received[one.id] if on > day)
    return max(one.principal_left + one.interest_left + later, 0)


def _fee_owed_on(one: Installment, received: Received, day: date) -> int:
    later = sum(fee for on, _part, fee in received[one.id] if on > day)
    return max(one.late_fee_left + later, 0)


def _received(plan: Plan) -> Received:
    wanted = (
        select(
            AgreementEntry.installment_id,
            AgreementEntry.effective_on,
            -func.sum(AgreementEntry.principal + AgreementEntry.interest),
            -func.sum(AgreementEntry.late_fee),
        )
        .where(
            AgreementEntry.organization_id == plan.agreement.organization_id,
            AgreementEntry.agreement_id == plan.agreement.id,
            AgreementEntry.kind.in_(PAID),
        )
        .group_by(AgreementEntry.installment_id, AgreementEntry.effective_on)
    )
    by_installment: Received = defaultdict(list)
    for installment_id, on, part, fee in db.session.execute(wanted):
        by_installment[installment_id].append((on, int(part), int(fee)))
    return by_installment
