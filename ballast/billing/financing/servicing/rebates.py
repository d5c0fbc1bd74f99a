"""What of a schedule's interest is not earned by a day (actuarial: a line's interest belongs to the days before it), line by line."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from ballast.billing.financing.servicing.plans import Plan
from ballast.billing.minimums import to_step
from ballast.models import Installment


def unearned(plan: Plan, on: date) -> list[tuple[Installment, int]]:
    """(installment, minor units not earned by that day), in the order they are due. Nothing of what was waived, or is reopened.

    Nothing either once nothing more is earned: at the end of the schedule, after a default that made all due, after a charge-off.
    """
    found: list[tuple[Installment, int]] = []
    begin = plan.agreement.started_on
    for one in sorted(plan.installments, key=lambda one: (one.due_on, one.number)):
        if one.kind != "scheduled" or not one.amount:
            continue
        net = one.interest - one.interest_waived
        earned = net if one.due_on <= on else 0
        if begin <= on < one.due_on:
            earned = to_step(Fraction(net * (on - begin).days, (one.due_on - begin).days), plan.step)
        found.append((one, net - earned if plan.agreement.accrued_on else 0))
        begin = one.due_on
    return found
