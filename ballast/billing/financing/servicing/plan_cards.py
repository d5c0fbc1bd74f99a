"""The card of a plan: another stored one, charged from then on, and for what is late at once."""

from __future__ import annotations

from ballast.billing import budgets, cards
from ballast.billing.financing.servicing import plans
from ballast.billing.financing.servicing.consequences import Consequence
from ballast.billing.financing.servicing.plans import Plan
from ballast.errors import Conflict, InvalidRequest
from ballast.money import format_money


def change(plan: Plan, card_id: str) -> Consequence:
    """Charge a stored card of the customer's. Raises Conflict(`agreement_closed`, `payment_method_blocked`, `card_unchanged`),
    InvalidRequest(`payment_method_unknown`)."""
    plans.refuse_closed(plan)
    card = cards.find_named(plan.agreement.organization_id, card_id)
    if card is None or card.customer_id != plan.agreement.customer_id or card.status != "active":
        raise InvalidRequest(
            "payment_method_unknown", "This card is not stored for this customer.", param="payment_method"
        )
    if budgets.is_blocked(card):
        raise Conflict("payment_method_blocked", "This card was declined for good. Ask for another card.")
    if card.id == plan.agreement.payment_method_id:
        raise Conflict("card_unchanged", "This is the plan's card already.", param="payment_method")
    owed = sum(one.left for one in plan.unpaid if one.kind == "scheduled" and one.due_on <= plan.today)
    shown = format_money(owed, plan.agreement.currency)
    notes = (f"{shown} is due and will be charged to it at once.",) if owed else ()
    return Consequence("card_changed", plan.today, card_id=card.id, notes=notes)
