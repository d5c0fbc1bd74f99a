"""Cards that expire while something is charged to them: whose they are, and when each holder is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, select, tuple_

from ballast.clock import now
from ballast.db import db, organization, transaction
from ballast.models import PaymentMethod
from ballast.models.identity import lives_by_real_time

# How many days before its last day a card's holder is told.
NOTICES: Final = (30, 7)
# Of which row, its organization first, a card's holder is told, and within how many days it expires.
Tell = Callable[[str, str, PaymentMethod, int], None]


def warn(model: Any, statuses: Sequence[str], organization_id: str | None, tell: Tell) -> int:
    """Tell the holders of cards that expire within a month and that rows of `model` in one of `statuses` are charged to, each in a
    transaction of its own; answers how many were looked at."""
    with transaction() as session:
        found = session.execute(_expiring(model, statuses, organization_id)).all()
    for owner, row_id, card_id in found:
        with organization(owner), transaction():
            _warn(owner, row_id, card_id, tell)
    return len(found)


def _expiring(model: Any, statuses: Sequence[str], organization_id: str | None) -> Select[str, str, str]:
    today = now().date()
    months = {(day.year, day.month) for day in (today, today + timedelta(days=max(NOTICES)))}
    whose: ColumnElement[bool] = (
        lives_by_real_time(model.organization_id)
        if organization_id is None
        else model.organization_id == organization_id
    )
    return (
        select(model.organization_id, model.id, PaymentMethod.id)
        .join(PaymentMethod, _charged_to(model))
        .where(
            whose,
            model.status.in_(statuses),
            PaymentMethod.status == "active",
            tuple_(PaymentMethod.exp_year, PaymentMethod.exp_month).in_(sorted(months)),
        )
    )


def _warn(owner: str, row_id: str, card_id: str, tell: Tell) -> None:
    card = db.session.get_one(PaymentMethod, (owner, card_id))
    left = (last_day(card) - now().date()).days
    due = [days for days in NOTICES if left <= days]
    if due and left >= 0:
        tell(owner, row_id, card, min(due))


def last_day(card: PaymentMethod) -> date:
    """The last day on which a card can be charged: the end of its month."""
    assert card.exp_year, "only cards with a date are asked"
    assert card.exp_month, "only cards with a date are asked"
    following = date(card.exp_year + card.exp_month // 12, card.exp_month % 12 + 1, 1)
    return following - timedelta(days=1)


def next_notice(model: Any, statuses: Sequence[str], organization_id: str, after: datetime) -> datetime | None:
    """When the next card that rows of `model` are charged to is to be told of, after a moment; None when none is."""
    wanted = (
        select(PaymentMethod)
        .join(model, _charged_to(model))
        .where(
            PaymentMethod.organization_id == organization_id,
            PaymentMethod.status == "active",
            PaymentMethod.exp_year.is_not(None),
            model.status.in_(statuses),
        )
        .distinct()
    )
    days = [last_day(card) - timedelta(days=notice) for card in db.session.scalars(wanted) for notice in NOTICES]
    return min((moment for day in days if (moment := _begin_of(day)) > after), default=None)


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _charged_to(model: Any) -> ColumnElement[bool]:
    charged: ColumnElement[bool] = (model.organization_id == PaymentMethod.organization_id) & (
        model.payment_method_id == PaymentMethod.id
    )
    return charged
