"""The overview's figures: the last 30 days of one organization beside the 30 before, in its own time zone and currency.

Read from the days that `billing.rollups` adds up, plus what has happened since; no fact is counted here (docs/decisions/0012).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Date, cast, func, or_, select, union_all

from ballast.billing import attention, scales
from ballast.billing.financing import portfolio
from ballast.clock import now, real_time
from ballast.db import db
from ballast.models import ApiKey, DailyFigure, FigureChange, Organization
from ballast.models.figures import FIGURES
from ballast.money import format_money
from ballast.templating import show_percent, show_share, zone

DAYS = 30


@dataclass
class Sum:
    """How many, and minor units."""

    count: int = 0
    amount: int = 0

    def add(self, count: int, amount: int) -> None:
        self.count += count
        self.amount += amount


@dataclass(frozen=True)
class Overview:
    """What the first page shows; amounts formatted."""

    metrics: list[dict[str, str]]
    volume: dict[str, Any] | None
    attention: list[dict[str, Any]]


def overview(organization: Organization) -> Overview:
    """Volume, success rate, recurring revenue, plans, deliveries, API keys, and what a person should look at."""
    days = _days(organization)
    found = _Figures(organization, days)
    metrics = [
        _volume(found),
        _success(found),
        _recurring(found),
        _plans(organization),
        _delivered(found),
        _keys(organization),
    ]
    return Overview(metrics, _chart(found), attention.read(organization))


def _days(organization: Organization) -> list[date]:
    """60 days, today last."""
    today = now().astimezone(zone(organization.timezone)).date()
    return [today - timedelta(days=back) for back in range(2 * DAYS - 1, -1, -1)]


class _Figures:
    """Sums by figure and currency: of the last 30 days, of the 30 before, and of each day."""

    def __init__(self, organization: Organization, days: list[date]) -> None:
        self.organization, self.currency, self.days = organization, organization.currency, days
        self.now: dict[tuple[str, str], Sum] = defaultdict(Sum)
        self.before: dict[tuple[str, str], Sum] = defaultdict(Sum)
        self.always: dict[tuple[str, str], Sum] = defaultdict(Sum)
        self.daily: dict[date, int] = defaultdict(int)
        for figure, currency, day, count, amount in db.session.execute(_wanted(organization, days[0])):
            self._take(figure, currency, day, int(count), int(amount))

    def _take(self, figure: str, currency: str, day: date, count: int, amount: int) -> None:
        key = (figure, currency)
        self.always[key].add(count, amount)
        if day >= self.days[0]:
            (self.now if day >= self.days[DAYS] else self.before)[key].add(count, amount)
        if figure == "captured" and currency == self.currency:
            self.daily[day] += amount

    def attempts(self, sums: dict[tuple[str, str], Sum]) -> tuple[int, int]:
        """(approved, of how many) in every currency."""
        approved = sum(one.count for (figure, _currency), one in sums.items() if figure == "approved")
        declined = sum(one.count for (figure, _currency), one in sums.items() if figure == "declined")
        return approved, approved + declined


def _wanted(organization: Organization, since: date) -> Any:
    """What the days hold and what waits to be added to them. `recurring` is made of steps, so all of them count."""
    kept = select(
        DailyFigure.figure, DailyFigure.currency, DailyFigure.day, DailyFigure.count, DailyFigure.amount
    ).where(
        DailyFigure.organization_id == organization.id,
        DailyFigure.figure.in_(FIGURES),
        or_(DailyFigure.day >= since, DailyFigure.figure == "recurring"),
    )
    day = cast(func.timezone(organization.timezone, FigureChange.at), Date)
    waiting = (
        select(
            FigureChange.figure, FigureChange.currency, day, func.sum(FigureChange.count), func.sum(FigureChange.amount)
        )
        .where(FigureChange.organization_id == organization.id, FigureChange.figure.in_(FIGURES))
        .group_by(FigureChange.figure, FigureChange.currency, day)
    )
    return union_all(kept, waiting)


# --- The six figures ---------------------------------------------------------------------------------------------------------


def _volume(found: _Figures) -> dict[str, str]:
    key = ("captured", found.currency)
    amount, before = found.now[key].amount, found.before[key].amount
    return {
        "label": "Volume",
        "value": format_money(amount, found.currency),
        "note": _compared(amount, before) or f"Captured in {found.currency}, last {DAYS} days",
    }


def _compared(amount: int, before: int) -> str:
    """12% more than the 30 days before; nothing where there was nothing."""
    if not before:
        return ""
    percent = round(100 * abs(amount - before) / before)
    if not percent:
        return f"As much as the {DAYS} days before"
    return f"{show_percent(percent * 100)} {'more' if amount > before else 'less'} than the {DAYS} days before"


def _success(found: _Figures) -> dict[str, str]:
    approved, tried = found.attempts(found.now)
    was_approved, was_tried = found.attempts(found.before)
    note = f"{approved:,} of {tried:,} attempts approved"
    if was_tried and tried:
        note += f"; {_percent(was_approved, was_tried)} before"
    return {"label": "Success rate", "value": _percent(approved, tried), "note": note}


def _recurring(found: _Figures) -> dict[str, str]:
    """Of prices, before discounts and tax; trials pay nothing yet."""
    present, lost = found.always["recurring", found.currency], found.now["churned", found.currency]
    gained = found.now["recurring", found.currency]
    subscriptions = "1 subscription" if present.count == 1 else f"{present.count:,} subscriptions"
    note = subscriptions
    if lost.count:
        began = max(present.amount - gained.amount, 0)
        share = f", {_percent(lost.amount, began)} churn" if began else ""
        note += f"; {format_money(lost.amount, found.currency)} ended{share}"
    return {"label": "Recurring, a month", "value": format_money(present.amount, found.currency), "note": note}


def _delivered(found: _Figures) -> dict[str, str]:
    delivered, dead = found.now["delivered", ""].count, found.now["dead", ""].count
    return {
        "label": "Webhooks delivered",
        "value": _percent(delivered, delivered + dead),
        "note": f"{delivered:,} of {delivered + dead:,} deliveries",
    }


def _plans(organization: Organization) -> dict[str, str]:
    """What is owed on installment plans, and how much of it by plans that are past due."""
    owed = {one.currency: one for one in portfolio.summary(organization.id)}
    own = owed.pop(organization.currency, portfolio.Summary(organization.currency, 0, 0))
    behind = f"{format_money(own.behind, own.currency)} past due" if own.behind else "Nothing past due"
    beside = "".join(f"; {format_money(one.outstanding, one.currency)} beside it" for one in owed.values())
    note = behind + beside if own.outstanding or owed else "No plan is running"
    return {"label": "Owed on plans", "value": format_money(own.outstanding, own.currency), "note": note}


def _keys(organization: Organization) -> dict[str, str]:
    """API keys that work, and how many of them were used lately."""
    at = real_time()
    works = (
        ApiKey.organization_id == organization.id,
        ApiKey.revoked_at.is_(None),
        ApiKey.frozen_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > at),
    )
    used = func.count().filter(ApiKey.last_used_at > at - timedelta(days=DAYS))
    count, lately = db.session.execute(select(func.count(), used).where(*works)).one()
    note = f"{lately:,} used in the last {DAYS} days" if count else "Make one to use the API"
    return {"label": "API keys", "value": f"{count:,}", "note": note}


def _percent(part: int, whole: int) -> str:
    return show_share(part, whole) if whole else "None yet"


# --- The chart ---------------------------------------------------------------------------------------------------------------


def _chart(found: _Figures) -> dict[str, Any] | None:
    """Bars with a mark for the day 30 days before, and three honest ticks. `value` is in minor units. None without volume."""
    currency = found.currency
    shown = found.days[DAYS:]
    most = max(found.daily[day] for day in found.days)
    if not most:
        return None
    return {
        "bars": [
            {
                "label": f"{day:%b} {day.day}",
                "value": found.daily[day],
                "text": format_money(found.daily[day], currency),
                "before": (before := found.daily[day - timedelta(days=DAYS)]),
                "before_text": format_money(before, currency),
            }
            for day in shown
        ],
        "ticks": scales.ticks(most, currency),
        "sentence": _sentence(found, shown),
    }


def _sentence(found: _Figures, shown: list[date]) -> str:
    currency = found.currency
    amount, before = found.now["captured", currency].amount, found.before["captured", currency].amount
    best = max(shown, key=lambda day: found.daily[day])
    text = f"{format_money(amount, currency)} in {DAYS} days"
    if compared := _compared(amount, before):
        text += f", {compared[0].lower()}{compared[1:]} ({format_money(before, currency)}, the thin marks)"
    if found.daily[best]:
        text += f"; the best day was {best:%b} {best.day} with {format_money(found.daily[best], currency)}"
    if refunded := found.now["refunded", currency].amount:
        text += f". {format_money(refunded, currency)} went back"
    return text + "." + _others(found)


def _others(found: _Figures) -> str:
    """What was captured in other currencies: it is in no bar."""
    others = [
        format_money(one.amount, currency)
        for (figure, currency), one in sorted(found.now.items())
        if figure == "captured" and currency != found.currency and one.amount
    ]
    return f" Beside it {', '.join(others)}." if others else ""
