"""What the firewall has kept from happening in the last 30 days: by route, by day, and the newest of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Date, cast, func, select

from ballast.clock import real_time
from ballast.db import db
from ballast.models import Dispute, LateSuccess, Organization, Prevented, Refund
from ballast.models.prevented import ROUTES
from ballast.templating import zone

DAYS: Final = 30
SHOWN: Final = 25


@dataclass(frozen=True)
class Late:
    """A late success and the newest refund of it, if it is given back. `is_disputed`: its bank has it, or asks for it."""

    late: LateSuccess
    refund: Refund | None
    is_disputed: bool = False

    @property
    def is_stuck(self) -> bool:
        """Whether it was to go back and did not."""
        has_failed = self.refund is None or self.refund.status in ("failed", "canceled")
        return self.late.answer == "refund" and has_failed and not self.is_disputed


@dataclass(frozen=True)
class Radar:
    """`by_route`: every route, with how many; `chart`: bars as `ui.chart` takes them, or None where there is nothing."""

    by_route: dict[str, int]
    chart: dict[str, Any] | None
    newest: list[Prevented]
    late: list[Late]

    @property
    def total(self) -> int:
        return sum(self.by_route.values())


def read(organization: Organization) -> Radar:
    """The radar of an organization, in its time zone; all times are real."""
    today = real_time().astimezone(zone(organization.timezone)).date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    by_route: Counter[str] = Counter(dict.fromkeys(ROUTES, 0))
    by_day: Counter[date] = Counter()
    for route, day, count in db.session.execute(_counted(organization, real_time() - timedelta(days=DAYS))):
        by_route[route] += count
        by_day[day] += count
    newest = select(Prevented).where(Prevented.organization_id == organization.id).order_by(Prevented.at.desc())
    return Radar(
        dict(by_route), _chart(days, by_day), list(db.session.scalars(newest.limit(SHOWN))), _late(organization.id)
    )


def _counted(organization: Organization, since: datetime) -> Any:
    day = cast(func.timezone(organization.timezone, Prevented.at), Date)
    wanted = select(Prevented.route, day, func.count()).group_by(Prevented.route, day)
    return wanted.where(Prevented.organization_id == organization.id, Prevented.at >= since)


def _chart(days: list[date], by_day: Counter[date]) -> dict[str, Any] | None:
    most = max(by_day.values(), default=0)
    if not most:
        return None
    total = sum(by_day[day] for day in days)
    best = max(days, key=lambda day: by_day[day])
    top = -(-most // 2) * 2
    return {
        "bars": [{"label": f"{day:%b} {day.day}", "value": by_day[day], "text": f"{by_day[day]:,}"} for day in days],
        "ticks": [{"value": value, "text": f"{value:,}"} for value in (0, top // 2, top)],
        "sentence": f"{total:,} in {DAYS} days; the most on one day was {by_day[best]:,}, on {best:%b} {best.day}.",
    }


def _late(organization_id: str) -> list[Late]:
    wanted = select(LateSuccess).where(LateSuccess.organization_id == organization_id)
    found = list(db.session.scalars(wanted.order_by(LateSuccess.id.desc()).limit(SHOWN)))
    going = select(Refund).where(
        Refund.organization_id == organization_id, Refund.late_success_id.in_([late.id for late in found])
    )
    refunds = {refund.late_success_id: refund for refund in db.session.scalars(going.order_by(Refund.id))}
    asked_for = select(Dispute.attempt_id).where(
        Dispute.organization_id == organization_id,
        Dispute.attempt_id.in_([late.attempt_id for late in found]),
        Dispute.status != "won",
    )
    disputed = set(db.session.scalars(asked_for))
    return [Late(late, refunds.get(late.id), late.attempt_id in disputed) for late in found]
