"""A subscription's row: found, locked, moved to another status, told to the outside."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from ballast import audit, config
from ballast.billing import invoices, lookup
from ballast.billing.invoice_payloads import subscription_payload
from ballast.clock import now
from ballast.db import db, glance, once
from ballast.models import Customer, FinancingAgreement, PaymentMethod, Subscription
from ballast.models.states import RENEWING, move
from ballast.models.subscriptions import subscription_of
from ballast.notifications import webhooks

# What a status is told as; the rest is `subscription.updated`.
EVENTS: Final = {
    "active": "subscription.activated",
    "past_due": "subscription.past_due",
    "unpaid": "subscription.unpaid",
    "defaulted": "subscription.defaulted",
    "canceled": "subscription.canceled",
    "paused": "subscription.paused",
    "incomplete_expired": "subscription.expired",
}
ENDED: Final = ("canceled", "defaulted", "incomplete_expired")
# Card schemes: told a week before a trial ends, and before a charge that comes every half year or more rarely.
LONG_NOTICE: Final = timedelta(days=7)
LONG_INTERVAL: Final = timedelta(days=175)


def locked(organization_id: str, subscription_id: str) -> Subscription:
    """The subscription, locked until the transaction ends: before its invoice, and that before its payment. Raises NotFound."""
    found: Subscription = once(
        (Subscription, organization_id, subscription_id),
        lambda: _lock(organization_id, subscription_id),
    )
    return found


def _lock(organization_id: str, subscription_id: str) -> Subscription:
    wanted = subscription_of(organization_id, subscription_id).with_for_update()
    return lookup.find(wanted.execution_options(populate_existing=True), subscription_id, "sub", "subscription")


def find(organization_id: str, subscription_id: str) -> Subscription:
    """The subscription. Raises NotFound."""
    return lookup.find(subscription_of(organization_id, subscription_id), subscription_id, "sub", "subscription")


def customer_of_row(subscription: Subscription) -> Customer:
    """Whose it is."""
    key = (subscription.organization_id, subscription.customer_id)
    found: Customer = glance((Customer, *key), lambda: db.session.get_one(Customer, key))
    return found


def card_of_row(subscription: Subscription | FinancingAgreement, customer: Customer) -> PaymentMethod | None:
    """The card it is charged to: its own, else the customer's default; None where neither is stored (any more)."""
    for card_id in (subscription.payment_method_id, customer.default_payment_method_id):
        card = db.session.get(PaymentMethod, (subscription.organization_id, card_id)) if card_id else None
        if card is not None and card.status == "active":
            return card
    return None


def set_status(subscription: Subscription, status: str, **detail: Any) -> None:
    """Move it, note who did it, and tell the outside. In the caller's transaction, with the row locked."""
    before = subscription.status
    move(subscription, status)
    if status in ENDED:
        subscription.ended_at, subscription.next_action_at, subscription.next_reminder_at = now(), None, None
        subscription.canceled_at = subscription.canceled_at or now()
    changes = {"status": {"before": before, "after": status}, **detail}
    note(subscription, f"subscription.{status}", changes, EVENTS.get(status, "subscription.updated"))


def note(
    subscription: Subscription, action: str, changes: dict[str, Any] | None = None, event: str = "subscription.updated"
) -> None:
    """Put a change into the audit log and tell the outside."""
    audit.record(subscription.organization_id, action, "subscription", subscription.id, changes)
    payload = subscription_payload(subscription)
    webhooks.publish(subscription.organization_id, event, "subscription", subscription.id, payload)


def begin_period(subscription: Subscription, number: int, start: datetime, end: datetime) -> None:
    """It is in this period now; the next one begins when this ends."""
    subscription.period, subscription.current_period_start, subscription.current_period_end = number, start, end
    subscription.next_action_at = end
    remind(subscription)


def remind(subscription: Subscription) -> None:
    """When the customer is to be told of the charge at the end of the period: some days before it, a week before rare ones."""
    if subscription.status not in RENEWING or subscription.cancel_at_period_end:
        subscription.next_reminder_at = None
        return
    end = subscription.current_period_end
    due = end - notice_of(subscription)
    subscription.next_reminder_at = due if due > subscription.current_period_start else None


def notice_of(subscription: Subscription) -> timedelta:
    """How long before a charge the customer is told. Source: shared rules of the card schemes (docs/subscriptions.md)."""
    usual = usual_notice(subscription.organization_id)
    is_rare = subscription.current_period_end - subscription.current_period_start >= LONG_INTERVAL
    return max(usual, LONG_NOTICE) if is_rare or subscription.status == "trialing" else usual


def usual_notice(organization_id: str) -> timedelta:
    """How long before a charge an organization's customers are told."""
    own = invoices.settings(organization_id).reminder_days
    return timedelta(days=config.current().payment_reminder_days_before if own is None else own)
