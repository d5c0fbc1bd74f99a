"""Paying off a plan: all that is left, less the interest not earned by the day of the quote if the terms say so."""

from __future__ import annotations

from datetime import date, timedelta

from ballast.billing.financing import balances
from ballast.billing.financing.entries import Parts
from ballast.billing.financing.servicing import plans, rebates
from ballast.billing.financing.servicing.consequences import Change, Consequence, merged
from ballast.billing.financing.servicing.plans import Plan
from ballast.errors import InvalidRequest
from ballast.templating import show_date


def decide(plan: Plan, good_until: date | None = None) -> Consequence:
    """What settles everything until the end of `good_until` (today if left out).

    Raises Conflict(`agreement_closed`), InvalidRequest(`payoff_date_invalid`) beyond the days the lender quotes ahead.
    """
    plans.refuse_closed(plan)
    on = good_until or plan.today
    last = plan.today + timedelta(days=plan.settings.payoff_days)
    if not plan.today <= on <= last:
        said = f"A payoff is quoted for a day from today to {show_date(last)}."
        raise InvalidRequest("payoff_date_invalid", said, param="good_until")
    changes = settled(plan, on)
    charged = -sum(one.parts.total for one in changes if one.kind in ("payment", "payment_reversed"))
    return Consequence("payoff", on, changes, charged=charged, notes=(f"Good until {show_date(on)}.",))


def amount(plan: Plan, on: date) -> int:
    """What settles everything on that day, minor units."""
    return -sum(one.parts.total for one in settled(plan, on) if one.kind in ("payment", "payment_reversed"))


def settled(plan: Plan, on: date) -> tuple[Change, ...]:
    """The entries that leave nothing owed on that day: the rebate, and payments for the rest.

    Interest that was paid ahead and is not earned either is set against what is left of the others.
    """
    rebated = rebate(plan, on)
    given = {one.number: -one.parts.interest for one in rebated if one.kind == "interest_rebated"}
    ahead = {one.number: one.parts.interest for one in rebated if one.kind == "payment_reversed"}
    paid = [
        Change(
            "payment",
            one.number,
            Parts(
                -one.principal_left,
                -(one.interest_left - given.get(one.number, 0) + ahead.get(one.number, 0)),
                -one.late_fee_left,
            ),
        )
        for one in plan.unpaid
    ]
    return merged((*rebated, *paid))


def rebate(plan: Plan, on: date) -> list[Change]:
    """Interest not earned by that day, taken off; nothing where the terms keep it, or where it was written off with the rest."""
    if plan.terms.prepayment != "rebate" or plan.agreement.status == "charged_off":
        return []
    lines = rebates.unearned(plan, on)
    open_ = balances.of(plan.installments).total - sum(min(amount, one.interest_left) for one, amount in lines)
    changes: list[Change] = []
    for one, unearned in lines:
        free = min(unearned, one.interest_left)
        ahead = min(unearned - free, one.interest_paid, open_)
        open_ -= ahead
        changes.append(Change("payment_reversed", one.number, Parts(interest=ahead)))
        changes.append(Change("interest_rebated", one.number, Parts(interest=-free - ahead)))
    return [one for one in changes if one.parts != Parts()]
