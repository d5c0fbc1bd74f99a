"""Coupons, the codes that stand for them, and tax rates. All are archived, never deleted: invoices keep what they say."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, Index, Select, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.columns import Scoped, created_column, id_column, json_column, one_of, reference, within

DURATIONS: Final = ("once", "repeating", "forever")
# What a coupon takes off: what is bought once, subscriptions, or both.
APPLIES_TO: Final = ("all", "goods", "subscriptions")


class Coupon(Scoped, Base):
    """A discount: `percent_bps` of what is billed, or `amount_off` minor units of `currency`; for one period, `periods`, or all.

    `redeemed` is raised under the row's lock, so that `max_redemptions` holds.
    """

    __tablename__ = "coupons"
    __table_args__ = (
        one_of("duration", DURATIONS),
        one_of("applies_to", APPLIES_TO),
        CheckConstraint("(percent_bps is null) <> (amount_off is null)", name="one_kind"),
        CheckConstraint("percent_bps between 1 and 10000", name="percent_range"),
        CheckConstraint("amount_off > 0", name="amount_positive"),
        CheckConstraint("(amount_off is null) = (currency is null)", name="amount_has_currency"),
        CheckConstraint("(duration = 'repeating') = (periods is not null)", name="periods_when_repeating"),
        CheckConstraint("max_redemptions is null or redeemed <= max_redemptions", name="within_limit"),
    )

    id: Mapped[str] = id_column("cpn")
    name: Mapped[str]
    percent_bps: Mapped[int | None]
    amount_off: Mapped[int | None]
    currency: Mapped[str | None]
    duration: Mapped[str]
    applies_to: Mapped[str] = mapped_column(default="all", server_default="all")
    periods: Mapped[int | None]
    max_redemptions: Mapped[int | None]
    redeemed: Mapped[int] = mapped_column(default=0, server_default="0")
    redeem_by: Mapped[datetime | None]
    metadata_: Mapped[dict[str, Any]] = json_column("metadata")
    created_at: Mapped[datetime] = created_column()
    archived_at: Mapped[datetime | None]


class PromotionCode(Scoped, Base):
    """What a customer types to get a coupon. Upper case, once per organization."""

    __tablename__ = "promotion_codes"
    __table_args__ = (
        within("coupon_id", "coupons"),
        UniqueConstraint("organization_id", "code"),
        CheckConstraint("code ~ '^[A-Z0-9_-]{3,40}$'", name="code_shape"),
        CheckConstraint("max_redemptions is null or redeemed <= max_redemptions", name="within_limit"),
    )

    id: Mapped[str] = id_column("promo")
    coupon_id: Mapped[str] = reference("cpn")
    code: Mapped[str]
    max_redemptions: Mapped[int | None]
    redeemed: Mapped[int] = mapped_column(default=0, server_default="0")
    first_purchase_only: Mapped[bool] = mapped_column(default=False, server_default="false")
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = created_column()
    archived_at: Mapped[datetime | None]


class TaxRate(Scoped, Base):
    """A tax of a country, or of a region of it. `inclusive`: prices there are meant with the tax in them."""

    __tablename__ = "tax_rates"
    __table_args__ = (
        CheckConstraint("bps between 0 and 10000", name="bps_range"),
        CheckConstraint("shipping_bps between 0 and 10000", name="shipping_bps_range"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_code"),
        Index(
            "uq_tax_rates_place",
            "organization_id",
            "country",
            "region",
            unique=True,
            postgresql_where="archived_at is null",
        ),
    )

    id: Mapped[str] = id_column("txr")
    name: Mapped[str]
    country: Mapped[str]
    region: Mapped[str] = mapped_column(default="", server_default="")
    bps: Mapped[int]
    shipping_bps: Mapped[int | None] = mapped_column(doc="of what it costs to send goods; none: as the goods")
    inclusive: Mapped[bool] = mapped_column(default=False, server_default="false")
    created_at: Mapped[datetime] = created_column()
    archived_at: Mapped[datetime | None]


def coupon_of(organization_id: str, coupon_id: str) -> Select[Coupon]:
    """One coupon of the organization."""
    return select(Coupon).where(Coupon.organization_id == organization_id, Coupon.id == coupon_id)


def rate_for(organization_id: str, country: str, region: str) -> Select[TaxRate]:
    """The tax of a place: the region's, whose capitals do not matter, else the country's."""
    found = select(TaxRate).where(
        TaxRate.organization_id == organization_id,
        TaxRate.country == country,
        func.lower(TaxRate.region).in_({region.strip().lower(), ""}),
        TaxRate.archived_at.is_(None),
    )
    return found.order_by(TaxRate.region.desc()).limit(1)


def coupons_on_offer(organization_id: str) -> Select[Coupon]:
    """Coupons that are not archived, newest first; whether one can still be redeemed is asked when it is."""
    found = select(Coupon).where(Coupon.organization_id == organization_id, Coupon.archived_at.is_(None))
    return found.order_by(Coupon.id.desc()).limit(100)
