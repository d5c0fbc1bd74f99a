"""What orders hold that nobody pays (stock, a redemption), given back once its time is over: one order, one transaction, locked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy import Select, select

from ballast.db import organization, transaction
from ballast.models import Order
from ballast.notifications.drain import drain

HOLDS_FOR: Final = timedelta(minutes=30)
BATCH: Final = 50
End = Callable[[Order], bool]


def release(job: str, due: Select[str, str], end: End) -> int:
    """End what `due` finds, (organization_id, order_id). `end`: gives an order's back, with the order locked; False where somebody was
    faster: a shopper who came back to pay, or another worker."""
    return drain(job, partial(_batch, due, end, set()))


def _batch(due: Select[str, str], end: End, seen: set[str]) -> tuple[int, int]:
    """`seen`: what this run has looked at, so that a hold it may not end is not looked at for ever."""
    with transaction() as session:
        rows = [row for row in session.execute(due.limit(BATCH)).all() if row[1] not in seen]
    found = {order_id: organization_id for organization_id, order_id in rows}
    seen |= found.keys()
    done = sum(_release(organization_id, order_id, end) for order_id, organization_id in found.items())
    return done, len(found) - done


def _release(organization_id: str, order_id: str, end: End) -> bool:
    with organization(organization_id), transaction() as session:
        wanted = select(Order).where(Order.organization_id == organization_id, Order.id == order_id)
        return end(session.scalars(wanted.with_for_update()).one())
