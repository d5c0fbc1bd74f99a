"""Money that came by another road (cash, a transfer), written down by staff: on the day it came, though that is past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from ballast.billing.financing import entries
from ballast.billing.financing.entries import Parts
from ballast.billing.financing.servicing import payoffs, plans, prepayments
from ballast.billing.financing.servicing.consequences import Change, Consequence, merged
from ballast.billing.financing.servicing.plans import Plan
from ballast.errors import InvalidRequest
from ballast.models import Installment
from ballast.templating import show_date


def decide(plan: Plan, amount: int, received_on: date | None = None) -> Consequence:
    """Minor units that came on a day, today if left out. A late fee that would not have been charged had it been known is waived;
    what paid everything on that day is a payoff as of it, with its rebate.

    Raises Conflict(`agreement_closed`), InvalidRequest(`amount_invalid`, `financing_amount_too_large`, `received_on_invalid`).
    """
    plans.refuse_closed(plan)
    on = received_on or plan.today
    if not plan.agreement.started_on <= on <= plan.today:
        said = f"Enter a day from {show_date(plan.agreement.started_on)} to today."
        raise InvalidRequest("received_on_invalid", said, param="received_on")
    waived = _undue_fees(plan, amount, on)
    rest = _without(plan, waived)
    prepayments.check(rest, amount, on)
    if amount == payoffs.amount(rest, on):
        changes = (*waived, *payoffs.settled(rest, on))
    else:
        changes = (*waived, *prepayments.allocated(rest.installments, amount))
    notes = tuple(f"The late fee of installment {one.number} would not have been charged." for one in waived)
    return Consequence("recorded_payment", on, merged(changes), recorded=amount, notes=notes)


def _undue_fees(plan: Plan, amount: int, on: date) -> list[Change]:
    """Waive the late fee of each installment that this money, oldest first, paid within its grace."""
    waived: list[Change] = []
    for one in plan.unpaid:
        owed = one.principal_left + one.interest_left
        is_undue = one.late_fee_left > 0 and amount >= owed and on <= _grace_ends(plan, one)
        if is_undue:
            waived.append(Change("late_fee_waived", one.number, Parts(late_fee=-one.late_fee_left)))
        amount = max(amount - (owed if is_undue else one.left), 0)
    return waived


def _without(plan: Plan, waived: Sequence[Change]) -> Plan:
    """The plan as it is with these fees off."""
    fees = {one.number: one.parts for one in waived}
    copies = tuple(plans.copy_of(one, plan.today) for one in plan.installments)
    for one in copies:
        entries.shift(one, "late_fee_waived", fees.get(one.number, Parts()))
    return replace(plan, installments=copies)


def _grace_ends(plan: Plan, one: Installment) -> date:
    return one.due_on + timedelta(days=plan.terms.grace_days)
