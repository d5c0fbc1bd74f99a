"""What the processors' own lists say of a day, against ours: runs, the drift they found, and payouts to the bank."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, Index, Select, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.clock import real_time
from ballast.db import Base
from ballast.models.columns import Scoped, id_column, json_column, one_of, reference, within
from ballast.models.states import DRIFT, PAYOUT, RECONCILIATION

# `missing_here`: the processor has it and we do not. `missing_there`: the other way. `fee_unknown`: it does not say what it kept.
DRIFT_CLASSES: Final = ("missing_here", "missing_there", "amount_differs", "state_differs", "fee_unknown")
DRIFT_KINDS: Final = ("charge", "refund")


class Reconciliation(Scoped, Base):
    """One processor account's day (UTC) compared with ours; compared again, it is the same row. Everything in real time.

    `unheard`: charges the processor took and sent us no event of, where it sends one for each.
    """

    __tablename__ = "reconciliations"
    __table_args__ = (
        one_of("status", RECONCILIATION),
        within("processor_account_id", "processor_accounts"),
        UniqueConstraint("organization_id", "processor_account_id", "day"),
        Index("ix_reconciliations_due", "next_attempt_at", postgresql_where="next_attempt_at is not null"),
    )
    machine = "reconciliation"

    id: Mapped[str] = id_column("rec")
    processor_account_id: Mapped[str] = reference("pac")
    day: Mapped[date]
    status: Mapped[str] = mapped_column(default="waiting", server_default="waiting")
    charges: Mapped[int] = mapped_column(default=0, server_default="0")
    refunds: Mapped[int] = mapped_column(default=0, server_default="0")
    fees: Mapped[int] = mapped_column(default=0, server_default="0", doc="how many charges have told theirs")
    unheard: Mapped[int] = mapped_column(default=0, server_default="0")
    drifts: Mapped[int] = mapped_column(default=0, server_default="0", doc="how many are open")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    reason: Mapped[str | None] = mapped_column(doc="why the processor gave no answer when it was last asked")
    created_at: Mapped[datetime] = mapped_column(default=real_time)
    next_attempt_at: Mapped[datetime | None] = mapped_column(
        default=real_time, doc="of a day that was given up: the night that takes it up again, within a week"
    )
    lease_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None] = mapped_column(doc="when it was last compared")


class Drift(Scoped, Base):
    """One thing in which a processor and we differ. `ours` and `theirs`: status, amount and currency as each had them."""

    __tablename__ = "drifts"
    __table_args__ = (
        one_of("status", DRIFT),
        one_of("drift_class", DRIFT_CLASSES),
        one_of("kind", DRIFT_KINDS),
        within("reconciliation_id", "reconciliations"),
        within("attempt_id", "attempts"),
        within("refund_id", "refunds"),
        UniqueConstraint("organization_id", "reconciliation_id", "drift_class", "subject"),
        Index("ix_drifts_open", "organization_id", "id", postgresql_where="status = 'open'"),
    )
    machine = "drift"

    id: Mapped[str] = id_column("drf")
    reconciliation_id: Mapped[str] = reference("rec")
    drift_class: Mapped[str]
    kind: Mapped[str]
    subject: Mapped[str] = mapped_column(doc="the processor's id where it has one, else ours")
    attempt_id: Mapped[str | None] = reference("att")
    refund_id: Mapped[str | None] = reference("re")
    ours: Mapped[dict[str, Any]] = json_column()
    theirs: Mapped[dict[str, Any]] = json_column()
    status: Mapped[str] = mapped_column(default="open", server_default="open")
    found_at: Mapped[datetime] = mapped_column(default=real_time)
    ended_at: Mapped[datetime | None]


class Payout(Scoped, Base):
    """Money a processor sent to the organization's bank."""

    __tablename__ = "payouts"
    __table_args__ = (
        one_of("status", PAYOUT),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_code"),
        within("processor_account_id", "processor_accounts"),
        UniqueConstraint("organization_id", "processor_account_id", "external_id"),
    )
    machine = "payout"

    id: Mapped[str] = id_column("po")
    processor_account_id: Mapped[str] = reference("pac")
    external_id: Mapped[str]
    amount: Mapped[int] = mapped_column(doc="minor units; negative where the bank was debited")
    currency: Mapped[str]
    status: Mapped[str]
    arrives_on: Mapped[date | None]
    sent_at: Mapped[datetime] = mapped_column(doc="when the processor made it; real time")
    created_at: Mapped[datetime] = mapped_column(default=real_time)


def reconciliation_of(organization_id: str, reconciliation_id: str) -> Select[Reconciliation]:
    """One run of the organization."""
    return select(Reconciliation).where(
        Reconciliation.organization_id == organization_id, Reconciliation.id == reconciliation_id
    )


def drifts_of(organization_id: str, reconciliation_id: str) -> Select[Drift]:
    """What a run found, the open ones first."""
    found = select(Drift).where(Drift.organization_id == organization_id, Drift.reconciliation_id == reconciliation_id)
    return found.order_by((Drift.status == "open").desc(), Drift.id)
