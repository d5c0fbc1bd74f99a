"""Money a processor took, or holds, for an attempt we had closed: one row for each, and what is done with it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Index, Select, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.clock import real_time
from ballast.db import Base
from ballast.models.columns import Scoped, created_column, id_column, money_checks, one_of, reference, within

# What an organization may want done with such money.
LATE_POLICIES: Final = ("refund", "credit")
# What was done: given back, credited, let go where it was only held, or left to a dispute that has taken it already.
LATE_ANSWERS: Final = (*LATE_POLICIES, "release", "dispute")


class LateSuccess(Scoped, Base):
    """A charge that turned out approved after its attempt was closed. One for each attempt, whoever tells of it and how often.

    `was`: what the attempt had been closed as. `next_attempt_at`: when money that is held is let go, real time.
    """

    __tablename__ = "late_successes"
    __table_args__ = (
        one_of("answer", LATE_ANSWERS),
        *money_checks(),
        within("payment_id", "payments"),
        within("attempt_id", "attempts"),
        UniqueConstraint("organization_id", "attempt_id"),
        Index("ix_late_successes_payment", "organization_id", "payment_id"),
        Index("ix_late_successes_due", "next_attempt_at", postgresql_where="next_attempt_at is not null"),
    )

    id: Mapped[str] = id_column("late")
    payment_id: Mapped[str] = reference("pay")
    attempt_id: Mapped[str] = reference("att")
    amount: Mapped[int]
    currency: Mapped[str]
    was: Mapped[str]
    answer: Mapped[str]
    arrived_at: Mapped[datetime] = created_column()
    noticed_at: Mapped[datetime] = mapped_column(default=real_time, doc="real time")
    probes: Mapped[int] = mapped_column(default=0, server_default="0")
    next_attempt_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]


def late_successes_of(organization_id: str, payment_id: str) -> Select[LateSuccess]:
    """A payment's late successes, first to last."""
    found = select(LateSuccess).where(
        LateSuccess.organization_id == organization_id, LateSuccess.payment_id == payment_id
    )
    return found.order_by(LateSuccess.id)


def late_successes_of_attempt(organization_id: str, attempt_id: str) -> Select[LateSuccess]:
    """The late success of one attempt, if it has one."""
    return select(LateSuccess).where(
        LateSuccess.organization_id == organization_id, LateSuccess.attempt_id == attempt_id
    )
