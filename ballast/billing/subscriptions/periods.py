"""Periods: counted from the anchor, in the subscription's own time zone, and never from the date before.

Period n begins where period n-1 ends, so they tile by construction: no gap, no overlap. The anchor's day is kept and clamped to short
months (31 January, 28 February, 31 March). A local time that does not exist (clocks go forward) is as far after the change; one that
exists twice is the first. A whole local day that never was (Pacific/Apia, 30 December 2011) is not a period.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta


@dataclass(frozen=True)
class Rhythm:
    """How a subscription repeats: every `count` `interval`s (day, week, month, year) from `anchor_at`, in `timezone`."""

    anchor_at: datetime
    timezone: str
    interval: str
    count: int = 1

    @cached_property
    def _local(self) -> datetime:
        return self.anchor_at.astimezone(ZoneInfo(self.timezone))

    def boundary(self, number: int) -> datetime:
        """When period `number` begins, UTC; the anchor for 0."""
        if number == 0:
            return self.anchor_at.astimezone(UTC)
        wall: datetime = self._local.replace(tzinfo=None, fold=0) + _steps(self.interval, self.count * number)
        return wall.replace(tzinfo=ZoneInfo(self.timezone)).astimezone(UTC)

    def period(self, number: int) -> tuple[datetime, datetime]:
        """Begin (within the period) and end (not within it) of period `number`, UTC."""
        return self.boundary(number), self.boundary(self.after(number))

    def after(self, number: int) -> int:
        """The number of the next period: the next one, but for one that would take no time at all."""
        begin, following = self.boundary(number), number + 1
        while self.boundary(following) <= begin:
            following += 1
        return following


def _steps(interval: str, count: int) -> relativedelta:
    match interval:
        case "day":
            return relativedelta(days=count)
        case "week":
            return relativedelta(weeks=count)
        case "month":
            return relativedelta(months=count)
        case "year":
            return relativedelta(years=count)
    raise ValueError(f"no interval {interval!r}")


def add_days(instant: datetime, days: int, timezone: str) -> datetime:
    """The same time of day `days` later in `timezone`, UTC."""
    return Rhythm(instant, timezone, "day", days).boundary(1) if days else instant.astimezone(UTC)
