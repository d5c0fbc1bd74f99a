"""When a declined charge is tried again: on the organization's days, counted from the first failure, whatever it is that is owed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from ballast.billing import invoices
from ballast.clock import now

# A decline that is our fault is tried again after so long, and the customer left alone.
OUR_FAULT_WAITS: Final = timedelta(days=1)
# What never went out goes out again, after so long.
NOT_SENT_WAITS: Final = timedelta(minutes=1)


class Failing(Protocol):
    """Something owed whose charge was declined: an invoice, an installment."""

    organization_id: str
    first_failed_at: datetime | None
    last_failed_at: datetime | None


def schedule(first_failed_at: datetime, days: Sequence[int]) -> tuple[datetime, ...]:
    """When a soft decline is tried again."""
    return tuple(first_failed_at + timedelta(days=day) for day in sorted(days))


def coming_dates(owed: Failing) -> list[datetime]:
    """The days of its schedule that are still to come."""
    assert owed.first_failed_at is not None, "what is failing has failed"
    return [date for date in schedule(owed.first_failed_at, days_of(owed)) if date > now()]


def days_of(owed: Failing) -> list[int]:
    """Days after the first failure on which a soft decline is tried again."""
    return sorted(invoices.settings(owed.organization_id).retry_days)


def is_over(owed: Failing) -> bool:
    """Whether the last day of the schedule has come."""
    return owed.first_failed_at is not None and now() >= _last_date(owed)


def is_spent(owed: Failing) -> bool:
    """Whether the try of the schedule's last day was declined too."""
    return owed.last_failed_at is not None and owed.last_failed_at >= _last_date(owed)


def _last_date(owed: Failing) -> datetime:
    assert owed.first_failed_at is not None, "what is failing has failed"
    return owed.first_failed_at + timedelta(days=max(days_of(owed), default=0))
