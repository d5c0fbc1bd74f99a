"""Tries that were held back because too many before them had been declined: one row for each hour and rule."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import CheckConstraint, Select, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.clock import real_time
from ballast.db import Base
from ballast.models.columns import Scoped, one_of

# By what too many declined tries were counted: the shopper's address on the network, the card, or all of the organization's.
RULES: Final = ("address", "card", "organization")


class HeldBack(Scoped, Base):
    """How many tries a rule held back within one hour of real time. Written only when something is held back."""

    __tablename__ = "held_back"
    __table_args__ = (one_of("rule", RULES), CheckConstraint("count > 0", name="count_positive"))

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(default=1)
    last_address: Mapped[str | None]
    last_at: Mapped[datetime] = mapped_column(default=real_time)


def held_back_since(organization_id: str, since: datetime) -> Select[HeldBack]:
    """What was held back in the hours from `since` on, newest first."""
    found = select(HeldBack).where(HeldBack.organization_id == organization_id, HeldBack.hour >= since)
    return found.order_by(HeldBack.hour.desc(), HeldBack.rule)
