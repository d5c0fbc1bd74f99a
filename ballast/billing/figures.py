"""The overview's figures: the last 30 days of one organization, in its own time zone and currency.

Live sums over 30 days are bounded by the index on time-ordered ids; rollups take over when histories grow (docs/decisions/0004).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select

from ballast.billing import held_back, scales
from ballast.clock import now
from ballast.db import db
from ballast.models import Attempt, Dispute, Organization, Payment, WebhookDelivery
from ballast.models.disputes import NEEDS_ANSWER
from ballast.money import format_money
from ballast.notifications import endpoints
from ballast.templating import show_date, zone

DAYS = 30


@dataclass(frozen=True)
class Overview:
    """What the first page shows; amounts formatted."""

    metrics: list[dict[str, str]]
    volume: dict[str, Any] | None
    attention: list[dict[str, Any]]


def overview(organization: Organization) -> Overview:
    """Volume, success rate, deliveries, and what a person should look at."""
    since = now() - timedelta(days=DAYS)
    currency = organization.currency
    days = _volume_by_day(organization, since)
    tried, approved = _attempts(organization.id, since)
    sent, delivered, dead = _deliveries(organization.id, since)
    unknown = _unknown(organization.id)
    refunded = _refunded(organization.id, currency, since)
    total = sum(days.values())
    metrics = [
        {
            "label": "Volume",
            "value": format_money(total, currency),
            "note": f"Captured in {currency}, last {DAYS} days",
        },
        {
            "label": "Success rate",
            "value": _percent(approved, tried),
            "note": f"{approved} of {tried} attempts approved",
        },
        {"label": "Refunded", "value": format_money(refunded, currency), "note": "Of the volume shown"},
        {
            "label": "Webhooks delivered",
            "value": _percent(delivered, sent),
            "note": f"{delivered} of {sent} deliveries",
        },
    ]
    attention = _disputes(organization) + _held_back(organization.id) + _attention(unknown, dead)
    return Overview(metrics, _chart(days, organization) if total else None, attention)


def _volume_by_day(organization: Organization, since: datetime) -> dict[date, int]:
    day = func.date(func.timezone(organization.timezone, Payment.succeeded_at))
    wanted = (
        select(day, func.sum(Payment.amount_captured))
        .where(*_paid(organization.id, organization.currency, since))
        .group_by(day)
    )
    found = {row[0]: int(row[1]) for row in db.session.execute(wanted)}
    today = now().astimezone(zone(organization.timezone)).date()
    return {(when := today - timedelta(days=back)): found.get(when, 0) for back in range(DAYS - 1, -1, -1)}


def _paid(organization_id: str, currency: str, since: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Payment.organization_id == organization_id,
        Payment.status == "succeeded",
        Payment.currency == currency,
        Payment.succeeded_at >= since,
    )


def _refunded(organization_id: str, currency: str, since: datetime) -> int:
    wanted = select(func.coalesce(func.sum(Payment.amount_refunded), 0)).where(*_paid(organization_id, currency, since))
    return int(db.session.scalar(wanted) or 0)


def _attempts(organization_id: str, since: datetime) -> tuple[int, int]:
    wanted = select(func.count(), func.count(case((Attempt.status == "approved", 1)))).where(
        Attempt.organization_id == organization_id,
        Attempt.created_at >= since,
        Attempt.status.in_(("approved", "declined")),
    )
    row = db.session.execute(wanted).one()
    return int(row[0]), int(row[1])


def _deliveries(organization_id: str, since: datetime) -> tuple[int, int, int]:
    status = WebhookDelivery.status
    wanted = select(
        func.count(case((status != "pending", 1))),
        func.count(case((status == "delivered", 1))),
        func.count(case(((status == "dead_letter") & WebhookDelivery.reason.is_distinct_from(endpoints.DELETED), 1))),
    ).where(WebhookDelivery.organization_id == organization_id, WebhookDelivery.created_at >= since)
    row = db.session.execute(wanted).one()
    return int(row[0]), int(row[1]), int(row[2])


def _unknown(organization_id: str) -> int:
    wanted = select(func.count()).where(Attempt.organization_id == organization_id, Attempt.status == "unknown")
    return int(db.session.scalar(wanted) or 0)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part // whole}%" if whole else "None yet"


def _disputes(organization: Organization) -> list[dict[str, Any]]:
    """What must be answered, and until when."""
    wanted = select(func.count(), func.min(Dispute.due_at)).where(
        Dispute.organization_id == organization.id, Dispute.status.in_(NEEDS_ANSWER), Dispute.action.is_(None)
    )
    count, due = db.session.execute(wanted).one()
    if not count:
        return []
    until = f" by {show_date(due, organization.timezone)}" if due else ""
    text = f"1 dispute needs an answer{until}." if count == 1 else f"{count} disputes need an answer, the first{until}."
    return [{"tone": "danger", "text": text, "about": "disputes", "action": "Answer"}]


def _held_back(organization_id: str) -> list[dict[str, Any]]:
    """Somebody is trying cards, or a limit is too low."""
    count = sum(row.count for row in held_back.last_day(organization_id))
    if not count:
        return []
    tries = "1 try" if count == 1 else f"{count:,} tries"
    text = f"Card testing held back: {tries} in the last day."
    return [{"tone": "warning", "text": text, "about": "held_back", "action": "Look"}]


def _attention(unknown: int, dead: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if unknown:
        payments = "1 payment has" if unknown == 1 else f"{unknown} payments have"
        text = f"{payments} no answer from the processor yet. We keep asking; nobody charges again."
        found.append({"tone": "warning", "text": text, "about": "payments", "status": "processing", "action": "Look"})
    if dead:
        text = f"{dead} webhook {'delivery was' if dead == 1 else 'deliveries were'} given up after every retry."
        found.append({"tone": "danger", "text": text, "about": "deliveries", "status": "dead_letter", "action": "Look"})
    return found


def _chart(days: dict[date, int], organization: Organization) -> dict[str, Any]:
    """Bars and three honest ticks. `value` is in minor units."""
    currency = organization.currency
    most = max(days.values())
    best = max(days, key=lambda day: days[day])
    return {
        "bars": [
            {"label": f"{day:%b} {day.day}", "value": value, "text": format_money(value, currency)}
            for day, value in days.items()
        ],
        "ticks": scales.ticks(most, currency),
        "sentence": f"{format_money(sum(days.values()), currency)} in {DAYS} days; the best day was {best:%b} {best.day} "
        f"with {format_money(most, currency)}.",
    }
