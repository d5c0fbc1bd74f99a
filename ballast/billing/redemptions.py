"""The coupon an order redeems: counted when its payment begins, kept when it is paid, given back when it is not.

Coupons and codes are rows that all their buyers share, as stock is: locked for the commit that begins a payment, never while a
processor is asked, the code before its coupon. The database refuses to count beyond a limit. If the process dies …
  before the commit that begins the payment: nothing is counted.
  after it: the order holds its redemption. It is kept with the commit that records the payment, or given back with the one that
  cancels the order; a shopper who never comes back holds it for half an hour, then `release_due` gives it back.
A payment that is under way keeps its hold, however long it takes. What succeeds after all, when nothing is held any more, is counted
if there is room, and noted in the audit log if there is none: the price was agreed, and stands.
"""

from __future__ import annotations

from sqlalchemy import Select, exists, select

from ballast import audit
from ballast.billing import coupons, unpaid_orders
from ballast.clock import real_time
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import Coupon, Order, Payment, PromotionCode
from ballast.models.checkout_sessions import IN_FLIGHT
from ballast.models.discounts import coupon_of


def hold(order: Order) -> None:
    """Count what takes its discount off, once; what is counted already is held for longer. In the caller's transaction, with the
    order locked and its customer known.

    Raises InvalidRequest(`coupon_invalid`) when somebody else took the last, (`promotion_code_invalid`) for a second first purchase.
    """
    if order.coupon_id is None:
        return
    if not order.redeemed:
        coupons.redeem(order.organization_id, *_of(order), order.customer_id)
        order.redeemed = True
    order.redeemed_until = real_time() + unpaid_orders.HOLDS_FOR
    db.session.flush()


def _of(order: Order) -> tuple[Coupon, PromotionCode | None]:
    coupon = db.session.scalars(coupon_of(order.organization_id, order.coupon_id or "")).one()
    wanted = select(PromotionCode).where(
        PromotionCode.organization_id == order.organization_id, PromotionCode.id == order.promotion_code_id
    )
    return coupon, db.session.scalars(wanted).first() if order.promotion_code_id else None


def keep(order: Order) -> None:
    """The order is paid: its redemption counts for good. In the caller's transaction, with the order locked."""
    if order.coupon_id is None:
        return
    if not order.redeemed:
        _count_late(order)
    order.redeemed_until = None


def _count_late(order: Order) -> None:
    try:
        coupons.redeem(order.organization_id, *_of(order))
    except InvalidRequest:
        changes = {"order": order.id, "promotion_code": order.promotion_code_id}
        audit.record(order.organization_id, "coupon.redeemed_beyond_limit", "coupon", order.coupon_id or "", changes)
        return
    order.redeemed = True


def give_back(order: Order) -> None:
    """The order is given up, or gets another discount: somebody else may redeem this one. In the caller's transaction, with the order
    locked."""
    if order.redeemed:
        coupons.give_back(order)
    order.redeemed, order.redeemed_until = False, None
    db.session.flush()


def release_due() -> int:
    """Give back what has been held for too long by orders that nobody is paying. A job of `queue.SCHEDULE`; safe to run twice."""
    return unpaid_orders.release("release_coupons", _due(), _release)


def _due() -> Select[str, str]:
    """(organization_id, order_id) of redemptions whose time is over, the oldest first."""
    being_paid = exists().where(
        Payment.organization_id == Order.organization_id,
        Payment.order_id == Order.id,
        Payment.status.in_((*IN_FLIGHT, "succeeded")),
    )
    wanted = select(Order.organization_id, Order.id).where(Order.redeemed_until <= real_time(), ~being_paid)
    return wanted.order_by(Order.redeemed_until)


def _release(order: Order) -> bool:
    mine = (Order.organization_id == order.organization_id) & (Order.id == order.id)
    if db.session.execute(_due().where(mine)).first() is None:
        return False
    give_back(order)
    return True
