"""What a person should look at: counted up to a limit, each from an index, all in one statement."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, and_, func, literal, or_, select, union_all

from ballast.billing import held_back, overdue, unknown_alerts
from ballast.billing.reconciliation import nights
from ballast.clock import now, real_time
from ballast.db import db
from ballast.models import (
    Attempt,
    Dispute,
    Drift,
    Email,
    InboxEvent,
    Organization,
    PaymentMethod,
    Reconciliation,
    Subscription,
    WebhookDelivery,
)
from ballast.models.disputes import NEEDS_ANSWER
from ballast.models.states import OPEN_ATTEMPT, RENEWING
from ballast.notifications import endpoints
from ballast.templating import show_date, zone

# Whoever has more to look at than this knows it without the number.
MOST: Final = 1000
RECENT: Final = timedelta(days=30)
Item = dict[str, Any]


def read(organization: Organization) -> list[Item]:
    """The list, the most urgent first: tone, text, action and what it is about, for the page to link to."""
    found = _counts(organization)
    told = [_disputes(*found["disputes"], organization), _unknown(*found["payments"]), _held_back(organization.id)]
    told.append(_overdue(found))
    told += [SAY[about](found[about][0]) if found[about][0] else None for about in SAY]
    return [item for item in told if item is not None]


def _counts(organization: Organization) -> dict[str, tuple[int, datetime | None]]:
    """About → how many, and the earliest time by which something must be done."""
    parts = []
    for about, rows in (_looked_for(organization) | overdue.looked_for(organization)).items():
        some = rows.limit(MOST).subquery()
        parts.append(select(literal(about), func.count(), func.min(some.c.due_at)))
    return {about: (int(count), due) for about, count, due in db.session.execute(union_all(*parts))}


def _looked_for(organization: Organization) -> dict[str, Select[Any]]:
    """For each matter its rows, with `due_at` where there is one."""
    owner, recent = organization.id, now() - RECENT
    never = literal(None, Dispute.due_at.type).label("due_at")
    return {
        "disputes": select(Dispute.due_at.label("due_at")).where(
            Dispute.organization_id == owner, Dispute.status.in_(NEEDS_ANSWER), Dispute.action.is_(None)
        ),
        "payments": select(func.coalesce(Attempt.submitted_at, Attempt.send_deadline_at).label("due_at")).where(
            Attempt.organization_id == owner, Attempt.status.in_(OPEN_ATTEMPT), Attempt.status == "unknown"
        ),
        "deliveries": select(never).where(
            WebhookDelivery.organization_id == owner,
            WebhookDelivery.status == "dead_letter",
            WebhookDelivery.created_at >= recent,
            WebhookDelivery.reason.is_distinct_from(endpoints.DELETED),
        ),
        "emails": select(never).where(
            Email.organization_id == owner,
            Email.status == "failed",
            Email.next_attempt_at.is_(None),
            Email.created_at >= recent,
        ),
        "inbox": select(never).where(
            InboxEvent.organization_id == owner,
            InboxEvent.status == "failed",
            InboxEvent.received_at >= real_time() - RECENT,
        ),
        "drifts": select(never).where(Drift.organization_id == owner, Drift.status == "open"),
        "days": select(never).where(Reconciliation.organization_id == owner, *nights.uncompared()),
        "cards": select(never).where(*expiring(organization)),
    }


def expiring(organization: Organization) -> tuple[Any, ...]:
    """Cards of this month and the next one that a subscription is charged to."""
    today = now().astimezone(zone(organization.timezone)).date()
    charged_to = (
        Subscription.organization_id == PaymentMethod.organization_id,
        Subscription.payment_method_id == PaymentMethod.id,
        Subscription.status.in_(RENEWING),
    )
    following = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    months = [
        and_(PaymentMethod.exp_year == day.year, PaymentMethod.exp_month == day.month) for day in (today, following)
    ]
    of_ours = (PaymentMethod.organization_id == organization.id, PaymentMethod.status == "active", or_(*months))
    return (*of_ours, select(Subscription.id).where(*charged_to).exists())


# --- In words ----------------------------------------------------------------------------------------------------------------


def _disputes(count: int, due: datetime | None, organization: Organization) -> Item | None:
    """What must be answered, and until when."""
    if not count:
        return None
    until = f" by {show_date(due, organization.timezone)}" if due else ""
    text = (
        f"1 dispute needs an answer{until}."
        if count == 1
        else f"{_many(count)} disputes need an answer, the first{until}."
    )
    return {"tone": "danger", "text": text, "about": "disputes", "action": "Answer"}


def _held_back(organization_id: str) -> Item | None:
    """Somebody is trying cards, or a limit is too low."""
    count = sum(row.count for row in held_back.last_day(organization_id))
    if not count:
        return None
    tries = "1 try" if count == 1 else f"{count:,} tries"
    text = f"Card testing held back: {tries} in the last day."
    return {"tone": "warning", "text": text, "about": "held_back", "action": "Look"}


def _unknown(count: int, oldest: datetime | None) -> Item | None:
    """Sent, and not answered; `oldest`: when the first of them was sent. Past an hour a person should see to it."""
    if not count:
        return None
    payments = "1 payment has" if count == 1 else f"{_many(count)} payments have"
    is_old = oldest is not None and real_time() - oldest > unknown_alerts.AFTER
    how_long = ", the oldest for over an hour" if is_old else ""
    text = f"{payments} no answer from the processor yet{how_long}. We keep asking; nobody charges again."
    return {"tone": "danger" if is_old else "warning", "text": text, "about": "payments", "action": "Look"}


def _overdue(found: dict[str, tuple[int, datetime | None]]) -> Item | None:
    """What should have been done and was not: a worker is down, or a job fails."""
    said = overdue.sentence(found)
    return {"tone": "danger", "text": said[0], "about": said[1], "action": "Look"} if said else None


def _dead(count: int) -> Item:
    text = f"{_many(count)} webhook {'delivery was' if count == 1 else 'deliveries were'} given up after every retry."
    return {"tone": "danger", "text": text, "about": "deliveries", "action": "Look"}


def _unsent(count: int) -> Item:
    text = f"{_many(count)} {'mail' if count == 1 else 'mails'} could not be sent."
    return {"tone": "danger", "text": text, "about": "emails", "action": "Look"}


def _unapplied(count: int) -> Item:
    text = f"{_many(count)} processor {'event' if count == 1 else 'events'} could not be applied."
    return {"tone": "danger", "text": text, "about": "inbox", "action": "Look"}


def _drifts(count: int) -> Item:
    text = f"{_many(count)} {'thing differs' if count == 1 else 'things differ'} from what a processor lists."
    return {"tone": "danger", "text": text, "about": "drifts", "action": "Look"}


def _days(count: int) -> Item:
    text = f"{_many(count)} {'day' if count == 1 else 'days'} could not be compared with what a processor lists."
    return {"tone": "danger", "text": text, "about": "days", "action": "Look"}


def _cards(count: int) -> Item:
    cards = (
        "1 card that pays a subscription expires"
        if count == 1
        else f"{_many(count)} cards that pay subscriptions expire"
    )
    text = f"{cards} this month or next. Their holders are told."
    return {"tone": "warning", "text": text, "about": "cards", "action": "Look"}


def _many(count: int) -> str:
    return f"{count:,}" if count < MOST else f"{MOST:,} or more"


SAY: Final[dict[str, Callable[[int], Item]]] = {
    "deliveries": _dead,
    "emails": _unsent,
    "inbox": _unapplied,
    "drifts": _drifts,
    "days": _days,
    "cards": _cards,
}
