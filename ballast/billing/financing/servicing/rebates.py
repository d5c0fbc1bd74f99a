"""What of a schedule's interest is not earned by a day (actuarial: a line's interest belongs to the days before it), line by line."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from ballast.billing.financing.servicing.plans import Plan
from ballast.billing.minimums import to_step
from ballast.models import Installment


def unearned(plan: Plan, on: date) -> list[tuple[Installment, int]]:
    """(installment, minor units not earned by that day), in the order they are due. Nothing of what was waived, or is reopened.

    A default may have made all due at once: what is earned by then is still by the days that were agreed.
    """
    found: list[tuple[Installment, int]] = []
    begin = plan.agreement.started_on
    lines = sorted(
        (_due(plan, one), one.number, one) for one in plan.installments if one.kind == "scheduled" and one.amount
    )
    for due_on, _number, one in lines:
        net = one.interest - one.interest_waived
        earned = net if due_on <= on else 0
        if begin <= on < due_on:
            earned = to_step(Fraction(net * (on - begin).days, (due_on - begin).days), plan.step)
        found.append((one, net - earned))
        begin = due_on
    return found


def _due(plan: Plan, one: Installment) -> date:
    if plan.agreement.status != "defaulted":
        return one.due_on
    agreed = {line["number"]: date.fromisoformat(line["due_on"]) for line in plan.agreement.terms["schedule"]}
    return max(one.due_on, agreed.get(one.number, one.due_on))
