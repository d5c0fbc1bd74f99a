"""Coupons, the codes that stand for them, and tax rates, as a merchant makes them. Redeeming is `coupons`' affair."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ballast import money
from ballast.billing import kept
from ballast.clock import now
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.ids import new_id, to_uuid
from ballast.models import Coupon, PromotionCode, TaxRate
from ballast.models.discounts import coupon_of


@dataclass(frozen=True)
class NewCoupon:
    """A discount: `percent_bps` basis points, or `amount_off` minor units of `currency`. `periods`: how many, for a repeating one."""

    name: str
    duration: str
    percent_bps: int | None = None
    amount_off: int | None = None
    currency: str | None = None
    periods: int | None = None
    applies_to: str = "all"
    max_redemptions: int | None = None
    redeem_by: datetime | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NewCode:
    """What a customer types for a coupon. `code`: one is made up if left out."""

    coupon_id: str
    code: str | None = None
    max_redemptions: int | None = None
    first_purchase_only: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True)
class NewTaxRate:
    """A tax of a country (ISO 3166), or of a region of it. `inclusive`: prices there are meant with it. `shipping_bps`: of what it
    costs to send goods; None: as the goods."""

    name: str
    country: str
    bps: int
    region: str = ""
    inclusive: bool = False
    shipping_bps: int | None = None


def create_coupon(organization_id: str, asked: NewCoupon) -> Coupon:
    """A new coupon. In the caller's transaction.

    Raises InvalidRequest(`parameter_conflict`, `currency_unknown`, `time_past`).
    """
    _check_kind(asked)
    _check_to_come(asked.redeem_by, "redeem_by")
    return kept.add(
        Coupon(
            id=new_id("cpn"),
            organization_id=organization_id,
            name=asked.name,
            percent_bps=asked.percent_bps,
            amount_off=asked.amount_off,
            currency=asked.currency,
            duration=asked.duration,
            periods=asked.periods,
            applies_to=asked.applies_to,
            max_redemptions=asked.max_redemptions,
            redeemed=0,
            redeem_by=asked.redeem_by,
            metadata_=asked.metadata,
            created_at=now(),
        )
    )


def _check_kind(asked: NewCoupon) -> None:
    if (asked.percent_bps is None) == (asked.amount_off is None):
        raise InvalidRequest(
            "parameter_conflict", "A coupon takes off percent_bps or amount_off: one of them.", param="percent_bps"
        )
    if (asked.amount_off is None) != (asked.currency is None):
        raise InvalidRequest("parameter_conflict", "An amount_off needs its currency.", param="currency")
    if (asked.duration == "repeating") != (asked.periods is not None):
        raise InvalidRequest("parameter_conflict", "A repeating coupon, and no other, has periods.", param="periods")
    if asked.currency is not None:
        money.exponent(asked.currency)


def _check_to_come(moment: datetime | None, param: str) -> None:
    if moment is not None and moment <= now():
        raise InvalidRequest("time_past", "Choose a time to come.", param=param)


def create_code(organization_id: str, asked: NewCode) -> PromotionCode:
    """A new code for a coupon that is not archived. In the caller's transaction.

    Raises InvalidRequest(`coupon_invalid`, `time_past`), Conflict(`code_taken`).
    """
    _check_to_come(asked.expires_at, "expires_at")
    coupon = db.session.scalars(coupon_of(organization_id, asked.coupon_id)).first() if _is_coupon(asked) else None
    if coupon is None or coupon.archived_at is not None:
        raise InvalidRequest("coupon_invalid", "There is no such coupon, or it is archived.", param="coupon")
    code_id = new_id("promo")
    return kept.add(
        PromotionCode(
            id=code_id,
            organization_id=organization_id,
            coupon_id=coupon.id,
            code=(asked.code or code_id[-8:]).upper(),
            max_redemptions=asked.max_redemptions,
            redeemed=0,
            first_purchase_only=asked.first_purchase_only,
            expires_at=asked.expires_at,
            created_at=now(),
        )
    )


def _is_coupon(asked: NewCode) -> bool:
    return to_uuid(asked.coupon_id, "cpn") is not None


def create_tax_rate(organization_id: str, asked: NewTaxRate) -> TaxRate:
    """A new rate, applied to invoices and orders from now on. In the caller's transaction. Raises Conflict(`tax_rate_exists`)."""
    return kept.add(
        TaxRate(
            id=new_id("txr"),
            organization_id=organization_id,
            name=asked.name,
            country=asked.country,
            region=asked.region,
            bps=asked.bps,
            shipping_bps=asked.shipping_bps,
            inclusive=asked.inclusive,
            created_at=now(),
        )
    )
