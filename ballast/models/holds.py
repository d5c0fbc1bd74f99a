"""What is done with money that is held: an authorization is captured or let go."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Index, Select, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.columns import Scoped, created_column, id_column, money_checks, one_of, reference, within
from ballast.models.states import HOLD_ACTION, OPEN_HOLD_ACTION

HOLD_ACTIONS: Final = ("capture", "void")
OPEN_HOLD_ACTION_SQL: Final = "status in ({})".format(", ".join(f"'{state}'" for state in OPEN_HOLD_ACTION))


class HoldAction(Scoped, Base):
    """One capture or void of one authorization. Committed before the call; one open at a time for each payment.

    `amount`: minor units to take, or to let go. `sent_at`: the last moment at which it may have been sent. `next_attempt_at`: when it
    is taken up again. Both are real time.
    """

    __tablename__ = "hold_actions"
    __table_args__ = (
        one_of("kind", HOLD_ACTIONS),
        one_of("status", HOLD_ACTION),
        *money_checks(),
        within("payment_id", "payments"),
        within("attempt_id", "attempts"),
        Index(
            "uq_hold_actions_one_open",
            "organization_id",
            "payment_id",
            unique=True,
            postgresql_where=OPEN_HOLD_ACTION_SQL,
        ),
        Index("ix_hold_actions_payment", "organization_id", "payment_id", "id"),
        Index("ix_hold_actions_due", "next_attempt_at", postgresql_where=OPEN_HOLD_ACTION_SQL),
    )
    machine = "hold_action"

    id: Mapped[str] = id_column("hold")
    kind: Mapped[str]
    payment_id: Mapped[str] = reference("pay")
    attempt_id: Mapped[str] = reference("att")
    amount: Mapped[int]
    currency: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending")
    message: Mapped[str | None]
    reason: Mapped[str | None] = mapped_column(doc="why a void: the payment's cancellation reason")
    requested_by: Mapped[str | None]
    probes: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = created_column()
    sent_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


def hold_actions_of(organization_id: str, payment_id: str) -> Select[HoldAction]:
    """What was done with a payment's authorization, first to last."""
    found = select(HoldAction).where(HoldAction.organization_id == organization_id, HoldAction.payment_id == payment_id)
    return found.order_by(HoldAction.id)
