"""Settling for less: an amount agreed with the customer is taken for all that is owed, and the rest is written off."""

from __future__ import annotations

from ballast.billing import minimums
from ballast.billing.financing import entries
from ballast.billing.financing.entries import Parts
from ballast.billing.financing.servicing import payoffs, plans
from ballast.billing.financing.servicing.consequences import Change, Consequence, merged
from ballast.billing.financing.servicing.plans import Plan
from ballast.errors import InvalidRequest
from ballast.money import format_money


def decide(plan: Plan, amount: int, *, recorded: bool = False) -> Consequence:
    """Minor units to charge now, or that came by another road. They pay the oldest first; nothing is owed afterwards.

    Raises Conflict(`agreement_closed`), InvalidRequest(`amount_invalid`, `settlement_not_less`, `financing_payment_below_minimum`).
    """
    plans.refuse_closed(plan)
    _check(plan, amount, recorded)
    paid = {one.number: parts for one, parts in entries.allocate(plan.installments, amount)}
    changes = [Change("payment", number, parts) for number, parts in paid.items()]
    for one in plan.unpaid:
        owed = Parts(one.principal_left, one.interest_left, one.late_fee_left)
        changes.append(Change("written_off", one.number, -(owed + paid.get(one.number, Parts()))))
    rest = sum(one.left for one in plan.unpaid) - amount
    notes = (f"{format_money(rest, plan.agreement.currency)} is written off: the customer owes nothing any more.",)
    charged, received = (0, amount) if recorded else (amount, 0)
    return Consequence("settled", plan.today, merged(changes), charged=charged, recorded=received, notes=notes)


def _check(plan: Plan, amount: int, recorded: bool) -> None:
    currency = plan.agreement.currency
    if amount < len(plan.unpaid) or amount % plan.step:  # each installment is held by a part of the payment
        raise InvalidRequest("amount_invalid", "Enter an amount above zero that can be charged.", param="amount")
    most = payoffs.amount(plan, plan.today)
    if amount >= most:
        said = f"{format_money(most, currency)} pays everything: a settlement is less than that."
        raise InvalidRequest("settlement_not_less", said, param="amount")
    if not recorded and amount < minimums.least(currency):
        said = f"The least that can be charged is {format_money(minimums.least(currency), currency)}."
        raise InvalidRequest("financing_payment_below_minimum", said, param="amount")
