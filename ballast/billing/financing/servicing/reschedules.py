"""What is left, spread over another number of installments. By staff; never for more interest than was owed before."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise

from ballast.billing.financing import balances, periods
from ballast.billing.financing.entries import Parts
from ballast.billing.financing.servicing import plans
from ballast.billing.financing.servicing.consequences import Added, Change, Consequence, merged
from ballast.billing.financing.servicing.plans import Plan
from ballast.errors import Conflict, InvalidRequest
from ballast.models import Installment


def decide(plan: Plan, installments: int, first_due_on: date, interest: int | None = None) -> Consequence:
    """All that is owed of the schedule, in so many equal payments from that day on, at the plan's interval. `interest`: minor units to
    ask for, at most what is left of it (which it is, if left out). Late fees stay, on the first one.

    Raises Conflict(`agreement_closed`, `reschedule_refused`), InvalidRequest(`reschedule_invalid`).
    """
    plans.refuse_closed(plan)
    old = [one for one in plan.unpaid if one.kind == "scheduled"]
    if not old or plan.agreement.status == "charged_off":
        raise Conflict(
            "reschedule_refused", "Nothing of this plan is charged by itself, so there is no schedule to change."
        )
    left = balances.of(old)
    asked = left.interest if interest is None else interest
    days = _days(plan, installments, first_due_on)
    targets = _targets(left.principal, asked, left.late_fee, installments, plan.step)
    _check(plan, asked, left.interest, targets)
    kept, added = _rows(plan, old, days)
    changes = [
        Change("rescheduled", number, target + -Parts(was.principal_left, was.interest_left, was.late_fee_left))
        for (number, was), target in zip(kept, [*targets, *[Parts()] * len(kept)], strict=False)
    ]
    changes += [Change("rescheduled", one.number, part) for one, part in zip(added, targets[len(kept) :], strict=False)]
    dates = tuple((number, day) for (number, _was), day in zip(kept, days, strict=False))
    return Consequence("rescheduled", plan.today, merged(changes), dates, tuple(added))


def _days(plan: Plan, installments: int, first: date) -> tuple[date, ...]:
    ahead = (first - plan.today).days
    if not 2 <= installments <= 120 or not 1 <= ahead <= 366:
        raise InvalidRequest(
            "reschedule_invalid",
            "Choose 2 to 120 installments, the first within a year from tomorrow.",
            param="installments",
        )
    terms = replace(plan.terms, installments=installments, first_due_days=ahead, first_due_day=None)
    return periods.due_dates(terms, plan.today)


def _targets(principal: int, interest: int, late_fee: int, count: int, step: int) -> list[Parts]:
    """Equal to the step, each part adding up exactly; what is finer than a step is the last one's."""
    totals, interests = _even(principal + interest, count, step), _even(interest, count, step)
    return [
        Parts(total - part, part, late_fee if number == 0 else 0)
        for number, (total, part) in enumerate(zip(totals, interests, strict=True))
    ]


def _even(amount: int, count: int, step: int) -> list[int]:
    marks = [amount * number // (count * step) * step for number in range(count)] + [amount]
    return [later - earlier for earlier, later in pairwise(marks)]


def _check(plan: Plan, asked: int, owed: int, targets: list[Parts]) -> None:
    if not 0 <= asked <= owed or asked % plan.step:
        raise InvalidRequest("reschedule_invalid", "The interest may be what is owed of it, or less.", param="interest")
    if any(one.principal <= 0 for one in targets):
        raise InvalidRequest(
            "reschedule_invalid", "An installment would repay nothing. Choose fewer.", param="installments"
        )


def _rows(
    plan: Plan, old: list[Installment], days: tuple[date, ...]
) -> tuple[list[tuple[int, Installment]], list[Added]]:
    """The installments that are owed keep their numbers, as far as they go; more are added behind the last one."""
    last = max(one.number for one in plan.installments)
    added = [Added(last + number, day) for number, day in enumerate(days[len(old) :], 1)]
    return [(one.number, one) for one in old], added
