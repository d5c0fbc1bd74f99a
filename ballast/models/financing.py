"""Financing: what is offered, what was agreed, what of it is owed, and everything that changed it.

An agreement's terms are frozen when its customer consents; Postgres refuses to change them. What is owed stands on its installments;
every change of that is an entry (how much, because of what), and every change of the schedule an amendment. Both are append-only. All
amounts are minor units of the agreement's currency; dates are days in the agreement's time zone.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Index,
    LargeBinary,
    Select,
    UniqueConstraint,
    exists,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.columns import Scoped, created_column, id_column, json_column, one_of, reference, within
from ballast.models.customers import is_held
from ballast.models.states import AGREEMENT, INSTALLMENT
from ballast.security import new_token

# `reopened`: a debt that a lost dispute brought back; only its customer may pay it.
INSTALLMENT_KINDS: Final = ("scheduled", "reopened")
ENTRY_KINDS: Final = (
    "scheduled",
    "payment",
    "payment_reversed",
    "late_fee",
    "late_fee_waived",
    "interest_rebated",
    "interest_waived",
    "principal_credited",
    "credit_reversed",
    "rescheduled",
    "reopened",
    "written_off",
)
AMENDMENT_KINDS: Final = (
    "payment_early",
    "payoff",
    "extra_payment",
    "recorded_payment",
    "date_moved",
    "card_changed",
    "paused",
    "late_fee_waived",
    "rescheduled",
    "written_off",
    "settled",
    "refunded",
    "dispute_lost",
    "accelerated",
    "canceled",
)


class FinancingAgreement(Scoped, Base):
    """What a customer consented to. `terms`: everything agreed, the schedule too, as it was disclosed; `terms_hash` its SHA-256.

    `next_action_at`: when the sweeper has to look at it (something falls due, becomes late, is in default), on the organization's
    clock. `started_on`: the day interest begins. `interest_earned`: what has been recognized as income so far, up to `accrued_on`.
    """

    __tablename__ = "financing_agreements"
    __table_args__ = (
        one_of("status", AGREEMENT),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_code"),
        CheckConstraint("principal > 0 and interest >= 0 and down_payment >= 0", name="amounts_sane"),
        CheckConstraint("interest_earned >= 0", name="earned_sane"),
        CheckConstraint("(status in ('draft', 'canceled')) or activated_at is not null", name="activated"),
        within("customer_id", "customers"),
        within("order_id", "orders"),
        within("offer_id", "financing_offers"),
        within("payment_method_id", "payment_methods"),
        Index(
            "uq_financing_agreements_order",
            "organization_id",
            "order_id",
            unique=True,
            postgresql_where="status <> 'canceled'",
        ),
        Index("ix_financing_agreements_drafts", "id", postgresql_where="status = 'draft'"),
        Index(
            "ix_financing_agreements_due",
            "organization_id",
            "next_action_at",
            postgresql_where="next_action_at is not null",
        ),
        Index(
            "ix_financing_agreements_reminder",
            "organization_id",
            "next_reminder_at",
            postgresql_where="next_reminder_at is not null",
        ),
        Index(
            "ix_financing_agreements_accrual",
            "organization_id",
            "accrued_on",
            postgresql_where="accrued_on is not null",
        ),
        Index("ix_financing_agreements_customer", "organization_id", "customer_id", "id"),
        Index("ix_financing_agreements_status", "organization_id", "status", "id"),
        Index("ix_financing_agreements_offer", "organization_id", "offer_id", "id"),
        Index("ix_financing_agreements_card", "organization_id", "payment_method_id"),
        Index(
            "ix_financing_agreements_past_due",
            "organization_id",
            "past_due_since",
            postgresql_where="past_due_since is not null",
        ),
    )
    machine = "financing_agreement"

    id: Mapped[str] = id_column("agr")
    token: Mapped[str] = mapped_column(unique=True, default=lambda: new_token(24))
    status: Mapped[str] = mapped_column(default="draft", server_default="draft")
    customer_id: Mapped[str] = reference("cus")
    order_id: Mapped[str] = reference("ord")
    offer_id: Mapped[str] = reference("offer")
    payment_method_id: Mapped[str | None] = reference("pm", doc="the card that installments are charged to")
    currency: Mapped[str]
    timezone: Mapped[str]
    price: Mapped[int] = mapped_column(doc="what was bought, before the down payment")
    down_payment: Mapped[int]
    fee: Mapped[int] = mapped_column(doc="origination fee, financed or paid up front")
    principal: Mapped[int] = mapped_column(doc="the note: what the schedule repays")
    interest: Mapped[int] = mapped_column(doc="of the whole schedule, precomputed")
    started_on: Mapped[date]
    terms: Mapped[dict[str, Any]] = mapped_column(JSONB())
    terms_hash: Mapped[str]
    consented_at: Mapped[datetime]
    consent_ip: Mapped[str | None]
    consent_agent: Mapped[str] = mapped_column(default="", server_default="")
    activated_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    defaulted_at: Mapped[datetime | None]
    charged_off_at: Mapped[datetime | None]
    past_due_since: Mapped[date | None] = mapped_column(doc="the day the oldest unpaid installment was due")
    paused_until: Mapped[date | None]
    date_moves: Mapped[int] = mapped_column(default=0, server_default="0", doc="by the customer, so far")
    held_at: Mapped[datetime | None] = mapped_column(doc="since when charges wait for a hold on its customer to end")
    under_way: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), doc="what was agreed to happen once the payment that is under way for it arrives"
    )
    interest_earned: Mapped[int] = mapped_column(default=0, server_default="0")
    accrued_on: Mapped[date | None] = mapped_column(doc="earned up to this day; none once nothing more is earned")
    next_action_at: Mapped[datetime | None]
    next_reminder_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None] = mapped_column(doc="real time")
    metadata_: Mapped[dict[str, Any]] = json_column("metadata")
    created_at: Mapped[datetime] = created_column()


class AgreementDocument(Scoped, Base):
    """The disclosure as it was shown and consented to. Append-only; `sha256` is of the HTML, in hex."""

    __tablename__ = "agreement_documents"
    __table_args__ = (
        within("agreement_id", "financing_agreements"),
        UniqueConstraint("organization_id", "agreement_id"),
    )

    id: Mapped[str] = id_column("agd")
    agreement_id: Mapped[str] = reference("agr")
    html: Mapped[str]
    pdf: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str]
    created_at: Mapped[datetime] = created_column()


class Installment(Scoped, Base):
    """One payment of an agreement, as the schedule stands now. `due_at`: the first moment of `due_on` there, when a card is charged.

    What is left of each part is what it came to, less what was paid, credited or waived; it never falls below nothing.
    """

    __tablename__ = "installments"
    __table_args__ = (
        one_of("status", INSTALLMENT),
        one_of("kind", INSTALLMENT_KINDS),
        CheckConstraint(
            "principal_paid >= 0 and principal_credited >= 0 and principal_paid + principal_credited <= principal",
            name="principal_within",
        ),
        CheckConstraint("written_off >= 0 and written_off <= principal_credited", name="written_off_within"),
        CheckConstraint(
            "interest_paid >= 0 and interest_waived >= 0 and interest_paid + interest_waived <= interest",
            name="interest_within",
        ),
        CheckConstraint(
            "late_fee_paid >= 0 and late_fee_waived >= 0 and late_fee_paid + late_fee_waived <= late_fee",
            name="late_fee_within",
        ),
        within("agreement_id", "financing_agreements"),
        within("payment_id", "payments"),
        UniqueConstraint("organization_id", "agreement_id", "number"),
        Index(
            "ix_installments_due", "organization_id", "next_attempt_at", postgresql_where="next_attempt_at is not null"
        ),
        Index("ix_installments_payment", "organization_id", "payment_id"),
        Index("ix_installments_coming", "organization_id", "due_on", postgresql_where="paid_at is null"),
        # What was paid on a later day than it was due (days of UTC, which an index can know; readers look again).
        Index(
            "ix_installments_paid_late",
            "organization_id",
            "paid_at",
            postgresql_where="timezone('UTC', paid_at)::date > due_on",
        ),
    )
    machine = "installment"

    id: Mapped[str] = id_column("inst")
    agreement_id: Mapped[str] = reference("agr")
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(default="scheduled", server_default="scheduled")
    status: Mapped[str] = mapped_column(default="scheduled", server_default="scheduled")
    due_on: Mapped[date]
    due_at: Mapped[datetime]
    principal: Mapped[int]
    interest: Mapped[int]
    late_fee: Mapped[int] = mapped_column(default=0, server_default="0")
    principal_paid: Mapped[int] = mapped_column(default=0, server_default="0")
    interest_paid: Mapped[int] = mapped_column(default=0, server_default="0")
    late_fee_paid: Mapped[int] = mapped_column(default=0, server_default="0")
    principal_credited: Mapped[int] = mapped_column(
        default=0, server_default="0", doc="by a refund, or written off: it is owed no more"
    )
    written_off: Mapped[int] = mapped_column(
        default=0, server_default="0", doc="of the principal credited, what a settlement left unpaid"
    )
    interest_waived: Mapped[int] = mapped_column(default=0, server_default="0", doc="rebated, waived, or written off")
    late_fee_waived: Mapped[int] = mapped_column(default=0, server_default="0")
    payment_id: Mapped[str | None] = reference("pay", doc="the payment under way for it, or the last one")
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    keeps_card: Mapped[bool] = mapped_column(
        default=False, server_default="false", doc="the card of the payment under way for it is charged from then on"
    )
    first_failed_at: Mapped[datetime | None]
    last_failed_at: Mapped[datetime | None]
    late_fee_at: Mapped[datetime | None] = mapped_column(doc="when its late fee was decided; it is decided once")
    next_attempt_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None] = mapped_column(doc="real time")
    paid_at: Mapped[datetime | None] = mapped_column(doc="when nothing of it was owed any more")
    created_at: Mapped[datetime] = created_column()

    @property
    def principal_left(self) -> int:
        return self.principal - self.principal_paid - self.principal_credited

    @property
    def interest_left(self) -> int:
        return self.interest - self.interest_paid - self.interest_waived

    @property
    def late_fee_left(self) -> int:
        return self.late_fee - self.late_fee_paid - self.late_fee_waived

    @property
    def left(self) -> int:
        """Minor units still owed of it."""
        return self.principal_left + self.interest_left + self.late_fee_left

    @property
    def paid(self) -> int:
        """Minor units that were paid of it."""
        return self.principal_paid + self.interest_paid + self.late_fee_paid

    @property
    def forgiven(self) -> int:
        """Minor units of it that nobody has to pay any more: credited, rebated or waived."""
        return self.principal_credited + self.interest_waived + self.late_fee_waived

    @property
    def amount(self) -> int:
        """What it came to, the late fee included."""
        return self.principal + self.interest + self.late_fee


class AgreementAmendment(Scoped, Base):
    """A change of a running agreement: what it was before and after, who made it, and the hash of the preview they had seen.

    Append-only. `effective_at` is on the organization's clock, and may lie before it was made (a payment recorded late).
    """

    __tablename__ = "agreement_amendments"
    __table_args__ = (
        one_of("kind", AMENDMENT_KINDS),
        within("agreement_id", "financing_agreements"),
        within("payment_id", "payments"),
        within("refund_id", "refunds"),
        UniqueConstraint("organization_id", "agreement_id", "number"),
        UniqueConstraint("organization_id", "idempotency_key"),
    )

    id: Mapped[str] = id_column("amd")
    agreement_id: Mapped[str] = reference("agr")
    number: Mapped[int]
    kind: Mapped[str]
    preview_hash: Mapped[str] = mapped_column(default="", server_default="")
    before: Mapped[dict[str, Any]] = json_column()
    after: Mapped[dict[str, Any]] = json_column()
    reason: Mapped[str] = mapped_column(default="", server_default="")
    actor: Mapped[str] = mapped_column(doc="as in the audit log")
    payment_id: Mapped[str | None] = reference("pay")
    refund_id: Mapped[str | None] = reference("re")
    idempotency_key: Mapped[str | None]
    effective_at: Mapped[datetime]
    created_at: Mapped[datetime] = created_column()


class AgreementEntry(Scoped, Base):
    """A change of what is owed: signed minor units of each part (negative: owed no more), because of `source`. Append-only.

    Once per source, kind and installment. The sum of an agreement's entries is its balance.
    """

    __tablename__ = "agreement_entries"
    __table_args__ = (
        one_of("kind", ENTRY_KINDS),
        CheckConstraint("principal <> 0 or interest <> 0 or late_fee <> 0", name="moves"),
        within("agreement_id", "financing_agreements"),
        within("installment_id", "installments"),
        within("payment_id", "payments"),
        UniqueConstraint("organization_id", "source", "kind", "installment_id"),
        Index("ix_agreement_entries_agreement", "organization_id", "agreement_id", "id"),
        Index("ix_agreement_entries_payment", "organization_id", "payment_id"),
    )

    id: Mapped[str] = id_column("age")
    agreement_id: Mapped[str] = reference("agr")
    installment_id: Mapped[str] = reference("inst")
    kind: Mapped[str]
    principal: Mapped[int] = mapped_column(default=0, server_default="0")
    interest: Mapped[int] = mapped_column(default=0, server_default="0")
    late_fee: Mapped[int] = mapped_column(default=0, server_default="0")
    source: Mapped[str] = mapped_column(doc="the id of the attempt, refund, dispute, amendment or agreement behind it")
    payment_id: Mapped[str | None] = reference("pay")
    effective_on: Mapped[date]
    created_at: Mapped[datetime] = created_column()


def is_chargeable() -> ColumnElement[bool]:
    """Whether an installment's card may be charged now: its customer's charges are not on hold."""
    return exists().where(
        FinancingAgreement.organization_id == Installment.organization_id,
        FinancingAgreement.id == Installment.agreement_id,
        ~is_held(FinancingAgreement.organization_id, FinancingAgreement.customer_id),
    )


def agreement_of(organization_id: str, agreement_id: str) -> Select[FinancingAgreement]:
    """One agreement of the organization."""
    return select(FinancingAgreement).where(
        FinancingAgreement.organization_id == organization_id, FinancingAgreement.id == agreement_id
    )


def agreements_of_order(organization_id: str, order_id: str) -> Select[str]:
    """The id of the agreement an order is paid with: one, or none."""
    return select(FinancingAgreement.id).where(
        FinancingAgreement.organization_id == organization_id,
        FinancingAgreement.order_id == order_id,
        FinancingAgreement.status != "canceled",
    )


def installments_of(organization_id: str, agreement_id: str) -> Select[Installment]:
    """An agreement's installments, in order."""
    found = select(Installment).where(
        Installment.organization_id == organization_id, Installment.agreement_id == agreement_id
    )
    return found.order_by(Installment.number)


def entries_of(organization_id: str, agreement_id: str) -> Select[AgreementEntry]:
    """Everything that changed what is owed, as it happened."""
    found = select(AgreementEntry).where(
        AgreementEntry.organization_id == organization_id, AgreementEntry.agreement_id == agreement_id
    )
    return found.order_by(AgreementEntry.id)


def amendments_of(organization_id: str, agreement_id: str) -> Select[AgreementAmendment]:
    """An agreement's amendments, first to last."""
    found = select(AgreementAmendment).where(
        AgreementAmendment.organization_id == organization_id, AgreementAmendment.agreement_id == agreement_id
    )
    return found.order_by(AgreementAmendment.number)
