"""Coupons and promotion codes: redeemed under the row's lock, so that a limit holds however many ask at once."""

from __future__ import annotations

from typing import Final, Literal

from sqlalchemy import exists, or_, select

from ballast.billing.pricing import Discount
from ballast.clock import now
from ballast.db import db, once
from ballast.errors import InvalidRequest
from ballast.ids import to_uuid
from ballast.models import Coupon, Invoice, Order, PromotionCode, Subscription
from ballast.models.discounts import coupon_of

Part = Literal["goods", "subscriptions"]

UNKNOWN: Final = "This code is not one we know, or it has ended."
FIRST_ONLY: Final = "This code is for a first purchase."


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
        raise InvalidRequest("promotion_code_invalid", FIRST_ONLY, param="promotion_code")
    return found, find_coupon(organization_id, found.coupon_id, currency)


def has_codes(organization_id: str) -> bool:
    """Whether there is a code that a shopper could type."""
    wanted = select(PromotionCode.id).where(
        PromotionCode.organization_id == organization_id, PromotionCode.archived_at.is_(None)
    )
    return db.session.scalars(wanted.limit(1)).first() is not None


def find_coupon(organization_id: str, coupon_id: str, currency: str) -> Coupon:
    """A coupon that can be redeemed now for something in `currency`. Raises InvalidRequest(`coupon_invalid`)."""
    is_id = to_uuid(coupon_id, "cpn") is not None
    found = db.session.scalars(coupon_of(organization_id, coupon_id)).first() if is_id else None
    if found is None or found.archived_at is not None or _is_over(found.redeem_by) or _is_spent(found):
        raise InvalidRequest("coupon_invalid", "This coupon is not one we know, or it has ended.", param="coupon")
    if found.currency not in (None, currency):
        raise InvalidRequest("coupon_invalid", f"This coupon is for amounts in {found.currency}.", param="coupon")
    return found


def check_part(coupon: Coupon, part: Part) -> None:
    """Whether it takes off what is bought once, or subscriptions. Raises InvalidRequest(`coupon_invalid`)."""
    if not is_for(coupon, part):
        said = "This discount is for subscriptions." if part == "goods" else "This discount is for what is bought once."
        raise InvalidRequest("coupon_invalid", said, param="coupon")


def is_for(coupon: Coupon, part: Part) -> bool:
    """Whether it takes off such things."""
    return coupon.applies_to in ("all", part)


def redeem(organization_id: str, coupon: Coupon, code: PromotionCode | None, customer_id: str | None = None) -> None:
    """Count one redemption, by `customer_id`. In the caller's transaction.

    Raises InvalidRequest(`coupon_invalid`) when somebody else took the last, (`promotion_code_invalid`) when the customer's first
    purchase is being paid for in another tab.
    """
    if code is not None:
        held = select(PromotionCode).where(
            PromotionCode.organization_id == organization_id, PromotionCode.id == code.id
        )
        _count(db.session.scalars(held.with_for_update().execution_options(populate_existing=True)).one())
        if code.first_purchase_only and customer_id is not None and _is_buying(code, customer_id):
            raise InvalidRequest("promotion_code_invalid", FIRST_ONLY, param="promotion_code")
    held_coupon = coupon_of(organization_id, coupon.id).with_for_update()
    _count(db.session.scalars(held_coupon.execution_options(populate_existing=True)).one())


def give_back(holder: Subscription | Order) -> None:
    """Somebody else may redeem it: nothing was ever paid with it. In the caller's transaction."""
    organization_id = holder.organization_id
    if holder.promotion_code_id is not None:
        held = select(PromotionCode).where(
            PromotionCode.organization_id == organization_id, PromotionCode.id == holder.promotion_code_id
        )
        db.session.scalars(held.with_for_update().execution_options(populate_existing=True)).one().redeemed -= 1
    if holder.coupon_id is not None:
        coupon = coupon_of(organization_id, holder.coupon_id).with_for_update()
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
    invoice = exists().where(
        Invoice.organization_id == organization_id, Invoice.customer_id == customer_id, Invoice.status == "paid"
    )
    order = exists().where(
        Order.organization_id == organization_id,
        Order.customer_id == customer_id,
        Order.status.in_(("paid", "refunded")),
    )
    return bool(db.session.scalar(select(or_(invoice, order))))


def _is_buying(code: PromotionCode, customer_id: str) -> bool:
    """Whether a customer has bought, or is about to with the same code somewhere else. Exact while the code is locked, for whoever
    redeems it locks it, and is known by it afterwards."""
    order = exists().where(
        Order.organization_id == code.organization_id,
        Order.customer_id == customer_id,
        Order.promotion_code_id == code.id,
        Order.redeemed,
    )
    subscription = exists().where(
        Subscription.organization_id == code.organization_id,
        Subscription.customer_id == customer_id,
        Subscription.promotion_code_id == code.id,
        Subscription.status != "incomplete_expired",
    )
    is_held = bool(db.session.scalar(select(or_(order, subscription))))
    return is_held or _has_bought(code.organization_id, customer_id)
