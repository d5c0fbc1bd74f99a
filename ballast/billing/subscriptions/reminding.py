"""Telling customers ahead of time: of a charge, of a trial that ends, of a card that expires. Once each, however often one asks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, select, tuple_

from ballast import queue
from ballast.billing.claims import release
from ballast.billing.invoice_payloads import subscription_payload
from ballast.billing.subscriptions import letters, rolling, rows
from ballast.billing.subscriptions.charging import claim, due
from ballast.clock import now
from ballast.db import db, organization, transaction
from ballast.models import Customer, PaymentMethod, Subscription
from ballast.models.identity import lives_by_real_time
from ballast.models.states import RENEWING
from ballast.notifications import webhooks
from ballast.notifications.drain import drain, run_all

THREADS: Final = 4
# How many days before its last day a card's holder is told.
EXPIRY_NOTICES: Final = (30, 7)


def remind_due(organization_id: str | None = None) -> int:
    """Tell whoever is to be told now. The job behind `queue.REMIND`; answers how many subscriptions were looked at."""
    queue.forget_mark(queue.REMIND)
    return drain("send_upcoming_charge_reminders", lambda: _batch(organization_id))


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


def _batch(organization_id: str | None) -> tuple[int, int]:
    keys = claim(Subscription, Subscription.next_reminder_at, organization_id)

    def one(key: tuple[str, str]) -> None:
        with organization(key[0]):
            remind(*key)

    results = run_all(one, keys, THREADS)
    release(Subscription, [key for key, done in zip(keys, results, strict=True) if not isinstance(done, Exception)])
    return len(keys), sum(1 for done in results if isinstance(done, Exception))


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
    with transaction() as session:
        found = session.execute(_expiring(organization_id)).all()
    for owner, subscription_id, card_id in found:
        with organization(owner), transaction():
            _warn(rows.find(owner, subscription_id), card_id)
    return len(found)


def _expiring(organization_id: str | None) -> Select[str, str, str]:
    today = now().date()
    months = {(day.year, day.month) for day in (today, today + timedelta(days=max(EXPIRY_NOTICES)))}
    whose: ColumnElement[bool] = (
        lives_by_real_time(Subscription.organization_id)
        if organization_id is None
        else Subscription.organization_id == organization_id
    )
    return (
        select(Subscription.organization_id, Subscription.id, PaymentMethod.id)
        .join(PaymentMethod, _charged_to(PaymentMethod))
        .where(
            whose,
            Subscription.status.in_(RENEWING),
            PaymentMethod.status == "active",
            tuple_(PaymentMethod.exp_year, PaymentMethod.exp_month).in_(sorted(months)),
        )
    )


def _warn(subscription: Subscription, card_id: str) -> None:
    card = db.session.get_one(PaymentMethod, (subscription.organization_id, card_id))
    left = (last_day(card) - now().date()).days
    due = [days for days in EXPIRY_NOTICES if left <= days]
    if due and left >= 0:
        letters.card_expiring(subscription, card, min(due))


def last_day(card: PaymentMethod) -> date:
    """The last day on which a card can be charged: the end of its month."""
    assert card.exp_year, "only cards with a date are asked"
    assert card.exp_month, "only cards with a date are asked"
    following = date(card.exp_year + card.exp_month // 12, card.exp_month % 12 + 1, 1)
    return following - timedelta(days=1)


def next_expiry_notice(organization_id: str, after: datetime) -> datetime | None:
    """When the next card of the organization's subscriptions is to be told of, after a moment; None when none is."""
    wanted = (
        select(PaymentMethod)
        .join(Subscription, _charged_to(PaymentMethod))
        .where(
            PaymentMethod.organization_id == organization_id,
            PaymentMethod.status == "active",
            PaymentMethod.exp_year.is_not(None),
            Subscription.status.in_(RENEWING),
        )
        .distinct()
    )
    days = [last_day(card) - timedelta(days=notice) for card in db.session.scalars(wanted) for notice in EXPIRY_NOTICES]
    return min((moment for day in days if (moment := _begin_of(day)) > after), default=None)


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _charged_to(card: type[PaymentMethod]) -> ColumnElement[bool]:
    return (Subscription.organization_id == card.organization_id) & (Subscription.payment_method_id == card.id)
