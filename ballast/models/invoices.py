"""Invoices, what stands on them, credit notes, and what an organization owes its customers.

An invoice is a draft until it is finalized; from then on its lines, its customer and its number are frozen. All amounts are minor
units of its currency. `total` may be negative (a downgrade); what it is short of nothing becomes the customer's credit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, Index, Select, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.columns import Scoped, created_column, id_column, json_column, one_of, reference, within
from ballast.models.states import CREDIT_NOTE, INVOICE
from ballast.security import new_token

# Why there is an invoice: the first of a subscription, one of its periods, a change within a period, or by hand.
BILLING_REASONS: Final = ("subscription_create", "subscription_cycle", "subscription_update", "manual")
CREDIT_REASONS: Final = ("duplicate", "fraudulent", "order_change", "product_unsatisfactory", "other")


class Invoice(Scoped, Base):
    """What a customer is asked to pay. `next_attempt_at`: when a card is charged for it, on the organization's clock.

    `change`: what its payment brings about (`price_id`, `quantity`, `at`), for a change that must be paid first. `failures`: declined
    attempts so far. `token`: the address of its page.
    """

    __tablename__ = "invoices"
    __table_args__ = (
        one_of("status", INVOICE),
        one_of("billing_reason", BILLING_REASONS),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_code"),
        CheckConstraint("total = subtotal - discount + tax_added", name="total_adds_up"),
        CheckConstraint("amount_due = greatest(total, 0) - credit_applied", name="due_adds_up"),
        CheckConstraint("credit_applied between 0 and greatest(total, 0)", name="credit_within_total"),
        CheckConstraint("amount_paid in (0, amount_due)", name="paid_whole"),
        CheckConstraint("(status = 'draft') = (number is null)", name="numbered_when_final"),
        within("customer_id", "customers"),
        within("subscription_id", "subscriptions"),
        within("payment_id", "payments"),
        UniqueConstraint("organization_id", "number"),
        Index(
            "uq_invoices_period",
            "organization_id",
            "subscription_id",
            "anchor_at",
            "period",
            unique=True,
            postgresql_where="billing_reason in ('subscription_create', 'subscription_cycle') and status <> 'void'",
        ),
        Index(
            "uq_invoices_one_change",
            "organization_id",
            "subscription_id",
            unique=True,
            postgresql_where="billing_reason = 'subscription_update' and status = 'open'",
        ),
        Index("ix_invoices_turn", "organization_id", "next_attempt_at", postgresql_where="next_attempt_at is not null"),
        Index("ix_invoices_subscription", "organization_id", "subscription_id", "id"),
        Index("ix_invoices_customer", "organization_id", "customer_id", "id"),
        Index("ix_invoices_total", "organization_id", "total", "id"),
        Index(
            "ix_invoices_email",
            "organization_id",
            "customer_email",
            postgresql_ops={"customer_email": "text_pattern_ops"},
        ),
        Index("ix_invoices_status", "organization_id", "status", "id"),
        Index("ix_invoices_payment", "organization_id", "payment_id"),
    )
    machine = "invoice"

    id: Mapped[str] = id_column("in")
    token: Mapped[str] = mapped_column(unique=True, default=lambda: new_token(24))
    number: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="draft", server_default="draft")
    billing_reason: Mapped[str]
    customer_id: Mapped[str] = reference("cus")
    customer_name: Mapped[str] = mapped_column(default="", server_default="")
    customer_email: Mapped[str | None]
    subscription_id: Mapped[str | None] = reference("sub")
    payment_id: Mapped[str | None] = reference("pay")
    anchor_at: Mapped[datetime | None]
    period: Mapped[int | None]
    period_start: Mapped[datetime | None]
    period_end: Mapped[datetime | None]
    currency: Mapped[str]
    subtotal: Mapped[int]
    discount: Mapped[int] = mapped_column(default=0, server_default="0")
    tax: Mapped[int] = mapped_column(default=0, server_default="0")
    tax_added: Mapped[int] = mapped_column(default=0, server_default="0", doc="`tax`, or 0 where prices include it")
    tax_name: Mapped[str | None]
    tax_bps: Mapped[int | None]
    tax_inclusive: Mapped[bool] = mapped_column(default=False, server_default="false")
    coupon_name: Mapped[str | None]
    total: Mapped[int]
    credit_applied: Mapped[int] = mapped_column(default=0, server_default="0")
    waived: Mapped[int] = mapped_column(
        default=0, server_default="0", doc="the part of that credit that was given, too small to charge"
    )
    amount_due: Mapped[int]
    amount_paid: Mapped[int] = mapped_column(default=0, server_default="0")
    amount_credited: Mapped[int] = mapped_column(default=0, server_default="0", doc="by credit notes")
    change: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    keeps_card: Mapped[bool] = mapped_column(
        default=False, server_default="false", doc="whether the card that pays it is the one to charge from then on"
    )
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    first_failed_at: Mapped[datetime | None]
    last_failed_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None] = mapped_column(doc="real time")
    metadata_: Mapped[dict[str, Any]] = json_column("metadata")
    created_at: Mapped[datetime] = created_column()
    finalized_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None] = mapped_column(doc="when it was voided or given up")


class InvoiceLine(Scoped, Base):
    """One line, frozen. `amount` is quantity × unit amount, or a prorated part of it; `tax` and `discount` are its shares."""

    __tablename__ = "invoice_lines"
    __table_args__ = (
        within("invoice_id", "invoices"),
        within("price_id", "prices"),
        Index("ix_invoice_lines_invoice", "organization_id", "invoice_id", "position"),
    )

    id: Mapped[str] = id_column("il")
    invoice_id: Mapped[str] = reference("in")
    position: Mapped[int]
    price_id: Mapped[str | None] = reference("price")
    description: Mapped[str]
    quantity: Mapped[int]
    unit_amount: Mapped[int]
    amount: Mapped[int]
    discount: Mapped[int] = mapped_column(default=0, server_default="0")
    tax: Mapped[int] = mapped_column(default=0, server_default="0")
    is_proration: Mapped[bool] = mapped_column(default=False, server_default="false")
    period_start: Mapped[datetime | None]
    period_end: Mapped[datetime | None]


class CreditNote(Scoped, Base):
    """An invoice taken back, in part or whole: as a refund of its payment, or as credit for the next one."""

    __tablename__ = "credit_notes"
    __table_args__ = (
        one_of("status", CREDIT_NOTE),
        one_of("reason", CREDIT_REASONS),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("tax between 0 and amount", name="tax_within_amount"),
        within("invoice_id", "invoices"),
        within("customer_id", "customers"),
        within("refund_id", "refunds"),
        UniqueConstraint("organization_id", "number"),
        UniqueConstraint("organization_id", "idempotency_key"),
        Index("ix_credit_notes_invoice", "organization_id", "invoice_id", "id"),
    )
    machine = "credit_note"

    id: Mapped[str] = id_column("cn")
    number: Mapped[str]
    status: Mapped[str] = mapped_column(default="issued", server_default="issued")
    invoice_id: Mapped[str] = reference("in")
    customer_id: Mapped[str] = reference("cus")
    refund_id: Mapped[str | None] = reference("re")
    amount: Mapped[int]
    tax: Mapped[int] = mapped_column(default=0, server_default="0")
    currency: Mapped[str]
    reason: Mapped[str] = mapped_column(default="other", server_default="other")
    memo: Mapped[str] = mapped_column(default="", server_default="")
    idempotency_key: Mapped[str | None] = mapped_column(doc="of the request that made it; one makes one, for ever")
    created_at: Mapped[datetime] = created_column()


class CreditBalance(Scoped, Base):
    """What the organization owes a customer in a currency. Its row is locked by whoever changes it."""

    __tablename__ = "credit_balances"
    __table_args__ = (within("customer_id", "customers"), CheckConstraint("amount >= 0", name="amount_not_negative"))

    customer_id: Mapped[str] = reference("cus", primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column(default=0, server_default="0")


class CreditEntry(Scoped, Base):
    """Why a balance changed: positive for what the customer got, negative for what an invoice took. Once per source."""

    __tablename__ = "credit_entries"
    __table_args__ = (
        within("customer_id", "customers"),
        CheckConstraint("amount <> 0", name="amount_moves"),
        UniqueConstraint("organization_id", "source", "kind"),
        Index("ix_credit_entries_customer", "organization_id", "customer_id", "id"),
    )

    id: Mapped[str] = id_column("cre")
    customer_id: Mapped[str] = reference("cus")
    currency: Mapped[str]
    amount: Mapped[int]
    kind: Mapped[str]
    source: Mapped[str] = mapped_column(doc="the id of the invoice or credit note")
    created_at: Mapped[datetime] = created_column()


def invoice_of(organization_id: str, invoice_id: str) -> Select[Invoice]:
    """One invoice of the organization."""
    return select(Invoice).where(Invoice.organization_id == organization_id, Invoice.id == invoice_id)


def lines_of_invoice(organization_id: str, invoice_id: str) -> Select[InvoiceLine]:
    """An invoice's lines, in order."""
    found = select(InvoiceLine).where(
        InvoiceLine.organization_id == organization_id, InvoiceLine.invoice_id == invoice_id
    )
    return found.order_by(InvoiceLine.position)


def invoices_of_subscription(organization_id: str, subscription_id: str) -> Select[Invoice]:
    """A subscription's invoices, newest first."""
    found = select(Invoice).where(
        Invoice.organization_id == organization_id, Invoice.subscription_id == subscription_id
    )
    return found.order_by(Invoice.id.desc())


def credit_note_of(organization_id: str, note_id: str) -> Select[CreditNote]:
    """One credit note of the organization."""
    return select(CreditNote).where(CreditNote.organization_id == organization_id, CreditNote.id == note_id)


def credit_notes_of(organization_id: str, invoice_id: str) -> Select[CreditNote]:
    """An invoice's credit notes, newest first."""
    found = select(CreditNote).where(CreditNote.organization_id == organization_id, CreditNote.invoice_id == invoice_id)
    return found.order_by(CreditNote.id.desc())
