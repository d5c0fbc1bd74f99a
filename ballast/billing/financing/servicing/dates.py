"""When installments are due: one date moved, or all put off in hardship. No interest is added: it was computed at the start."""

from __future__ import annotations

from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from ballast.billing.financing import periods
from ballast.billing.financing.servicing import amendments, plans
from ballast.billing.financing.servicing.consequences import Consequence
from ballast.billing.financing.servicing.plans import Plan
from ballast.errors import Conflict, InvalidRequest
from ballast.models import Installment
from ballast.templating import show_date


def move(plan: Plan, number: int, to: date) -> Consequence:
    """One due date to another day. Staff may go as far as the day before the next one; the customer as far as the lender's rules say,
    so often as they say, and not once a late fee was charged.

    Raises Conflict(`agreement_closed`, `installment_absent`, `installment_paid`, `date_move_refused`),
    InvalidRequest(`date_move_invalid`).
    """
    plans.refuse_closed(plan)
    one = plan.numbered(number)
    if not one.left:
        raise Conflict("installment_paid", f"Installment {number} is paid.", param="installment")
    if one.kind == "reopened":
        raise Conflict("date_move_refused", "This one is never charged by itself, so it has no date to move.")
    if plan.by_customer:
        _refuse_customer(plan, one)
    first, last = window(plan, one)
    if first > last:
        raise Conflict("date_move_refused", _held_fast(plan, one))
    if to == one.due_on or not first <= to <= last:
        said = f"Choose another day from {show_date(first)} to {show_date(last)}."
        raise InvalidRequest("date_move_invalid", said, param="to")
    return Consequence("date_moved", plan.today, dates=((number, to),), counts_as_move=plan.by_customer)


def _refuse_customer(plan: Plan, one: Installment) -> None:
    if plan.agreement.date_moves >= plan.settings.date_moves:
        raise Conflict("date_move_refused", "No more dates of this plan can be moved. Please write to us.")
    is_late = plan.today > one.due_on + timedelta(days=plan.terms.grace_days)
    if is_late or one.late_fee or plan.agreement.status in ("defaulted", "charged_off"):
        raise Conflict("date_move_refused", "This payment is too late to be moved. Please write to us.")


def _held_fast(plan: Plan, one: Installment) -> str:
    """Why there is no day for it, and what can be done."""
    free = [str(other.number) for other, _first, _last in movable(plan)]
    can = [f"move installment {' or '.join(free)}"] if free else []
    can += ["pause the plan"] if not plan.by_customer or _may_pause(plan) else []
    can += [] if plan.by_customer else ["reschedule it"]
    said = f"Installment {one.number} can't be moved: a later one is due before any day it could move to."
    return f"{said} You can {', or '.join(can)}." if can else f"{said} Please write to us."


def movable(plan: Plan) -> list[tuple[Installment, date, date]]:
    """Those of the schedule that may be moved, with the first and the last day."""
    found = [(one, *window(plan, one)) for one in plan.unpaid if one.kind == "scheduled"]
    return [(one, first, last) for one, first, last in found if first <= last]


def window(plan: Plan, one: Installment) -> tuple[date, date]:
    """The first and the last day it may be due: after the one before it and before the one after it, not in the past. The first is
    after the last where there is no such day: a later one is late as well."""
    others = sorted(other.due_on for other in plan.unpaid if other.kind == "scheduled" and other.number != one.number)
    before = max((day for day in others if day <= one.due_on), default=None)
    after = min((day for day in others if day > one.due_on), default=None)
    first = max(plan.today, before + timedelta(days=1)) if before else plan.today
    farthest = one.due_on + relativedelta(months=plan.settings.pause_months)
    last = after - timedelta(days=1) if after else max(farthest, plan.today)
    if plan.by_customer:
        most = timedelta(days=plan.settings.date_move_days)
        first, last = max(first, one.due_on - most), min(last, one.due_on + most)
    return first, last


def pause(plan: Plan, months: int) -> Consequence:
    """Nothing is due for so many months: what is behind comes then, every other date so much later. Once for a customer.

    Raises Conflict(`agreement_closed`, `pause_refused`), InvalidRequest(`pause_invalid`).
    """
    plans.refuse_closed(plan)
    if not 1 <= months <= plan.settings.pause_months:
        said = f"Choose from 1 to {plan.settings.pause_months} months."
        raise InvalidRequest("pause_invalid", said, param="months")
    if plan.by_customer:
        _refuse_pause(plan)
    if plan.agreement.status == "charged_off":
        raise Conflict("pause_refused", "This plan was written off: nothing is charged on it.")
    until: date = plan.today + relativedelta(months=months)
    moved = [(one.number, _later(plan, one, months, until)) for one in plan.unpaid if one.kind == "scheduled"]
    if not moved:
        raise Conflict("pause_refused", "Nothing of this plan is charged by itself.")
    notes = (f"Nothing is charged before {show_date(min(day for _number, day in moved))}. No interest is added.",)
    return Consequence("paused", plan.today, dates=tuple(moved), paused_until=until, notes=notes)


def _refuse_pause(plan: Plan) -> None:
    if not _may_pause(plan):
        raise Conflict("pause_refused", "This plan cannot be paused here. Please write to us.")


def _may_pause(plan: Plan) -> bool:
    return plan.agreement.status in ("active", "late") and not amendments.count(plan.agreement, "paused")


def _later(plan: Plan, one: Installment, months: int, until: date) -> date:
    """Its day, so many months on; the day of the month that was agreed, where a short month had cut it."""
    if one.due_on <= plan.today:
        return until
    later: date = one.due_on + relativedelta(months=months)
    if plan.terms.interval != "month":
        return later
    agreed = max(date.fromisoformat(line["due_on"]).day for line in plan.agreement.terms["schedule"])
    was_cut = periods.on_day(one.due_on, agreed) == one.due_on
    return periods.on_day(later, agreed) if was_cut else later
