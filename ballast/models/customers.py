"""Customers, the processor accounts of an organization, and the payment methods stored at them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, LargeBinary, Select, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base, PublicId
from ballast.models.columns import Scoped, created_column, id_column, json_column, one_of, reference, within

PROCESSORS: Final = ("stripe", "braintree", "square")
PROCESSOR_MODES: Final = ("live", "test")


class Customer(Scoped, Base):
    """Somebody who pays an organization. `held_at` stops their charges (a ban, a dispute) without touching what they owe."""

    __tablename__ = "customers"
    __table_args__ = (Index("ix_customers_email", "organization_id", "email"),)

    id: Mapped[str] = id_column("cus")
    email: Mapped[str | None]
    name: Mapped[str] = mapped_column(default="", server_default="")
    user_id: Mapped[str | None] = mapped_column(PublicId("usr"), ForeignKey("users.id"))
    metadata_: Mapped[dict[str, Any]] = json_column("metadata")
    held_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = created_column()
    erased_at: Mapped[datetime | None]


class ProcessorAccount(Scoped, Base):
    """An account at a processor. Tokens and attempts belong to it, so it is archived and never deleted."""

    __tablename__ = "processor_accounts"
    __table_args__ = (
        one_of("processor", PROCESSORS),
        one_of("mode", PROCESSOR_MODES),
        UniqueConstraint("processor", "external_account", "mode"),
        Index(
            "uq_processor_accounts_default",
            "organization_id",
            unique=True,
            postgresql_where="is_default and archived_at is null",
        ),
    )

    id: Mapped[str] = id_column("pac")
    processor: Mapped[str]
    mode: Mapped[str]
    external_account: Mapped[str]
    credentials: Mapped[bytes] = mapped_column(LargeBinary, doc="sealed JSON; see billing.processing")
    public_config: Mapped[dict[str, Any]] = json_column()
    enabled: Mapped[bool] = mapped_column(default=True, server_default="true")
    is_default: Mapped[bool] = mapped_column(default=False, server_default="false")
    created_at: Mapped[datetime] = created_column()
    archived_at: Mapped[datetime | None]


class PaymentMethod(Scoped, Base):
    """A stored card at one processor account. Never a number: the processor's token and what may be shown."""

    __tablename__ = "payment_methods"
    __table_args__ = (
        within("customer_id", "customers"),
        within("processor_account_id", "processor_accounts"),
        UniqueConstraint("organization_id", "processor_account_id", "external_id"),
    )

    id: Mapped[str] = id_column("pm")
    customer_id: Mapped[str | None] = reference("cus")
    processor_account_id: Mapped[str] = reference("pac")
    external_id: Mapped[str]
    kind: Mapped[str] = mapped_column(default="card", server_default="card")
    brand: Mapped[str | None]
    last4: Mapped[str | None]
    exp_month: Mapped[int | None]
    exp_year: Mapped[int | None]
    created_at: Mapped[datetime] = created_column()
    detached_at: Mapped[datetime | None]


def default_account(organization_id: str, processor: str | None = None) -> Select[ProcessorAccount]:
    """The account new cards go to: of `processor` if named, the default one first."""
    found = select(ProcessorAccount).where(
        ProcessorAccount.organization_id == organization_id,
        ProcessorAccount.enabled,
        ProcessorAccount.archived_at.is_(None),
    )
    if processor:
        found = found.where(ProcessorAccount.processor == processor)
    return found.order_by(ProcessorAccount.is_default.desc(), ProcessorAccount.created_at).limit(1)
