"""Customers, the processor accounts of an organization, and the payment methods stored at them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ColumnElement,
    Computed,
    ForeignKey,
    Index,
    LargeBinary,
    Select,
    String,
    UniqueConstraint,
    and_,
    exists,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base, PublicId
from ballast.models.columns import Scoped, begins, created_column, id_column, json_column, one_of, reference, within
from ballast.models.states import CARD, CARD_REMOVAL

PROCESSORS: Final = ("stripe", "braintree", "square")
PROCESSOR_MODES: Final = ("live", "test")


class Customer(Scoped, Base):
    """Somebody who pays an organization. `held_at` stops their charges (a ban, a dispute) without touching what they owe."""

    __tablename__ = "customers"
    __table_args__ = (
        within("default_payment_method_id", "payment_methods", closes_circle=True),
        Index("ix_customers_email", "organization_id", "email"),
        Index("ix_customers_email_start", "organization_id", "email", postgresql_ops={"email": "text_pattern_ops"}),
        Index("ix_customers_whole", "organization_id", "whole_name", postgresql_ops={"whole_name": "text_pattern_ops"}),
        Index("ix_customers_last", "organization_id", "last_name", postgresql_ops={"last_name": "text_pattern_ops"}),
        Index("ix_customers_user", "user_id"),
    )

    id: Mapped[str] = id_column("cus")
    email: Mapped[str | None]
    name: Mapped[str] = mapped_column(default="", server_default="")
    user_id: Mapped[str | None] = mapped_column(PublicId("usr"), ForeignKey("users.id"))
    country: Mapped[str] = mapped_column(default="", server_default="", doc="ISO 3166; where they are taxed")
    region: Mapped[str] = mapped_column(default="", server_default="")
    default_payment_method_id: Mapped[str | None] = reference("pm")
    metadata_: Mapped[dict[str, Any]] = json_column("metadata")
    held_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = created_column()
    erased_at: Mapped[datetime | None]
    # What a search compares with. (Columns, for behind row-level security no index on a function is used: docs/decisions/0013.)
    whole_name: Mapped[str] = mapped_column(Computed("lower(name)", persisted=True))
    last_name: Mapped[str] = mapped_column(Computed("lower(split_part(name, ' ', -1))", persisted=True))


def is_held(organization_id: Any, customer_id: Any) -> ColumnElement[bool]:
    """Whether the charges of the customer that two columns name are on hold."""
    return exists().where(
        Customer.organization_id == organization_id, Customer.id == customer_id, Customer.held_at.is_not(None)
    )


class ProcessorAccount(Scoped, Base):
    """An account at a processor. Tokens and attempts belong to it, so it is archived and never deleted.

    Routing of new cards at checkout: `share` is its weight among the accounts that fit, 0 for none; `currencies` it is for (empty:
    all); `amount_from` and `amount_to` bound the amount, minor units of the organization's currency, both included.
    """

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
        CheckConstraint("share between 0 and 100", name="share_range"),
        CheckConstraint("amount_from is null or amount_to is null or amount_from <= amount_to", name="amount_range"),
    )

    id: Mapped[str] = id_column("pac")
    name: Mapped[str] = mapped_column(default="", server_default="")
    processor: Mapped[str]
    mode: Mapped[str]
    external_account: Mapped[str]
    credentials: Mapped[bytes] = mapped_column(LargeBinary, doc="sealed JSON; see billing.processing")
    public_config: Mapped[dict[str, Any]] = json_column()
    enabled: Mapped[bool] = mapped_column(default=True, server_default="true")
    is_default: Mapped[bool] = mapped_column(default=False, server_default="false")
    share: Mapped[int] = mapped_column(default=0, server_default="0")
    currencies: Mapped[list[str]] = mapped_column(ARRAY(String), default=list, server_default="{}")
    takes_currencies: Mapped[list[str]] = mapped_column(
        ARRAY(String), default=list, server_default="{}", doc="which the processor can take there; empty for all"
    )
    amount_from: Mapped[int | None]
    amount_to: Mapped[int | None]
    created_at: Mapped[datetime] = created_column()
    checked_at: Mapped[datetime | None] = mapped_column(doc="when its credentials were last tried; real time")
    problem: Mapped[str | None] = mapped_column(doc="what was wrong then")
    paused_until: Mapped[datetime | None] = mapped_column(
        doc="not offered for new cards until then: its circuit is open; real time"
    )
    archived_at: Mapped[datetime | None]


class ProcessorCustomer(Scoped, Base):
    """A customer as one processor account knows them."""

    __tablename__ = "processor_customers"
    __table_args__ = (
        within("customer_id", "customers"),
        within("processor_account_id", "processor_accounts"),
    )

    customer_id: Mapped[str] = reference("cus", primary_key=True)
    processor_account_id: Mapped[str] = reference("pac", primary_key=True)
    external_id: Mapped[str]
    created_at: Mapped[datetime] = created_column()


class PaymentMethod(Scoped, Base):
    """A stored card at one processor account. Never a number: the processor's token and what may be shown.

    `pending`: the charge of `payment_id` was approved and the card is still to be stored from it, at `next_attempt_at` (real time);
    or, without a payment, its holder has typed it to be stored for `purpose` (see `billing.card_setup`).
    `removal`: how far a detached card's processor has come with forgetting it; asked again at `next_attempt_at` while `pending`.
    """

    __tablename__ = "payment_methods"
    __table_args__ = (
        one_of("status", CARD),
        one_of("removal", CARD_REMOVAL),
        within("customer_id", "customers"),
        within("processor_account_id", "processor_accounts"),
        within("payment_id", "payments", closes_circle=True),
        UniqueConstraint("organization_id", "processor_account_id", "external_id"),
        UniqueConstraint("organization_id", "payment_id"),
        CheckConstraint("status <> 'active' or external_id is not null", name="active_is_stored"),
        Index("ix_payment_methods_customer", "organization_id", "customer_id", "id"),
        Index("ix_payment_methods_last4", "organization_id", "last4", "id"),
        Index(
            "ix_payment_methods_expiry",
            "organization_id",
            "exp_year",
            "exp_month",
            postgresql_where="status = 'active'",
        ),
        Index("ix_payment_methods_due", "next_attempt_at", postgresql_where="status = 'pending'"),
        Index("ix_payment_methods_removal", "next_attempt_at", postgresql_where="removal = 'pending'"),
    )
    machine = "card"

    id: Mapped[str] = id_column("pm")
    status: Mapped[str] = mapped_column(default="active", server_default="active")
    customer_id: Mapped[str | None] = reference("cus")
    processor_account_id: Mapped[str] = reference("pac")
    payment_id: Mapped[str | None] = reference("pay")
    external_id: Mapped[str | None]
    customer_external_id: Mapped[str | None]
    source: Mapped[str | None] = mapped_column(
        doc="what it is stored from: the processor's id of a charge, or the browser's one-time token"
    )
    purpose: Mapped[str | None] = mapped_column(
        doc="what a card is stored for without a charge: the id of a subscription or an order, put to use once it is stored"
    )
    message: Mapped[str | None]
    probes: Mapped[int] = mapped_column(default=0, server_default="0")
    next_attempt_at: Mapped[datetime | None]
    kind: Mapped[str] = mapped_column(default="card", server_default="card")
    brand: Mapped[str | None]
    last4: Mapped[str | None]
    exp_month: Mapped[int | None]
    exp_year: Mapped[int | None]
    created_at: Mapped[datetime] = created_column()
    detached_at: Mapped[datetime | None]
    removal: Mapped[str | None]
    blocked_until: Mapped[datetime | None] = mapped_column(doc="a network forbade to try it again before that")
    blocked_because: Mapped[str | None]
    mandate_ceiling: Mapped[int | None] = mapped_column(doc="minor units of INR one off-session charge may take")


def default_account(organization_id: str, processor: str | None = None) -> Select[ProcessorAccount]:
    """Where a payment of the API is made whose account nobody named: at the default account, and nowhere else if that takes no new
    cards; where a processor is named, at an account of that, the default one first."""
    found = select(ProcessorAccount).where(
        ProcessorAccount.organization_id == organization_id,
        ProcessorAccount.enabled,
        ProcessorAccount.archived_at.is_(None),
    )
    found = found.where(ProcessorAccount.processor == processor if processor else ProcessorAccount.is_default)
    return found.order_by(ProcessorAccount.is_default.desc(), ProcessorAccount.created_at).limit(1)


def account_behind(row: Any) -> ColumnElement[bool]:
    """Joins a model that has a `processor_account_id` with its account."""
    return and_(
        ProcessorAccount.organization_id == row.organization_id, ProcessorAccount.id == row.processor_account_id
    )


def account_of(organization_id: str, account_id: str) -> Select[ProcessorAccount]:
    """One processor account of the organization."""
    return select(ProcessorAccount).where(
        ProcessorAccount.organization_id == organization_id, ProcessorAccount.id == account_id
    )


def accounts_of(organization_id: str, archived: bool = False) -> Select[ProcessorAccount]:
    """The organization's accounts that are not archived, or those that are; the default one first."""
    is_archived = ProcessorAccount.archived_at.is_not(None)
    return (
        select(ProcessorAccount)
        .where(ProcessorAccount.organization_id == organization_id, is_archived if archived else ~is_archived)
        .order_by(ProcessorAccount.is_default.desc(), ProcessorAccount.created_at, ProcessorAccount.id)
    )


def card_of(organization_id: str, card_id: str) -> Select[PaymentMethod]:
    """One card of the organization, whatever its status."""
    return select(PaymentMethod).where(PaymentMethod.organization_id == organization_id, PaymentMethod.id == card_id)


def cards_among(organization_id: str, customer_ids: Sequence[str]) -> Select[PaymentMethod]:
    """The stored cards of several customers, newest first."""
    return (
        select(PaymentMethod)
        .where(
            PaymentMethod.organization_id == organization_id,
            PaymentMethod.customer_id.in_(customer_ids),
            PaymentMethod.status == "active",
        )
        .order_by(PaymentMethod.id.desc())
    )


def cards_of(organization_id: str, customer_id: str) -> Select[PaymentMethod]:
    """A customer's stored cards, newest first."""
    return cards_among(organization_id, [customer_id])


def cards_leaving(organization_id: str, customer_id: str) -> Select[PaymentMethod, str]:
    """A customer's detached cards that their processor has not forgotten yet, each with that processor."""
    leaving = select(PaymentMethod).where(
        PaymentMethod.organization_id == organization_id,
        PaymentMethod.customer_id == customer_id,
        PaymentMethod.removal.in_(("pending", "refused")),
    )
    return with_processors(leaving.order_by(PaymentMethod.id.desc()))


def cards_with_processors(organization_id: str, customer_id: str) -> Select[PaymentMethod, str]:
    """A customer's stored cards, newest first, each with the processor that stores it."""
    return with_processors(cards_of(organization_id, customer_id))


def with_processors(cards: Select[PaymentMethod]) -> Select[PaymentMethod, str]:
    """Each card with the processor that stores it."""
    where = (ProcessorAccount.organization_id == PaymentMethod.organization_id) & (
        ProcessorAccount.id == PaymentMethod.processor_account_id
    )
    return cards.join(ProcessorAccount, where).add_columns(ProcessorAccount.processor)


def customer_of(organization_id: str, customer_id: str) -> Select[Customer]:
    """One customer of the organization, unless erased."""
    return select(Customer).where(
        Customer.organization_id == organization_id, Customer.id == customer_id, Customer.erased_at.is_(None)
    )


def customers_of(organization_id: str, email_prefix: str = "") -> Select[Customer]:
    """The organization's customers that are not erased; those whose address begins so."""
    found = select(Customer).where(Customer.organization_id == organization_id, Customer.erased_at.is_(None))
    return found.where(begins(Customer.email, email_prefix)) if email_prefix else found
