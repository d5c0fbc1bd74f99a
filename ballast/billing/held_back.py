"""What was held back as card testing, for the dashboard, and the limits an organization sets itself (see `velocity`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from ballast import audit
from ballast.clock import real_time
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import HeldBack, Organization
from ballast.models.held_back import held_back_since

MOST: Final = 1_000_000
SHOWN: Final = timedelta(days=1)


def last_day(organization_id: str) -> list[HeldBack]:
    """What was held back in the last day, newest first: one row for each hour and rule."""
    return list(db.session.scalars(held_back_since(organization_id, real_time() - SHOWN)))


def change(organization_id: str, wanted: Mapping[str, int | None]) -> None:
    """Set limits, by rule; None for the usual one. In the caller's transaction. Raises InvalidRequest(`limit_invalid`)."""
    locked = select(Organization).where(Organization.id == organization_id).with_for_update(key_share=True)
    organization = db.session.scalars(locked.execution_options(populate_existing=True)).one()
    for rule, limit in wanted.items():
        if limit is not None and not 1 <= limit <= MOST:
            raise InvalidRequest("limit_invalid", f"Enter a number from 1 to {MOST:,}.", param=rule)
    before: dict[str, Any] = dict(organization.card_testing)
    after = {rule: limit for rule, limit in wanted.items() if limit is not None}
    if before != after:
        organization.card_testing = after
        changes = {"before": before, "after": after}
        audit.record(organization_id, "organization.card_testing_changed", "organization", organization_id, changes)
