"""What the firewall kept from happening: one row for each second charge, second event or lost answer that came to nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from ballast.clock import real_time
from ballast.db import Base
from ballast.models.columns import Scoped, one_of, reference, within

# Which wall it met.
ROUTES: Final = (
    "same_key",
    "open_attempt",
    "paid_already",
    "claim_taken",
    "duplicate_event",
    "lost_answer",
    "late_send",
    "late_success",
)


class Prevented(Scoped, Base):
    """Something that would have charged twice, or been lost. `source`: what it was, so that the same thing counts once.

    Appended only: nobody waits for anybody's row. `at`: real time.
    """

    __tablename__ = "prevented"
    __table_args__ = (
        one_of("route", ROUTES),
        within("payment_id", "payments"),
        Index("ix_prevented_at", "organization_id", "at"),
    )

    route: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    payment_id: Mapped[str | None] = reference("pay")
    at: Mapped[datetime] = mapped_column(default=real_time)
