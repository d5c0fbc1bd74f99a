"""Money before it is due: the next installment, or any amount; it pays the oldest first, and changes no other date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ballast.billing import minimums
from ballast.billing.financing import entries
from ballast.billing.financing.servicing import payoffs, plans
from ballast.billing.financing.servicing.consequences import Change, Consequence, merged
from ballast.billing.financing.servicing.plans import Plan
from ballast.errors import InvalidRequest
from ballast.models import Installment
from ballast.money import format_money


def next_installment(plan: Plan) -> Consequence:
    """Pay the oldest installment owed, whole; the last one is a payoff, with its rebate. Raises Conflict(`agreement_closed`)."""
    plans.refuse_closed(plan)
    first = plan.unpaid[0]
    if len(plan.unpaid) == 1:
        return payoffs.decide(plan)
    kind = "payment_early" if first.due_on > plan.today else "extra_payment"
    return Consequence(kind, plan.today, allocated(plan.installments, first.left), charged=first.left)


def extra(plan: Plan, amount: int) -> Consequence:
    """Pay an amount of minor units; what comes to the payoff is one.

    Raises Conflict(`agreement_closed`), InvalidRequest(`amount_invalid`, `financing_amount_too_large`,
    `financing_payment_below_minimum`).
    """
    plans.refuse_closed(plan)
    check(plan, amount, plan.today)
    least = minimums.least(plan.agreement.currency)
    if amount < least:
        said = f"The least that can be charged is {format_money(least, plan.agreement.currency)}."
        raise InvalidRequest("financing_payment_below_minimum", said, param="amount")
    if amount == payoffs.amount(plan, plan.today):
        return payoffs.decide(plan)
    return Consequence("extra_payment", plan.today, allocated(plan.installments, amount), charged=amount)


def check(plan: Plan, amount: int, on: date) -> None:
    """Raises InvalidRequest(`amount_invalid`, `financing_amount_too_large`) for more than pays everything on that day."""
    currency = plan.agreement.currency
    if amount <= 0 or amount % plan.step:
        raise InvalidRequest("amount_invalid", "Enter an amount above zero that can be charged.", param="amount")
    most = payoffs.amount(plan, on)
    if amount > most:
        said = f"{format_money(most, currency)} pays everything. Enter no more than that."
        raise InvalidRequest("financing_amount_too_large", said, param="amount")


def allocated(installments: Sequence[Installment], amount: int) -> tuple[Change, ...]:
    """The entries of minor units received: oldest first."""
    return merged(Change("payment", one.number, parts) for one, parts in entries.allocate(installments, amount))
