"""Another price or another number of seats: now, to the second, or from the next renewal.

`preview` and `change` draw the same lines for the same instant, so what was shown is what is billed, to the cent. A change that comes
to money takes effect when the money arrives, and not before; until then the subscription is what it was. If the payment fails, or has
not come by the end of the period, the change is off and its invoice void (docs/subscriptions.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from ballast.billing import coupons, invoices, payments
from ballast.billing.subscriptions import collecting, ending, letters, plan, previews, rows, settling, starting
from ballast.errors import Conflict, InvalidRequest
from ballast.models import Invoice, Subscription

CHANGEABLE: Final = ("trialing", "active")
When = Literal["now", "renewal"]


@dataclass(frozen=True)
class Change:
    """What is wanted: another price, another quantity or both. `at`: the instant a preview was drawn for; None for now."""

    price_id: str | None = None
    quantity: int | None = None
    when: When = "now"
    at: datetime | None = None


@dataclass(frozen=True)
class Preview:
    """What a change would bill at `at`, and what a whole period costs afterwards. `new_anchor`: periods are counted from `at` then."""

    at: datetime
    before: plan.Plan
    after: plan.Plan
    figures: invoices.Figures
    new_anchor: bool
    period_end: datetime

    @property
    def amount_due(self) -> int:
        """Minor units to pay now; 0 where the change gives credit (`credit`)."""
        return self.figures.amount_due

    @property
    def credit(self) -> int:
        """Minor units the customer is owed afterwards."""
        return max(-self.figures.sums.total, 0)


@dataclass(frozen=True)
class Changed:
    """What a change came to: an invoice where something was billed, the attempt to run once this has committed."""

    subscription: Subscription
    invoice: Invoice | None
    begun: payments.Begun | None


def preview(subscription: Subscription, wanted: Change) -> Preview:
    """What the change would bill, at its instant. Changes nothing.

    Raises Conflict(`state_conflict`), InvalidRequest(`price_unknown`, `quantity_invalid`, `currency_mismatch`, `nothing_to_change`,
    `preview_expired`).
    """
    before, after = plans_of(subscription, wanted)
    at = previews.instant(subscription, wanted.at)
    draft = _draft(subscription, before, after, at)
    in_trial = subscription.status == "trialing"
    new_anchor = not before.same_rhythm(after) and not in_trial
    end = after.rhythm(at, subscription.timezone).period(0)[1] if new_anchor else subscription.current_period_end
    return Preview(at, before, after, invoices.figure(subscription.organization_id, draft), new_anchor, end)


def plans_of(subscription: Subscription, wanted: Change) -> tuple[plan.Plan, plan.Plan]:
    """The plan it is on, and the one that is wanted. Raises what `preview` raises, but for its instant."""
    if subscription.status not in CHANGEABLE:
        said = {"past_due": "Pay what is owed first.", "paused": "Resume it first."}.get(subscription.status, "")
        raise Conflict(
            "state_conflict", f"A subscription that is {subscription.status} cannot be changed. {said}".strip()
        )
    if wanted.when == "now" and ending.owes_a_period(subscription):
        raise Conflict("state_conflict", "This period is still being charged. Change the plan once it is paid.")
    if wanted.when == "renewal" and subscription.cancel_at_period_end:
        raise Conflict("state_conflict", "This subscription ends with its period. Keep it first.")
    before = plan.of(subscription)
    same_price = wanted.price_id in (None, subscription.price_id)
    after = plan.find(
        subscription.organization_id,
        wanted.price_id or subscription.price_id,
        subscription.quantity if wanted.quantity is None else wanted.quantity,
        archived=same_price,
    )
    if after.currency != before.currency:
        raise InvalidRequest("currency_mismatch", "A subscription keeps its currency.", param="price")
    is_same = (after.price_id, after.quantity) == (before.price_id, before.quantity)
    if is_same and not (wanted.when == "renewal" and _has_pending(subscription)):
        raise InvalidRequest("nothing_to_change", "This is the plan it is on.", param="price")
    return before, after


def _draft(subscription: Subscription, before: plan.Plan, after: plan.Plan, at: datetime) -> invoices.NewInvoice:
    """Credit for what is not used, and the new plan for the rest of the period, or for a whole one where the rhythm changes."""
    if subscription.status == "trialing":
        return starting.new_invoice(subscription, (), "subscription_update")
    lines = plan.unused_lines(subscription, before, at)
    if before.same_rhythm(after):
        lines.append(plan.rest_line(after, subscription.current_period_start, subscription.current_period_end, at))
    else:
        lines.append(plan.period_line(after, *after.rhythm(at, subscription.timezone).period(0)))
    draft = starting.new_invoice(subscription, tuple(lines), "subscription_update")
    discount = coupons.discount_of(subscription)
    is_share = discount is not None and discount.percent_bps is not None
    return replace(draft, discount=discount) if is_share else draft


def change(
    subscription: Subscription,
    wanted: Change,
    source: payments.Source | None = None,
    return_url: str | None = None,
) -> Changed:
    """Make the change, or begin the payment that brings it about. In the caller's transaction, with the row locked.

    `source`: the card to charge with its holder present; without one the stored card is charged. Raises what `preview` raises, and
    Conflict(`change_in_progress`) while an earlier change waits for its payment.
    """
    if wanted.when == "renewal":
        return _put_off(subscription, wanted)
    seen = preview(subscription, wanted)
    _make_way(subscription)
    if subscription.status == "trialing":
        return _at_once(subscription, seen, None)
    draft = _draft(subscription, seen.before, seen.after, seen.at)
    what = {"price": seen.after.price_id, "quantity": seen.after.quantity}
    what |= {"at": seen.at.isoformat(), "new_anchor": seen.new_anchor}
    invoice = invoices.issue(subscription.organization_id, replace(draft, change=what))
    if invoice.status == "paid":
        settling.paid(invoice, None)
        return Changed(subscription, invoice, None)
    return Changed(subscription, invoice, _begin(subscription, invoice, source, return_url))


def _make_way(subscription: Subscription) -> None:
    """An earlier change that nobody paid gives way; one that is being paid does not."""
    for invoice in ending.open_invoices(subscription):
        if invoice.change and ending.has_charge_under_way(invoice):
            raise Conflict("change_in_progress", "Another change is being paid for. Try again when that is over.")
        if invoice.change:
            ending.withdraw(invoice)


def _at_once(subscription: Subscription, seen: Preview, invoice: Invoice | None) -> Changed:
    subscription.price_id, subscription.quantity = seen.after.price_id, seen.after.quantity
    subscription.pending_price_id = subscription.pending_quantity = None
    differences = {
        "before": [seen.before.price_id, seen.before.quantity],
        "after": [seen.after.price_id, seen.after.quantity],
    }
    rows.note(subscription, "subscription.changed", {"plan": differences})
    letters.plan_changed(subscription, invoice)
    return Changed(subscription, invoice, None)


def _put_off(subscription: Subscription, wanted: Change) -> Changed:
    """In force from the next renewal on; it costs nothing until then."""
    before, after = plans_of(subscription, wanted)
    if (after.price_id, after.quantity) == (before.price_id, before.quantity):
        forget_pending(subscription)
        return Changed(subscription, None, None)
    subscription.pending_price_id, subscription.pending_quantity = after.price_id, after.quantity
    rows.note(subscription, "subscription.change_scheduled", {"price": after.price_id, "quantity": after.quantity})
    return Changed(subscription, None, None)


def _has_pending(subscription: Subscription) -> bool:
    return subscription.pending_price_id is not None or subscription.pending_quantity is not None


def forget_pending(subscription: Subscription) -> None:
    """Undo a change that was put off to the renewal: asking for the present plan at the renewal does that."""
    if _has_pending(subscription):
        subscription.pending_price_id = subscription.pending_quantity = None
        rows.note(subscription, "subscription.change_undone")


def _begin(
    subscription: Subscription, invoice: Invoice, source: payments.Source | None, return_url: str | None
) -> payments.Begun:
    if source is not None:
        return collecting.begin_with(invoice, source, return_url)
    card = rows.card_of_row(subscription, rows.customer_of_row(subscription))
    if card is None:
        raise InvalidRequest(
            "payment_method_required", "No card is stored for this subscription.", param="payment_method"
        )
    return collecting.begin_with(invoice, payments.Source(card.id, series="recurring"), return_url)
