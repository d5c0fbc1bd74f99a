"""Coupons and promotion codes: redeemed under the row's lock, so that a limit holds however many ask at once."""

from __future__ import annotations

from sqlalchemy import select

from ballast.billing.pricing import Discount
from ballast.clock import now
from ballast.db import db, once
from ballast.errors import InvalidRequest
from ballast.ids import to_uuid
from ballast.models import Coupon, Invoice, PromotionCode, Subscription
from ballast.models.discounts import coupon_of

UNKNOWN = "This code is not one we know, or it has ended."


def find_code(organization_id: str, code: str, customer_id: str | None, currency: str) -> tuple[PromotionCode, Coupon]:
    """The promotion code a customer typed, and its coupon, if both can be redeemed now. Changes nothing.

    Raises InvalidRequest(`promotion_code_invalid`, `coupon_invalid`).
    """
    wanted = select(PromotionCode).where(
        PromotionCode.organization_id == organization_id,
        PromotionCode.code == code.strip().upper(),
        PromotionCode.archived_at.is_(None),
    )
    found = db.session.scalars(wanted).first()
    if found is None or _is_over(found.expires_at) or _is_spent(found):
        raise InvalidRequest("promotion_code_invalid", UNKNOWN, param="promotion_code")
    if found.first_purchase_only and _has_bought(organization_id, customer_id):
        raise InvalidRequest("promotion_code_invalid", "This code is for a first purchase.", param="promotion_code")
    return found, find_coupon(organization_id, found.coupon_id, currency)


def find_coupon(organization_id: str, coupon_id: str, currency: str) -> Coupon:
    """A coupon that can be redeemed now for something in `currency`. Raises InvalidRequest(`coupon_invalid`)."""
    is_id = to_uuid(coupon_id, "cpn") is not None
    found = db.session.scalars(coupon_of(organization_id, coupon_id)).first() if is_id else None
    if found is None or found.archived_at is not None or _is_over(found.redeem_by) or _is_spent(found):
        raise InvalidRequest("coupon_invalid", "This coupon is not one we know, or it has ended.", param="coupon")
    if found.currency not in (None, currency):
        raise InvalidRequest("coupon_invalid", f"This coupon is for amounts in {found.currency}.", param="coupon")
    return found


def redeem(organization_id: str, coupon: Coupon, code: PromotionCode | None) -> None:
    """Count one redemption. In the caller's transaction. Raises InvalidRequest(`coupon_invalid`) when somebody else took the last."""
    if code is not None:
        held = select(PromotionCode).where(
            PromotionCode.organization_id == organization_id, PromotionCode.id == code.id
        )
        _count(db.session.scalars(held.with_for_update().execution_options(populate_existing=True)).one())
    held_coupon = coupon_of(organization_id, coupon.id).with_for_update()
    _count(db.session.scalars(held_coupon.execution_options(populate_existing=True)).one())


def give_back(subscription: Subscription) -> None:
    """Somebody else may redeem it: nothing was ever paid with it. In the caller's transaction."""
    organization_id = subscription.organization_id
    if subscription.promotion_code_id is not None:
        held = select(PromotionCode).where(
            PromotionCode.organization_id == organization_id, PromotionCode.id == subscription.promotion_code_id
        )
        db.session.scalars(held.with_for_update().execution_options(populate_existing=True)).one().redeemed -= 1
    if subscription.coupon_id is not None:
        coupon = coupon_of(organization_id, subscription.coupon_id).with_for_update()
        db.session.scalars(coupon.execution_options(populate_existing=True)).one().redeemed -= 1


def _count(locked: Coupon | PromotionCode) -> None:
    if _is_spent(locked):
        raise InvalidRequest("coupon_invalid", "This coupon has been used up.", param="coupon")
    locked.redeemed += 1


def discount_of(subscription: Subscription) -> Discount | None:
    """What a subscription's coupon takes off its next period; None once its periods are over."""
    coupon = coupon_in_force(subscription)
    return as_discount(coupon) if coupon else None


def coupon_in_force(subscription: Subscription) -> Coupon | None:
    """A subscription's coupon; None once its periods are over."""
    if subscription.coupon_id is None or subscription.coupon_periods_left == 0:
        return None
    wanted = coupon_of(subscription.organization_id, subscription.coupon_id)
    found: Coupon = once((Coupon, subscription.coupon_id), lambda: db.session.scalars(wanted).one())
    return found


def as_discount(coupon: Coupon) -> Discount:
    """The coupon as arithmetic."""
    return Discount(coupon.name, coupon.percent_bps, coupon.amount_off)


def periods_of(coupon: Coupon) -> int | None:
    """For how many periods it counts: 1, some, or None for all of them."""
    return {"once": 1, "repeating": coupon.periods, "forever": None}[coupon.duration]


def use_period(subscription: Subscription) -> None:
    """One more period has been billed with the coupon. In the caller's transaction."""
    if subscription.coupon_periods_left:
        subscription.coupon_periods_left -= 1


def _is_over(moment: object) -> bool:
    return moment is not None and moment <= now()  # type: ignore[operator]


def _is_spent(row: Coupon | PromotionCode) -> bool:
    return row.max_redemptions is not None and row.redeemed >= row.max_redemptions


def _has_bought(organization_id: str, customer_id: str | None) -> bool:
    if customer_id is None:
        return False
    wanted = select(Invoice.id).where(
        Invoice.organization_id == organization_id, Invoice.customer_id == customer_id, Invoice.status == "paid"
    )
    return db.session.scalars(wanted.limit(1)).first() is not None
