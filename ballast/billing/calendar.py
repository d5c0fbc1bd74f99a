"""What happened to an organization's subscriptions between two instants, and what is coming: by its own clock, a fixed number of
statements. What is coming is as things stand; a charge that fails or a customer who leaves changes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, or_, select

from ballast.billing.subscriptions.periods import Rhythm
from ballast.billing.subscriptions.telling import TITLES
from ballast.clock import now
from ballast.db import db
from ballast.models import Customer, Email, Event, Invoice, Price, Product, Subscription
from ballast.models.states import RENEWING
from ballast.models.subscriptions import subscriptions_with_plans

# So many of each kind at most; a month of a sandbox holds fewer.
MOST: Final = 400
MOST_PERIODS: Final = 40
# What is told of by its mail or its invoice too.
SAID_ELSEWHERE: Final = ("invoice.upcoming", "subscription.trial_will_end")
FAILED: Final = "invoice.payment_failed"


@dataclass(frozen=True)
class Item:
    """One thing on one day. `amount`: minor units of `currency`, None where no money is in question; `about`: an id of ours."""

    at: datetime
    kind: str
    title: str
    who: str
    about: str | None
    amount: int | None = None
    currency: str = ""
    tone: str = "neutral"

    @property
    def is_coming(self) -> bool:
        return self.kind in ("renewal", "trial_end", "end", "resume", "expire", "retry", "reminder")


def read(organization_id: str, start: datetime, end: datetime) -> list[Item]:
    """Everything from `start` up to `end`, in order."""
    found = [
        *_billed(organization_id, start, end),
        *_mailed(organization_id, start, end),
        *_told(organization_id, start, end),
        *_retries(organization_id, start, end),
        *_planned(organization_id, start, end),
    ]
    return sorted(found, key=lambda item: (item.at, item.kind, item.about or ""))


# --- What happened -----------------------------------------------------------------------------------------------------------


def _billed(organization_id: str, start: datetime, end: datetime) -> Iterator[Item]:
    wanted = select(Invoice).where(
        Invoice.organization_id == organization_id, Invoice.finalized_at >= start, Invoice.finalized_at < end
    )
    for one in db.session.scalars(wanted.order_by(Invoice.id).limit(MOST)):
        tone = {"paid": "success", "open": "warning", "uncollectible": "danger"}.get(one.status, "neutral")
        who = one.customer_email or one.customer_name
        yield Item(
            one.finalized_at or start, "invoice", f"Invoice {one.number}", who, one.id, one.total, one.currency, tone
        )


def _mailed(organization_id: str, start: datetime, end: datetime) -> Iterator[Item]:
    wanted = select(Email.created_at, Email.subject, Email.recipient, Email.resource_id).where(
        Email.organization_id == organization_id, Email.created_at >= start, Email.created_at < end
    )
    for at, subject, recipient, about in db.session.execute(wanted.order_by(Email.id).limit(MOST)):
        yield Item(at, "mail", subject, recipient, about)


def _told(organization_id: str, start: datetime, end: datetime) -> Iterator[Item]:
    """What subscriptions became, and charges that failed."""
    types = [*(name for name in TITLES if name not in SAID_ELSEWHERE), FAILED]
    wanted = select(Event).where(
        Event.organization_id == organization_id,
        Event.created_at >= start,
        Event.created_at < end,
        Event.type.in_(types),
    )
    events = list(db.session.scalars(wanted.order_by(Event.id).limit(MOST)))
    names = _customers(organization_id, {event.data.get("customer") for event in events})
    for event in events:
        who = names.get(event.data.get("customer"), "")
        if event.type == FAILED:
            said, money = f"Invoice {event.data.get('number')} declined", event.data
            yield Item(
                event.created_at,
                "event",
                said,
                who,
                event.resource_id,
                money.get("amount_due"),
                money["currency"],
                "danger",
            )
        else:
            tone, title = TITLES[event.type]
            yield Item(event.created_at, "event", title, who, event.resource_id, tone=tone)


def _customers(organization_id: str, ids: set[Any]) -> dict[Any, str]:
    wanted = select(Customer.id, Customer.email, Customer.name).where(
        Customer.organization_id == organization_id, Customer.id.in_(ids - {None})
    )
    return {row[0]: row[1] or row[2] for row in db.session.execute(wanted)}


# --- What is coming ----------------------------------------------------------------------------------------------------------


def _retries(organization_id: str, start: datetime, end: datetime) -> Iterator[Item]:
    wanted = select(Invoice).where(
        Invoice.organization_id == organization_id,
        Invoice.next_attempt_at >= max(start, now()),
        Invoice.next_attempt_at < end,
    )
    for one in db.session.scalars(wanted.limit(MOST)):
        title = f"Try invoice {one.number} again" if one.failures else f"Charge invoice {one.number}"
        who = one.customer_email or one.customer_name
        yield Item(one.next_attempt_at or end, "retry", title, who, one.id, one.amount_due, one.currency, "warning")


def _planned(organization_id: str, start: datetime, end: datetime) -> Iterator[Item]:
    """The ends of periods, trials and pauses, and the reminders before them."""
    waits = or_(Subscription.next_action_at < end, Subscription.next_reminder_at < end)
    wanted = subscriptions_with_plans(organization_id).where(waits, and_(Subscription.ended_at.is_(None)))
    for subscription, customer, price, product in db.session.execute(wanted.limit(MOST)):
        who = customer.email or customer.name
        reminder = subscription.next_reminder_at
        if reminder is not None and max(start, now()) <= reminder < end:
            yield Item(reminder, "reminder", "Tell the customer what is coming", who, subscription.id)
        for item in _actions(subscription, price, product, who, end):
            if item.at >= max(start, now()):
                yield item


def _actions(subscription: Subscription, price: Price, product: Product, who: str, end: datetime) -> Iterator[Item]:
    due = subscription.next_action_at
    if due is None or due >= end:
        return
    if subscription.status not in RENEWING or subscription.cancel_at_period_end:
        kinds = {"paused": ("resume", "Resume"), "incomplete": ("expire", "Expire, if it is not paid")}
        kind, verb = kinds.get(subscription.status, ("end", "End"))
        yield Item(due, kind, f"{verb}: {product.name}", who, subscription.id, tone="neutral")
        return
    in_trial = subscription.status == "trialing"
    amount = price.amount * subscription.quantity
    for place, at in enumerate(_renewals(subscription, price, due, end)):
        kind, verb = ("trial_end", "Trial ends") if in_trial and not place else ("renewal", "Renew")
        yield Item(at, kind, f"{verb}: {product.name}", who, subscription.id, amount, price.currency, "accent")


def _renewals(subscription: Subscription, price: Price, due: datetime, end: datetime) -> Iterator[datetime]:
    """This one and those after it, if the plan stays what it is."""
    yield due
    rhythm = Rhythm(subscription.anchor_at, subscription.timezone, price.interval or "month", price.interval_count)
    number = rhythm.after(max(subscription.period, 0)) if subscription.period >= 0 else 0
    for _ in range(MOST_PERIODS):
        number = rhythm.after(number)
        at = rhythm.boundary(number)
        if at >= end:
            return
        yield at
