"""Money that came by another road (cash, a transfer), written down by staff: on the day it came, though that is past."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from ballast.billing.financing import entries
from ballast.billing.financing.entries import Parts
from ballast.billing.financing.servicing import payoffs, plans, prepayments, undue_fees
from ballast.billing.financing.servicing.consequences import Change, Consequence, merged
from ballast.billing.financing.servicing.plans import Plan
from ballast.errors import InvalidRequest
from ballast.models import Installment
from ballast.money import format_money
from ballast.templating import show_date


def decide(plan: Plan, amount: int, received_on: date | None = None) -> Consequence:
    """Minor units that came on a day, today if left out. A late fee that would not have been charged had it been known is waived, and
    given back where it was paid: it pays what else is owed, and what is more is the customer's credit. What paid everything on that
    day is a payoff as of it, with its rebate.

    Raises Conflict(`agreement_closed`), InvalidRequest(`amount_invalid`, `financing_amount_too_large`, `received_on_invalid`).
    """
    plans.refuse_closed(plan)
    on = received_on or plan.today
    if not plan.agreement.started_on <= on <= plan.today:
        said = f"Enter a day from {show_date(plan.agreement.started_on)} to today."
        raise InvalidRequest("received_on_invalid", said, param="received_on")
    undue = undue_fees.found(plan, amount, on)
    rest = _without(plan, undue)
    prepayments.check(rest, amount, on)
    free = amount + sum(one.late_fee_paid for one in undue)
    settles = payoffs.amount(rest, on)
    pays = payoffs.settled(rest, on) if free >= settles else prepayments.allocated(rest.installments, free)
    return Consequence(
        "recorded_payment",
        on,
        merged((*_taken_off(undue), *pays)),
        recorded=amount,
        credit=max(free - settles, 0),
        notes=tuple(_note(plan, one) for one in undue),
    )


def _taken_off(undue: list[Installment]) -> list[Change]:
    """What was paid of a fee is taken back from it first."""
    changes = []
    for one in undue:
        changes.append(Change("payment_reversed", one.number, Parts(late_fee=one.late_fee_paid)))
        changes.append(Change("late_fee_waived", one.number, Parts(late_fee=one.late_fee_waived - one.late_fee)))
    return changes


def _note(plan: Plan, one: Installment) -> str:
    said = f"The late fee of installment {one.number} would not have been charged."
    if not one.late_fee_paid:
        return said
    return f"{said} {format_money(one.late_fee_paid, plan.agreement.currency)} was paid of it and is given back."


def _without(plan: Plan, undue: list[Installment]) -> Plan:
    """The plan as it is with these fees off."""
    copies = tuple(plans.copy_of(one, plan.today) for one in plan.installments)
    by_number = {one.number: one for one in copies}
    for change in _taken_off(undue):
        entries.shift(by_number[change.number], change.kind, change.parts)
    return replace(plan, installments=copies)
