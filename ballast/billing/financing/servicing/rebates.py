"""What of a schedule's interest is not earned by a day (actuarial: a line's interest belongs to the days before it), line by line."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from ballast.billing.financing import rows
from ballast.billing.financing.servicing import amendments
from ballast.billing.financing.servicing.plans import Plan
from ballast.billing.minimums import to_step
from ballast.models import AgreementAmendment, Installment


def unearned(plan: Plan, on: date) -> list[tuple[Installment, int]]:
    """(installment, minor units not earned by that day), in the order they are due. Nothing of what was waived, or is reopened.

    A default that made all due at once ended what is earned: the rest is what it was on that day, by the dates before it. Nothing once
    all is earned, nor after a charge-off: that interest has left the books.
    """
    due = {one.number: one.due_on for one in plan.installments}
    if plan.agreement.accrued_on is None:
        accelerated = _acceleration(plan)
        if accelerated is None:
            return [(one, 0) for one in _lines(plan, due)]
        on = min(on, rows.day_of(plan.agreement, accelerated.created_at))
        due |= {int(number): date.fromisoformat(day) for number, day in accelerated.before.items()}
    found: list[tuple[Installment, int]] = []
    begin = plan.agreement.started_on
    for one in _lines(plan, due):
        net, until = one.interest - one.interest_waived, due[one.number]
        earned = net if until <= on else 0
        if begin <= on < until:
            earned = to_step(Fraction(net * (on - begin).days, (until - begin).days), plan.step)
        found.append((one, net - earned))
        begin = until
    return found


def _lines(plan: Plan, due: dict[int, date]) -> list[Installment]:
    lines = [one for one in plan.installments if one.kind == "scheduled" and one.amount]
    return sorted(lines, key=lambda one: (due[one.number], one.number))


def _acceleration(plan: Plan) -> AgreementAmendment | None:
    """The one that made all due at once; None after a charge-off, or where the schedule was made anew since."""
    made = [one for one in amendments.of(plan.agreement) if one.kind in ("accelerated", "rescheduled")]
    is_last = made and made[-1].kind == "accelerated" and plan.agreement.charged_off_at is None
    return made[-1] if is_last else None
