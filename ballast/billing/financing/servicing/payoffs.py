"""Paying off a plan: all that is left, less the interest not earned by the day of the quote if the terms say so."""

from __future__ import annotations

from datetime import date, timedelta

from ballast.billing.financing.entries import Parts
from ballast.billing.financing.payoffs import quote
from ballast.billing.financing.servicing import plans
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
    off: dict[int, int] = {}
    for one in rebated:
        off[one.number] = off.get(one.number, 0) - one.parts.interest
    paid = [
        Change(
            "payment",
            one.number,
            Parts(
                -one.principal_left,
                -(one.interest_left - off.get(one.number, 0)),
                -one.late_fee_left,
            ),
        )
        for one in plan.unpaid
    ]
    return merged((*rebated, *paid))


def rebate(plan: Plan, on: date) -> list[Change]:
    """Interest not earned by that day, taken off: of what nobody has paid, the last due first; then of what was paid ahead, which pays
    something else now. Nothing where the terms keep it. (As `financing.payoffs` does for money that comes by itself.)"""
    quoted = quote(plan.agreement, plan.installments, on)
    due_last = sorted(plan.installments, key=lambda one: (one.due_on, one.number), reverse=True)
    left, changes = min(quoted.rebate, quoted.left), []
    for one in due_last:
        free = min(left, one.interest_left)
        left -= free
        changes.append(Change("interest_rebated", one.number, Parts(interest=-free)))
    for one in due_last:
        ahead = min(left, one.interest_paid)
        left -= ahead
        changes.append(Change("payment_reversed", one.number, Parts(interest=ahead)))
        changes.append(Change("interest_rebated", one.number, Parts(interest=-ahead)))
    return [one for one in changes if one.parts != Parts()]
