"""For how long what was shown may be taken up: a preview is executed for its own instant, so it comes to the same cents."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ballast.billing.subscriptions import plan
from ballast.clock import now
from ballast.errors import InvalidRequest
from ballast.models import Subscription

PREVIEW_LASTS: Final = timedelta(hours=1)


def instant(subscription: Subscription, at: datetime | None) -> datetime:
    """The instant a preview was drawn for, or the present, to the second. Raises InvalidRequest(`preview_expired`)."""
    moment = (at or now()).replace(microsecond=0)
    is_stale = (
        moment < now() - PREVIEW_LASTS or moment > now() or (at is not None and moment < plan.changed_at(subscription))
    )
    if at is not None and (is_stale or moment < subscription.current_period_start.replace(microsecond=0)):
        raise expired()
    return max(moment, subscription.current_period_start)


def expired() -> InvalidRequest:
    """What was shown is not what would happen now."""
    return InvalidRequest("preview_expired", "This preview is out of date. Look at it again.", param="at")


def read(typed: str) -> datetime:
    """The instant that a form carries. Raises InvalidRequest(`preview_expired`)."""
    try:
        found = datetime.fromisoformat(typed)
    except ValueError as error:
        raise expired() from error
    if found.tzinfo is None:
        raise expired()
    return found
