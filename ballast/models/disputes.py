"""Disputes: charges their holders contest, as the processor tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Index, Select, UniqueConstraint, exists, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.columns import Scoped, created_column, id_column, money_checks, one_of, reference, within
from ballast.models.payments import Attempt
from ballast.models.states import DISPUTE, OPEN_DISPUTE

# The merchant may answer; nobody else does it for them.
NEEDS_ANSWER: Final = ("needs_response", "warning")
# The money is with the bank, unless it only asks (an inquiry).
WITHDRAWN: Final = ("needs_response", "under_review", "lost", "accepted")
# The money stays with the card's holder.
LOST: Final = ("lost", "accepted")
# What we may have decided and not yet brought to the processor.
DISPUTE_ACTIONS: Final = ("submit_evidence", "accept")


class Dispute(Scoped, Base):
    """One dispute of one charge. The processor's word decides its status; `action` is ours, on its way until it is None again."""

    __tablename__ = "disputes"
    __table_args__ = (
        one_of("status", DISPUTE),
        one_of("action", DISPUTE_ACTIONS),
        *money_checks(),
        within("payment_id", "payments"),
        within("attempt_id", "attempts"),
        within("processor_account_id", "processor_accounts"),
        UniqueConstraint("organization_id", "processor_account_id", "external_id"),
        Index("ix_disputes_payment", "organization_id", "payment_id", "id"),
        Index("ix_disputes_status", "organization_id", "status", "id"),
        Index("ix_disputes_due", "next_attempt_at", postgresql_where="action is not null"),
    )
    machine = "dispute"

    id: Mapped[str] = id_column("dp")
    payment_id: Mapped[str] = reference("pay")
    attempt_id: Mapped[str] = reference("att")
    processor_account_id: Mapped[str] = reference("pac")
    external_id: Mapped[str]
    amount: Mapped[int]
    tax: Mapped[int] = mapped_column(default=0, server_default="0", doc="of the amount, what is tax of an order")
    currency: Mapped[str]
    reason: Mapped[str]
    status: Mapped[str]
    due_at: Mapped[datetime | None]
    evidence: Mapped[str | None]
    action: Mapped[str | None]
    message: Mapped[str | None] = mapped_column(doc="why the processor did not take our action")
    probes: Mapped[int] = mapped_column(default=0, server_default="0")
    next_attempt_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = created_column()
    finished_at: Mapped[datetime | None]

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_DISPUTE

    @property
    def needs_answer(self) -> bool:
        """Whether somebody has to decide: it may be answered, and no answer is on its way."""
        return self.status in NEEDS_ANSWER and self.action is None

    @property
    def evidence_submitted(self) -> bool:
        """Whether the processor has our text. What it did not take stays as a draft beside its `message`."""
        return bool(self.evidence) and not self.action and not self.message and self.status not in NEEDS_ANSWER


def dispute_of(organization_id: str, dispute_id: str) -> Select[Dispute]:
    """One dispute of the organization."""
    return select(Dispute).where(Dispute.organization_id == organization_id, Dispute.id == dispute_id)


def dispute_at(organization_id: str, account_id: str, external_id: str) -> Select[Dispute]:
    """The dispute that one processor account knows by this id; the database allows one."""
    return select(Dispute).where(
        Dispute.organization_id == organization_id,
        Dispute.processor_account_id == account_id,
        Dispute.external_id == external_id,
    )


def disputes_of(organization_id: str, payment_id: str) -> Select[Dispute]:
    """A payment's disputes, first to last."""
    found = select(Dispute).where(Dispute.organization_id == organization_id, Dispute.payment_id == payment_id)
    return found.order_by(Dispute.id)


def of_what_paid() -> ColumnElement[bool]:
    """Whether a dispute is of the charge that paid its payment, and not of one that came late beside it."""
    return exists().where(
        Attempt.organization_id == Dispute.organization_id,
        Attempt.id == Dispute.attempt_id,
        Attempt.status == "approved",
    )
