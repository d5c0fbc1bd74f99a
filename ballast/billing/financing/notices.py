"""A mail about a plan, asked for from outside: of the present state, once for its key; one that failed goes out again."""

from __future__ import annotations

from sqlalchemy import select

from ballast.billing import lookup
from ballast.billing.financing import letters, reminding, rows, settling
from ballast.billing.subscriptions.notices import Notice, last_declined, once
from ballast.errors import Conflict
from ballast.models import Installment


def upcoming_charge(organization_id: str, agreement_id: str) -> Notice:
    """What is charged next. In the caller's transaction. Raises NotFound, Conflict(`state_conflict`)."""
    agreement = rows.locked(organization_id, agreement_id)
    coming = reminding.next_charge(agreement, rows.locked_installments(agreement))
    if coming is None:
        raise Conflict("state_conflict", "No charge of this plan is coming.")
    kinds = ("installment_upcoming",)
    return once(organization_id, agreement.id, kinds, lambda: letters.upcoming(agreement, coming, coming.due_at))


def charge_failed(organization_id: str, installment_id: str) -> Notice:
    """What was declined, and what will happen. In the caller's transaction. Raises NotFound, Conflict(`state_conflict`)."""
    wanted = select(Installment).where(Installment.organization_id == organization_id, Installment.id == installment_id)
    lookup.find(wanted, installment_id, "inst", "installment")
    plan = settling.lock(organization_id, [installment_id])
    agreement, (one,) = plan.agreement, plan.chosen
    if not one.left or one.first_failed_at is None:
        raise Conflict("state_conflict", "This installment is not one whose charge has failed.")
    last = last_declined(organization_id, one.payment_id)
    decline_class = (last.decline_class if last else None) or "hard"
    kinds = ("installment_failed", "installment_action_needed")
    return once(
        organization_id, agreement.id, kinds, lambda: letters.charge_failed(agreement, one, decline_class, last)
    )


def defaulted(organization_id: str, agreement_id: str) -> Notice:
    """That the plan is in default. In the caller's transaction. Raises NotFound, Conflict(`state_conflict`)."""
    agreement = rows.locked(organization_id, agreement_id)
    if agreement.status != "defaulted":
        raise Conflict("state_conflict", f"This plan is {agreement.status}.")
    installments = rows.installments(agreement)
    kinds = ("agreement_defaulted",)
    return once(organization_id, agreement.id, kinds, lambda: letters.defaulted(agreement, installments))
