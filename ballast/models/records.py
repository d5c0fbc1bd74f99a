"""What is kept for the record or for recovery: the processors' inbox, idempotency keys, job runs."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ballast.clock import real_time
from ballast.db import Base, PublicId
from ballast.ids import new_id
from ballast.models.columns import Scoped, created_column, id_column, one_of, reference, within
from ballast.models.states import INBOX

ABOUT: Final = ("charge", "charge_paid", "refund", "dispute", "other")


class InboxEvent(Scoped, Base):
    """An event a processor sent us, stored once as it came, applied by a job that fetches the object again."""

    __tablename__ = "inbox_events"
    __table_args__ = (
        one_of("status", INBOX),
        one_of("about", ABOUT),
        within("processor_account_id", "processor_accounts"),
        UniqueConstraint("organization_id", "processor_account_id", "external_id"),
        Index(
            "ix_inbox_events_turn", "organization_id", "next_attempt_at", postgresql_where="next_attempt_at is not null"
        ),
        Index("ix_inbox_events_failed", "organization_id", "id", postgresql_where="status = 'failed'"),
        Index("ix_inbox_events_subject", "organization_id", "subject_id"),
        Index("ix_inbox_events_account", "organization_id", "processor_account_id", "id"),
    )
    machine = "inbox"

    id: Mapped[str] = id_column("inb")
    processor_account_id: Mapped[str] = reference("pac")
    external_id: Mapped[str]
    type: Mapped[str]
    about: Mapped[str] = mapped_column(default="other", server_default="other")
    subject_id: Mapped[str | None] = mapped_column(doc="the processor's id of the charge it is about")
    reference: Mapped[str | None] = mapped_column(
        doc="our own id of that charge, an attempt's, where the event says it"
    )
    dispute_id: Mapped[str | None] = mapped_column(doc="the processor's id of the dispute it is about")
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(default="received")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    reason: Mapped[str | None]
    received_at: Mapped[datetime] = mapped_column(default=real_time)
    next_attempt_at: Mapped[datetime | None] = mapped_column(default=real_time)
    lease_until: Mapped[datetime | None]
    applied_at: Mapped[datetime | None]


class IdempotencyKey(Scoped, Base):
    """A request that must have one effect. `response` is the first answer, byte for byte."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    resource_id: Mapped[str | None]
    response_status: Mapped[int | None]
    response: Mapped[bytes | None] = mapped_column(LargeBinary)
    locked_until: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=real_time)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class JobRun(Base):
    """One run of a job that found something to do. Belongs to no organization; `organization_id` says for whom, where it was one."""

    __tablename__ = "job_runs"
    __table_args__ = (
        Index("ix_job_runs_name", "name", "id"),
        Index("ix_job_runs_failed", "id", postgresql_where="failed > 0"),
    )

    id: Mapped[str] = mapped_column(PublicId("run"), primary_key=True, default=lambda: new_id("run"))
    name: Mapped[str]
    organization_id: Mapped[str | None] = mapped_column(PublicId("org"))
    started_at: Mapped[datetime] = created_column()
    finished_at: Mapped[datetime | None]
    claimed: Mapped[int] = mapped_column(default=0, server_default="0")
    failed: Mapped[int] = mapped_column(default=0, server_default="0")
    error: Mapped[str | None]
