"""What staff let off: a late fee, or the hope of ever being paid."""

from __future__ import annotations

from ballast.billing.financing import balances
from ballast.billing.financing.entries import Parts
from ballast.billing.financing.servicing import plans
from ballast.billing.financing.servicing.consequences import Change, Consequence
from ballast.billing.financing.servicing.plans import Plan
from ballast.errors import Conflict
from ballast.money import format_money


def waive(plan: Plan, number: int | None = None) -> Consequence:
    """The late fee of an installment, or of all. Raises Conflict(`installment_absent`, `late_fee_absent`)."""
    chosen = plan.installments if number is None else (plan.numbered(number),)
    changes = tuple(
        Change("late_fee_waived", one.number, Parts(late_fee=-one.late_fee_left)) for one in chosen if one.late_fee_left
    )
    if not changes:
        raise Conflict("late_fee_absent", "No late fee is owed here.", param="installment")
    return Consequence("late_fee_waived", plan.today, changes)


def write_off(plan: Plan) -> Consequence:
    """Charge it off: nothing is expected or charged any more, the debt stands, and what comes in after all is a recovery.

    Raises Conflict(`agreement_closed`, `write_off_refused`) for a plan that is less than 30 days past due.
    """
    plans.refuse_closed(plan)
    if plan.agreement.status not in ("delinquent", "defaulted"):
        raise Conflict("write_off_refused", "Only a plan 30 or more days past due, or in default, is written off.")
    left = format_money(balances.of(plan.installments).total, plan.agreement.currency)
    notes = (f"{left} stays owed and is not charged any more; what is paid later counts as recovered.",)
    return Consequence("written_off", plan.today, status="charged_off", notes=notes)
