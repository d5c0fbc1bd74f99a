"""Payments, the attempts to collect them, what they claim, and refunds.

Two partial unique indexes are the double-charge firewall: one open attempt per payment, one open claim per obligation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, Index, Select, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.columns import (
    Scoped,
    created_column,
    id_column,
    json_column,
    money_checks,
    one_of,
    reference,
    within,
)
from ballast.models.customers import PROCESSORS
from ballast.models.states import ATTEMPT, CLAIM, OPEN_ATTEMPT, PAYMENT, REFUND, UNSETTLED_REFUND

CAPTURE_METHODS: Final = ("automatic", "manual")
# Why nothing was, or will be, taken; None where somebody canceled it without a word. `expired`: nobody captured it in time.
CANCELLATION_REASONS: Final = ("expired",)
DECLINE_CLASSES: Final = ("soft", "hard", "authentication", "fraud", "configuration")
OBLIGATIONS: Final = ("order", "period", "installment")
OPEN_ATTEMPT_SQL: Final = "status in ({})".format(", ".join(f"'{state}'" for state in OPEN_ATTEMPT))
UNSETTLED_REFUND_SQL: Final = "status in ({})".format(", ".join(f"'{state}'" for state in UNSETTLED_REFUND))


class Payment(Scoped, Base):
    """An amount somebody is to pay, through at most one open attempt at a time."""

    __tablename__ = "payments"
    __table_args__ = (
        one_of("status", PAYMENT),
        one_of("capture_method", CAPTURE_METHODS),
        one_of("processor", PROCESSORS),
        one_of("cancellation_reason", CANCELLATION_REASONS),
        *money_checks(),
        CheckConstraint("amount_captured between 0 and amount", name="captured_within_amount"),
        CheckConstraint("amount_refunded between 0 and amount_captured", name="refunded_within_captured"),
        within("customer_id", "customers"),
        within("processor_account_id", "processor_accounts"),
        within("payment_method_id", "payment_methods"),
        within("order_id", "orders"),
        UniqueConstraint("organization_id", "idempotency_key"),
        Index("ix_payments_status", "organization_id", "status", "id"),
        Index("ix_payments_customer", "organization_id", "customer_id", "id"),
        Index("ix_payments_order", "organization_id", "order_id"),
        Index("ix_payments_last4", "organization_id", "card_last4", "id"),
        Index("ix_payments_created", "organization_id", "created_at"),
        Index("ix_payments_amount", "organization_id", "amount", "id"),
        Index("ix_payments_capture_before", "capture_before", postgresql_where="status = 'requires_capture'"),
        Index(
            "ix_payments_metadata",
            "metadata",
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
        ),
    )
    machine = "payment"

    id: Mapped[str] = id_column("pay")
    amount: Mapped[int]
    currency: Mapped[str]
    status: Mapped[str] = mapped_column(default="requires_payment_method")
    capture_method: Mapped[str] = mapped_column(default="automatic", server_default="automatic")
    off_session: Mapped[bool] = mapped_column(default=False, server_default="false")
    save_card: Mapped[bool] = mapped_column(default=False, server_default="false")
    amount_captured: Mapped[int] = mapped_column(default=0, server_default="0")
    amount_refunded: Mapped[int] = mapped_column(default=0, server_default="0")
    description: Mapped[str | None]
    processor: Mapped[str]
    processor_account_id: Mapped[str] = reference("pac")
    payment_method_token: Mapped[str | None] = mapped_column(doc="the processor's own token for the card to charge")
    payment_method_id: Mapped[str | None] = reference("pm")
    customer_id: Mapped[str | None] = reference("cus")
    order_id: Mapped[str | None] = reference("ord")
    card_brand: Mapped[str | None]
    card_last4: Mapped[str | None]
    last_error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    next_action: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    metadata_: Mapped[dict[str, Any]] = json_column("metadata")
    idempotency_key: Mapped[str | None]
    created_at: Mapped[datetime] = created_column()
    succeeded_at: Mapped[datetime | None]
    canceled_at: Mapped[datetime | None]
    cancellation_reason: Mapped[str | None]
    capture_before: Mapped[datetime | None] = mapped_column(
        doc="until when what is held can be captured; on the organization's clock"
    )

    @property
    def refundable(self) -> int:
        """Captured minor units not yet refunded (refunds under way are reserved on top of this, under the row's lock)."""
        return self.amount_captured - self.amount_refunded


class Attempt(Scoped, Base):
    """One try to collect a payment at one processor. Committed before the call, finished after it, or by the resolver.

    `send_deadline_at`: nothing may be sent after it. `next_probe_at`: when the resolver asks the processor. Both are real time.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        one_of("status", ATTEMPT),
        one_of("decline_class", DECLINE_CLASSES),
        *money_checks(),
        within("payment_id", "payments"),
        within("processor_account_id", "processor_accounts"),
        within("payment_method_id", "payment_methods"),
        UniqueConstraint("organization_id", "payment_id", "number"),
        Index("uq_attempts_one_open", "organization_id", "payment_id", unique=True, postgresql_where=OPEN_ATTEMPT_SQL),
        Index("uq_attempts_external", "processor_account_id", "external_id", unique=True),
        Index(
            "ix_attempts_card",
            "organization_id",
            "payment_method_id",
            "amount",
            "created_at",
            postgresql_where="payment_method_id is not null",
        ),
        Index("ix_attempts_sent", "processor_account_id", "send_deadline_at"),
        Index("ix_attempts_probe", "next_probe_at", postgresql_where=OPEN_ATTEMPT_SQL),
    )
    machine = "attempt"

    id: Mapped[str] = id_column("att")
    payment_id: Mapped[str] = reference("pay")
    number: Mapped[int]
    status: Mapped[str] = mapped_column(default="created")
    processor: Mapped[str]
    processor_account_id: Mapped[str] = reference("pac")
    amount: Mapped[int]
    currency: Mapped[str]
    off_session: Mapped[bool] = mapped_column(default=False)
    payment_method_id: Mapped[str | None] = reference("pm", doc="the stored card it charges")
    external_id: Mapped[str | None]
    client_secret: Mapped[str | None]
    decline_class: Mapped[str | None]
    decline_code: Mapped[str | None]
    message: Mapped[str | None]
    probes: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = created_column()
    send_deadline_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    next_probe_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_ATTEMPT


class Claim(Scoped, Base):
    """What a payment may settle: an obligation and the part of it, in minor units."""

    __tablename__ = "claims"
    __table_args__ = (
        one_of("status", CLAIM),
        one_of("obligation", OBLIGATIONS),
        CheckConstraint("amount > 0", name="amount_positive"),
        within("payment_id", "payments"),
        Index(
            "uq_claims_one_open",
            "organization_id",
            "obligation",
            "obligation_id",
            unique=True,
            postgresql_where="status = 'open'",
        ),
        Index(
            "uq_claims_paid_once",
            "organization_id",
            "obligation",
            "obligation_id",
            unique=True,
            postgresql_where="obligation in ('order', 'period') and status in ('open', 'paid')",
        ),
        Index("ix_claims_payment", "organization_id", "payment_id"),
    )
    machine = "claim"

    id: Mapped[str] = id_column("clm")
    payment_id: Mapped[str] = reference("pay")
    obligation: Mapped[str]
    obligation_id: Mapped[str]
    amount: Mapped[int]
    status: Mapped[str] = mapped_column(default="open")
    created_at: Mapped[datetime] = created_column()


class Refund(Scoped, Base):
    """Money going back. Reserved under the payment's lock: what is held or done never exceeds what was captured."""

    __tablename__ = "refunds"
    __table_args__ = (
        one_of("status", REFUND),
        *money_checks(),
        CheckConstraint("of_invoice between 0 and amount", name="of_invoice_within_amount"),
        CheckConstraint("tax between 0 and amount - of_invoice", name="tax_within_amount"),
        within("payment_id", "payments"),
        within("attempt_id", "attempts"),
        within("late_success_id", "late_successes"),
        UniqueConstraint("organization_id", "idempotency_key"),
        Index(
            "uq_refunds_late_once",
            "organization_id",
            "late_success_id",
            unique=True,
            postgresql_where="late_success_id is not null and status not in ('failed', 'canceled')",
        ),
        Index("ix_refunds_status", "organization_id", "status", "id"),
        Index("ix_refunds_payment", "organization_id", "payment_id", "id"),
        Index("ix_refunds_external", "organization_id", "external_id"),
        Index("ix_refunds_sent", "organization_id", "sent_at"),
        Index(
            "ix_refunds_due",
            "next_attempt_at",
            postgresql_where=UNSETTLED_REFUND_SQL,
        ),
    )
    machine = "refund"

    id: Mapped[str] = id_column("re")
    payment_id: Mapped[str] = reference("pay")
    attempt_id: Mapped[str] = reference("att")
    late_success_id: Mapped[str | None] = reference("late", doc="what came late and goes back: no part of the payment")
    amount: Mapped[int]
    of_invoice: Mapped[int] = mapped_column(
        default=0,
        server_default="0",
        doc="of the amount, what goes back of an invoice that was paid together with an order",
    )
    tax: Mapped[int] = mapped_column(default=0, server_default="0", doc="of the amount, what is tax of an order")
    discount: Mapped[int] = mapped_column(
        default=0, server_default="0", doc="of the order's discount, the share of what goes back"
    )
    currency: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending")
    reason: Mapped[str | None]
    external_id: Mapped[str | None]
    message: Mapped[str | None]
    requested_by: Mapped[str | None]
    idempotency_key: Mapped[str | None]
    probes: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = created_column()
    next_attempt_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None] = mapped_column(doc="the last moment at which it may have been sent; real time")
    finished_at: Mapped[datetime | None]


def payment_of(organization_id: str, payment_id: str) -> Select[Payment]:
    """One payment of the organization."""
    return select(Payment).where(Payment.organization_id == organization_id, Payment.id == payment_id)


def attempts_of(organization_id: str, payment_id: str) -> Select[Attempt]:
    """A payment's attempts, first to last."""
    found = select(Attempt).where(Attempt.organization_id == organization_id, Attempt.payment_id == payment_id)
    return found.order_by(Attempt.number)


def open_attempt_of(organization_id: str, payment_id: str) -> Select[Attempt]:
    """The payment's open attempt; the database allows one."""
    return attempts_of(organization_id, payment_id).where(Attempt.status.in_(OPEN_ATTEMPT))


def approved_attempt_of(organization_id: str, payment_id: str) -> Select[Attempt]:
    """The attempt that charged a payment, or holds its money; there is one at most."""
    return attempts_of(organization_id, payment_id).where(Attempt.status == "approved")


def refund_of(organization_id: str, refund_id: str) -> Select[Refund]:
    """One refund of the organization."""
    return select(Refund).where(Refund.organization_id == organization_id, Refund.id == refund_id)


def refunds_of(organization_id: str, payment_id: str) -> Select[Refund]:
    """A payment's refunds, first to last."""
    found = select(Refund).where(Refund.organization_id == organization_id, Refund.payment_id == payment_id)
    return found.order_by(Refund.id)
