"""Telling customers ahead of time: of a charge, of a trial that ends, of a card that expires. Once each, however often one asks."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select

from ballast import queue
from ballast.billing import card_expiry
from ballast.billing.invoice_payloads import subscription_payload
from ballast.billing.subscriptions import letters, rolling, rows
from ballast.billing.subscriptions.charging import due, due_rows, work
from ballast.clock import now
from ballast.db import transaction
from ballast.models import Customer, PaymentMethod, Subscription
from ballast.models.states import RENEWING
from ballast.notifications import webhooks
from ballast.notifications.drain import drain

THREADS: Final = 4


def remind_due(organization_id: str | None = None) -> int:
    """Tell whoever is to be told now. The job behind `queue.REMIND`; answers how many subscriptions were looked at."""
    queue.forget_mark(queue.REMIND)
    coming = due_rows(Subscription, Subscription.next_reminder_at, organization_id)
    return drain("send_upcoming_charge_reminders", lambda: work(coming, remind, THREADS), job=queue.REMIND)


def due_now(organization_id: str | None = None) -> list[tuple[str, str | None, datetime]]:
    """Who would be told of what is coming: subscription, address, and when it comes."""
    wanted = (
        select(Subscription.id, Customer.email, Subscription.current_period_end)
        .join(
            Customer,
            (Customer.organization_id == Subscription.organization_id) & (Customer.id == Subscription.customer_id),
        )
        .where(*due(Subscription, Subscription.next_reminder_at, organization_id))
        .order_by(Subscription.next_reminder_at)
    )
    with transaction() as session:
        return [(row[0], row[1], row[2]) for row in session.execute(wanted)]


def remind(organization_id: str, subscription_id: str) -> None:
    """Write the mail and the event of what is coming, if it still is."""
    with transaction():
        subscription = rows.locked(organization_id, subscription_id)
        if subscription.next_reminder_at is None or subscription.next_reminder_at > now():
            return
        subscription.next_reminder_at = None
        if subscription.status not in RENEWING or subscription.cancel_at_period_end:
            return
        coming = rolling.upcoming(subscription)
        figures = rolling.upcoming_figures(subscription, coming)
        kind = "trial_ending" if subscription.status == "trialing" else "upcoming_charge"
        letters.coming(subscription, kind, figures.amount_due, subscription.current_period_end)
        event = "subscription.trial_will_end" if subscription.status == "trialing" else "invoice.upcoming"
        told = subscription_payload(subscription)
        webhooks.publish(
            organization_id, event, "subscription", subscription.id, told | {"amount_due": figures.amount_due}
        )


# --- Cards that expire -------------------------------------------------------------------------------------------------------


def warn_of_expiry(organization_id: str | None = None) -> int:
    """Mail the holders of cards that expire within a month and that a subscription is charged to. Once a day; answers how many."""
    queue.forget_mark(queue.CARD_EXPIRY)
    return card_expiry.warn(Subscription, RENEWING, organization_id, _warn)


def _warn(owner: str, subscription_id: str, card: PaymentMethod, days: int) -> None:
    letters.card_expiring(rows.find(owner, subscription_id), card, days)


def next_expiry_notice(organization_id: str, after: datetime) -> datetime | None:
    """When the next card of the organization's subscriptions is to be told of, after a moment; None when none is."""
    return card_expiry.next_notice(Subscription, RENEWING, organization_id, after)
