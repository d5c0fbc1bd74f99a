"""What a merchant lends at: offers, and how they lend. No I/O, no commits."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Index,
    Select,
    String,
    UniqueConstraint,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base, PublicId
from ballast.models.columns import Scoped, created_column, id_column, json_column, one_of
from ballast.models.states import OFFER

OFFER_INTERVALS: Final = ("day", "week", "month")


PREPAYMENTS: Final = ("rebate", "no_rebate")


MOST_INSTALLMENTS: Final = 120


class FinancingOffer(Scoped, Base):
    """A plan that a merchant offers. Editing it changes what is quoted from then on, never an agreement.

    The terms are as in `billing.financing.terms.OfferTerms`. `countries` and `product_ids`: where and for what it is offered; empty
    for everywhere and everything. `customer_cap` and `exposure_cap`: the most that one customer, and all together, may owe under it.
    """

    __tablename__ = "financing_offers"
    __table_args__ = (
        one_of("status", OFFER),
        one_of("interval", OFFER_INTERVALS),
        one_of("prepayment", PREPAYMENTS),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_code"),
        CheckConstraint(f"installments between 2 and {MOST_INSTALLMENTS}", name="installments_sane"),
        CheckConstraint("interval_count between 1 and 366", name="interval_count_sane"),
        CheckConstraint("rate_bps between 0 and 10000", name="rate_sane"),
        CheckConstraint("down_payment_bps between 0 and 9999", name="down_payment_sane"),
        CheckConstraint("down_payment_amount >= 0", name="down_payment_not_negative"),
        CheckConstraint("fee_bps between 0 and 5000 and fee_amount >= 0", name="fee_sane"),
        CheckConstraint("late_fee_bps between 0 and 10000 and late_fee_amount >= 0", name="late_fee_sane"),
        CheckConstraint("minimum_amount > 0 and minimum_amount <= maximum_amount", name="amounts_ordered"),
        CheckConstraint("grace_days between 0 and 90", name="grace_sane"),
        CheckConstraint("default_after_days between 1 and 365", name="default_sane"),
        UniqueConstraint("organization_id", "idempotency_key"),
        Index("ix_financing_offers_status", "organization_id", "status", "position"),
    )
    machine = "financing_offer"

    id: Mapped[str] = id_column("offer")
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="", server_default="")
    status: Mapped[str] = mapped_column(default="draft", server_default="draft")
    currency: Mapped[str]
    installments: Mapped[int] = mapped_column(doc="after the down payment")
    interval: Mapped[str] = mapped_column(default="month", server_default="month")
    interval_count: Mapped[int] = mapped_column(default=1, server_default="1")
    rate_bps: Mapped[int] = mapped_column(default=0, server_default="0", doc="nominal, a year")
    down_payment_bps: Mapped[int] = mapped_column(default=0, server_default="0")
    down_payment_amount: Mapped[int] = mapped_column(default=0, server_default="0")
    fee_bps: Mapped[int] = mapped_column(default=0, server_default="0", doc="origination fee, of the amount lent")
    fee_amount: Mapped[int] = mapped_column(default=0, server_default="0")
    fee_financed: Mapped[bool] = mapped_column(default=False, server_default="false")
    minimum_amount: Mapped[int]
    maximum_amount: Mapped[int]
    late_fee_bps: Mapped[int] = mapped_column(default=0, server_default="0", doc="of the installment")
    late_fee_amount: Mapped[int] = mapped_column(default=0, server_default="0")
    late_fee_cap: Mapped[int | None]
    grace_days: Mapped[int] = mapped_column(default=10, server_default="10")
    first_due_days: Mapped[int | None] = mapped_column(doc="after the start; one interval later where there is none")
    first_due_day: Mapped[int | None] = mapped_column(doc="of the month")
    prepayment: Mapped[str] = mapped_column(default="rebate", server_default="rebate")
    default_after_days: Mapped[int] = mapped_column(default=90, server_default="90")
    accelerates: Mapped[bool] = mapped_column(default=False, server_default="false")
    countries: Mapped[list[str]] = mapped_column(ARRAY(String), default=list, server_default="{}")
    product_ids: Mapped[list[str]] = mapped_column(ARRAY(String), default=list, server_default="{}")
    customer_cap: Mapped[int | None]
    exposure_cap: Mapped[int | None]
    expected_loss_bps: Mapped[int] = mapped_column(default=0, server_default="0")
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    idempotency_key: Mapped[str | None] = mapped_column(doc="of the request that made it; one makes one, for ever")
    metadata_: Mapped[dict[str, Any]] = json_column("metadata")
    created_at: Mapped[datetime] = created_column()
    published_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]


class FinancingSettings(Base):
    """How an organization lends: one row, with the defaults until somebody changes them.

    `interest_allowed_at`: when somebody who may confirmed that the law lets them charge interest, late fees above nothing, or more
    than four payments.
    """

    __tablename__ = "financing_settings"

    organization_id: Mapped[str] = mapped_column(PublicId("org"), ForeignKey("organizations.id"), primary_key=True)
    interest_allowed_at: Mapped[datetime | None] = mapped_column(doc="real time")
    interest_allowed_by: Mapped[str | None] = mapped_column(PublicId("usr"), ForeignKey("users.id"))
    charge_off_days: Mapped[int] = mapped_column(default=180, server_default="180", doc="past due")
    date_move_days: Mapped[int] = mapped_column(default=15, server_default="15", doc="the farthest a due date may move")
    date_moves: Mapped[int] = mapped_column(default=2, server_default="2", doc="by the customer, an agreement")
    pause_months: Mapped[int] = mapped_column(default=3, server_default="3", doc="the longest pause for hardship")
    payoff_days: Mapped[int] = mapped_column(default=10, server_default="10", doc="how far ahead a payoff is quoted")


def offer_of(organization_id: str, offer_id: str) -> Select[FinancingOffer]:
    """One offer of the organization."""
    return select(FinancingOffer).where(
        FinancingOffer.organization_id == organization_id, FinancingOffer.id == offer_id
    )


def published_offers(organization_id: str) -> Select[FinancingOffer]:
    """What may be offered now, in the merchant's order."""
    found = select(FinancingOffer).where(
        FinancingOffer.organization_id == organization_id, FinancingOffer.status == "published"
    )
    return found.order_by(FinancingOffer.position, FinancingOffer.id)
