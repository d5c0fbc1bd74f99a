"""When a subscription's time has come: the next period and its invoice, the end of a trial or a pause, the end of waiting for a first
payment.

One transaction moves the period on and writes the invoice, due at once; `collecting` charges it. If the process dies before the commit
nothing happened; after it, the invoice is due. The same period twice is refused by the unique index on invoices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ballast.billing import coupons, invoices
from ballast.billing.subscriptions import ending, letters, reading, rows, settling
from ballast.billing.subscriptions import plan as plans
from ballast.clock import now
from ballast.db import gather, once, transaction
from ballast.models import Invoice, Subscription
from ballast.models.states import RENEWING

# How soon a subscription is looked at again that waits for a charge under way.
WAIT: Final = timedelta(minutes=10)
# How soon one is looked at again whose customer's charges are on hold.
HELD_WAIT: Final = timedelta(hours=6)


def roll(organization_id: str, subscription_id: str) -> None:
    """Do what is due for a subscription, if it still is."""
    with transaction():
        _act_if_due(rows.locked(organization_id, subscription_id))


def roll_all(organization_id: str, subscription_ids: Sequence[str]) -> set[str]:
    """As `roll`, for many in one transaction, of those whose period simply ends: what they have in common is read once, and rows are
    written together. Answers which it did; if one of them cannot be done none is.
    """
    with transaction():
        gather()
        found = reading.for_rolling(organization_id, subscription_ids)
        if found:
            invoices.reserve_numbers(organization_id, len(found))
        for subscription in found:
            act(subscription)
            subscription.lease_until = None
        invoices.return_numbers(organization_id)
        return {subscription.id for subscription in found}


def _act_if_due(subscription: Subscription) -> None:
    if subscription.next_action_at is not None and subscription.next_action_at <= now():
        act(subscription)


def act(subscription: Subscription) -> None:
    """The one thing that comes next for it. In the caller's transaction, with the row locked."""
    match subscription.status:
        case "incomplete":
            _expire(subscription)
        case "paused":
            ending.resume(subscription)
        case status if status in RENEWING:
            _end_period(subscription)
        case _:
            subscription.next_action_at = None


def _expire(subscription: Subscription) -> None:
    """The 23 hours are over. A payment under way is waited for; an open challenge is the shopper's until then."""
    if ending.has_order_under_way(subscription):
        subscription.next_action_at = now() + WAIT
        return
    for invoice in ending.open_invoices(subscription):
        if ending.has_charge_under_way(invoice):
            subscription.next_action_at = now() + WAIT
            return
        ending.withdraw(invoice)
    coupons.give_back(subscription)
    rows.set_status(subscription, "incomplete_expired")


def _end_period(subscription: Subscription) -> None:
    if subscription.cancel_at_period_end:
        _end(subscription)
        return
    customer = rows.customer_of_row(subscription)
    if customer.held_at is not None:
        subscription.held_at = subscription.held_at or now()
        subscription.next_action_at = now() + HELD_WAIT
        return
    if subscription.held_at is not None:
        _after_hold(subscription)
        return
    if _withdraw_change(subscription):
        renew(subscription)


def _end(subscription: Subscription) -> None:
    if not _withdraw_change(subscription):
        return
    rows.set_status(subscription, "canceled", reason=subscription.cancellation_reason)
    letters.ended(subscription)


def _after_hold(subscription: Subscription) -> None:
    """Charges were on hold when a period ended: what passed is not billed; the next period begins after the usual notice."""
    subscription.held_at = None
    subscription.anchor_at = (now() + rows.notice_of(subscription)).replace(microsecond=0)
    subscription.period = -1
    subscription.current_period_end = subscription.next_action_at = subscription.anchor_at
    subscription.next_reminder_at = now()
    rows.note(subscription, "subscription.hold_released", {"next_charge": subscription.anchor_at.isoformat()})


def _withdraw_change(subscription: Subscription) -> bool:
    """A change that was not paid by the end of its period is off; a charge under way is waited for. Answers whether to go on."""
    for invoice in once(("changes", subscription.id), lambda: ending.open_invoices(subscription)):
        if not invoice.change:
            continue
        if ending.has_charge_under_way(invoice):
            subscription.next_action_at = now() + WAIT
            return False
        ending.withdraw(invoice)
    return True


def renew(subscription: Subscription) -> Invoice:
    """Go on to the next period and bill it. In the caller's transaction, with the row locked."""
    if subscription.status == "trialing":
        rows.set_status(subscription, "active")
    coming = upcoming(subscription)
    _take_pending_change(subscription, coming.plan)
    subscription.anchor_at = coming.anchor_at
    rows.begin_period(subscription, coming.number, coming.start, coming.end)
    invoice = bill_period(subscription, coming.plan, "subscription_cycle")
    rows.note(subscription, "subscription.renewed", {"invoice": invoice.id, "period": coming.number})
    return invoice


@dataclass(frozen=True)
class Upcoming:
    """The next period as it stands now: its plan, a change that was put off to it included."""

    plan: plans.Plan
    anchor_at: datetime
    number: int
    start: datetime
    end: datetime


def upcoming(subscription: Subscription, plan: plans.Plan | None = None) -> Upcoming:
    """What comes after the present period; on another plan where one is given. Changes nothing."""
    before = plans.of(subscription)
    after = plan or plan_after(subscription)
    anchor, number = subscription.anchor_at, subscription.period
    if not before.same_rhythm(after):
        anchor, number = subscription.current_period_end, -1
    rhythm = after.rhythm(anchor, subscription.timezone)
    following = rhythm.after(number) if number >= 0 else 0
    return Upcoming(after, anchor, following, *rhythm.period(following))


def plan_after(subscription: Subscription) -> plans.Plan:
    """The plan it will be on after this period: another one where a change was put off to the renewal."""
    return plans.find(
        subscription.organization_id,
        subscription.pending_price_id or subscription.price_id,
        subscription.pending_quantity or subscription.quantity,
        archived=True,
    )


def upcoming_figures(subscription: Subscription, coming: Upcoming) -> invoices.Figures:
    """What the next period will be billed, if nothing changes until then."""
    asked = invoices.NewInvoice(
        customer=rows.customer_of_row(subscription),
        currency=subscription.currency,
        reason="subscription_cycle",
        lines=(plans.period_line(coming.plan, coming.start, coming.end),),
        discount=coupons.discount_of(subscription),
        subscription_id=subscription.id,
    )
    return invoices.figure(subscription.organization_id, asked)


def bill_period(subscription: Subscription, plan: plans.Plan, reason: str, with_setup: bool = False) -> Invoice:
    """The invoice of the present period, due at once unless nothing is due of it. In the caller's transaction."""
    start, end = subscription.current_period_start, subscription.current_period_end
    lines = [plans.period_line(plan, start, end)]
    if with_setup and plan.setup_fee:
        lines.append(plans.setup_line(plan))
    invoice = invoices.issue(
        subscription.organization_id,
        invoices.NewInvoice(
            customer=rows.customer_of_row(subscription),
            currency=subscription.currency,
            reason=reason,
            lines=tuple(lines),
            discount=coupons.discount_of(subscription),
            subscription_id=subscription.id,
            anchor_at=subscription.anchor_at,
            period=subscription.period,
            period_start=start,
            period_end=end,
        ),
    )
    coupons.use_period(subscription)
    if invoice.status == "paid":
        settling.paid(invoice, None)
    else:
        invoice.next_attempt_at = now()
    return invoice


def _take_pending_change(subscription: Subscription, after: plans.Plan) -> None:
    """A change that was put off to the renewal is in force from it."""
    if subscription.pending_price_id is None and subscription.pending_quantity is None:
        return
    before = (subscription.price_id, subscription.quantity)
    subscription.price_id, subscription.quantity = after.price_id, after.quantity
    subscription.pending_price_id = subscription.pending_quantity = None
    change = {"before": before, "after": [after.price_id, after.quantity]}
    rows.note(subscription, "subscription.changed", {"plan": change})
    letters.plan_changed(subscription, None)
