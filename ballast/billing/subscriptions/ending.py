"""How a subscription ends, rests and goes on: canceled now or at the end of its period, paused, resumed, given up after dunning."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select

from ballast.billing import coupons, invoices, outcomes, payments
from ballast.billing.invoices import Figures
from ballast.billing.outcomes import UNPAID
from ballast.billing.subscriptions import letters, plan, previews, rows, settling
from ballast.clock import now
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest
from ballast.models import Invoice, Order, Payment, Subscription
from ballast.models.states import RENEWING, may_move

CANCELABLE: Final = ("incomplete", "trialing", "active", "past_due", "paused", "unpaid")


def cancel_at_period_end(subscription: Subscription, reason: str | None = None) -> None:
    """Let it end with its period; until then `keep` undoes it. In the caller's transaction, with the row locked.

    Raises Conflict(`state_conflict`) for one that has no period to end with.
    """
    if subscription.status not in RENEWING:
        raise Conflict("state_conflict", f"A subscription that is {subscription.status} can only be canceled now.")
    if subscription.cancel_at_period_end:
        return
    subscription.cancel_at_period_end, subscription.canceled_at = True, now()
    subscription.cancellation_reason = reason
    subscription.next_reminder_at = None
    rows.note(subscription, "subscription.cancel_scheduled", {"at": subscription.current_period_end.isoformat()})


def keep(subscription: Subscription) -> None:
    """Undo `cancel_at_period_end`. Raises Conflict(`state_conflict`) once it has ended."""
    if subscription.status in rows.ENDED:
        raise Conflict("state_conflict", "This subscription has ended. Start a new one.")
    if not subscription.cancel_at_period_end:
        return
    subscription.cancel_at_period_end, subscription.canceled_at = False, None
    subscription.cancellation_reason = None
    rows.remind(subscription)
    rows.note(subscription, "subscription.cancel_undone")


def cancel_now(
    subscription: Subscription, reason: str | None = None, *, give_back: bool = False, at: datetime | None = None
) -> None:
    """End it at once. `give_back`: what is left of the paid period becomes the customer's credit; `at`: as `left_over` showed it.

    Invoices that are open are voided, unless a charge for them is under way. Raises Conflict(`state_conflict`,
    `payment_in_progress`), InvalidRequest(`preview_expired`).
    """
    _check_cancelable(subscription)
    if give_back:
        _give_back(subscription, previews.instant(subscription, at))
    for invoice in open_invoices(subscription):
        withdraw(invoice)
    subscription.cancellation_reason = reason
    subscription.cancel_at_period_end = False
    if subscription.status == "incomplete":
        coupons.give_back(subscription)
    rows.set_status(subscription, "canceled", reason=reason)
    letters.ended(subscription)


def left_over(subscription: Subscription, at: datetime | None = None) -> Figures | None:
    """What `cancel_now` would give back at an instant; None for nothing. Changes nothing. Raises what `cancel_now` raises."""
    _check_cancelable(subscription)
    asked = _unused(subscription, previews.instant(subscription, at))
    return invoices.figure(subscription.organization_id, asked) if asked.lines else None


def _check_cancelable(subscription: Subscription) -> None:
    if subscription.status not in CANCELABLE:
        raise Conflict("state_conflict", f"A subscription that is {subscription.status} cannot be canceled.")


def _give_back(subscription: Subscription, at: datetime) -> None:
    asked = _unused(subscription, at)
    if asked.lines:
        invoices.issue(subscription.organization_id, asked)


def _unused(subscription: Subscription, at: datetime) -> invoices.NewInvoice:
    return invoices.NewInvoice(
        customer=rows.customer_of_row(subscription),
        currency=subscription.currency,
        reason="subscription_update",
        lines=tuple(plan.unused_lines(subscription, plan.of(subscription), at)),
        subscription_id=subscription.id,
    )


def owes_a_period(subscription: Subscription) -> bool:
    """Whether a period's invoice is open: being charged, or waiting to be."""
    return any(not invoice.change and invoice.period is not None for invoice in open_invoices(subscription))


def open_invoices(subscription: Subscription) -> list[Invoice]:
    """Its invoices that can be paid, oldest first, locked."""
    wanted = select(Invoice).where(
        Invoice.organization_id == subscription.organization_id,
        Invoice.subscription_id == subscription.id,
        Invoice.status == "open",
    )
    locked = wanted.order_by(Invoice.id).with_for_update().execution_options(populate_existing=True)
    return list(db.session.scalars(locked))


def withdraw(invoice: Invoice) -> None:
    """Void an open invoice and close its payment. Raises Conflict(`payment_in_progress`) while a charge for it is under way."""
    if invoice.payment_id is not None:
        payment = payments.locked(invoice.organization_id, invoice.payment_id)
        if payment.status in UNPAID:
            outcomes.close(payment)
        elif payment.status not in ("canceled", "failed"):
            raise Conflict(
                "payment_in_progress", "A charge for this subscription is under way. Try again when it is over."
            )
    invoices.void(invoice)


def has_charge_under_way(invoice: Invoice) -> bool:
    """Whether an attempt for the invoice is open, or its money taken."""
    if invoice.payment_id is None:
        return False
    payment = payments.locked(invoice.organization_id, invoice.payment_id)
    return payment.status not in (*UNPAID, "canceled", "failed")


def has_order_under_way(subscription: Subscription) -> bool:
    """Whether the order it is bought with is being paid, while nothing is due of the subscription itself."""
    joined = (Order.organization_id == Payment.organization_id) & (Order.id == Payment.order_id)
    wanted = select(Payment.id).join(Order, joined)
    wanted = wanted.where(
        Order.organization_id == subscription.organization_id, Order.subscription_id == subscription.id
    )
    under_way = wanted.where(Payment.status.not_in((*UNPAID, "canceled", "failed")))
    return db.session.scalars(under_way.limit(1)).first() is not None


def pause(subscription: Subscription, resumes_at: datetime | None = None) -> None:
    """Bill nothing until it is resumed. Raises Conflict(`state_conflict`), InvalidRequest(`resumes_at_invalid`)."""
    if resumes_at is not None and resumes_at <= now():
        raise InvalidRequest("resumes_at_invalid", "Choose a time to come.", param="resumes_at")
    if subscription.status not in ("active", "trialing") or subscription.cancel_at_period_end:
        raise Conflict("state_conflict", "Only a subscription that is active and not about to end can be paused.")
    if open_invoices(subscription):
        raise Conflict("state_conflict", "Something is still being charged. Pause it once that is paid or void.")
    subscription.paused_at, subscription.resumes_at = now(), resumes_at
    subscription.next_action_at, subscription.next_reminder_at = resumes_at, None
    rows.set_status(subscription, "paused")


def resume(subscription: Subscription) -> None:
    """Go on: in the paid period if it lasts, else with a new one from now. Raises Conflict(`state_conflict`)."""
    if subscription.status != "paused":
        raise Conflict("state_conflict", f"A subscription that is {subscription.status} cannot be resumed.")
    subscription.paused_at = subscription.resumes_at = None
    in_trial = subscription.trial_end_at is not None and subscription.trial_end_at > now()
    rows.set_status(subscription, "trialing" if in_trial else "active")
    rows.note(subscription, "subscription.resumed", None, "subscription.resumed")
    if subscription.current_period_end > now():
        subscription.next_action_at = subscription.current_period_end
        rows.remind(subscription)
    else:
        settling.restart(subscription)


def give_up(subscription: Subscription, invoice: Invoice) -> None:
    """Dunning is over: what the organization's policy says of it."""
    status = invoices.settings(subscription.organization_id).end_status
    for owed in open_invoices(subscription) if status != "unpaid" else [invoice]:
        owed.next_attempt_at = None
        settling.count_dunning("lost")
        if status != "unpaid" and not has_charge_under_way(owed):
            invoices.give_up(owed)
    if subscription.status != status and may_move("subscription", subscription.status, status):
        subscription.next_action_at = subscription.next_reminder_at = None
        rows.set_status(subscription, status)
        letters.ended(subscription, invoice)
