"""What an order comes to: the discount of its code or its coupon, the tax of where it goes, shared out over what is bought once.

Worked out anew whenever something it depends on may have changed, and once more in the commit that begins to pay; what the shopper was
shown is compared with that. Of a cart that starts a subscription, the subscription's part is its invoice's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import select

from ballast.billing import coupons, minimums, redemptions, session_ends, taxes
from ballast.billing.pricing import Line, Sums, add_up, add_up_order
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import Coupon, Order, OrderLine, Price, PromotionCode
from ballast.models.discounts import coupon_of
from ballast.models.orders import by_rate, lines_of_order
from ballast.money import format_money
from ballast.templating import show_percent


@dataclass(frozen=True)
class Chosen:
    """The discount an order has, if any; `problem`: why not the one that was asked for."""

    coupon: Coupon | None = None
    code: PromotionCode | None = None
    problem: InvalidRequest | None = None


def settle(order: Order, customer_id: str | None = None) -> InvalidRequest | None:
    """Bring an order's discount, tax and amount to what they are now, and its lines' shares; answers what is wrong with its code.

    `customer_id`: whose order it will be, where it does not say so yet. In the caller's transaction, with the order locked and nothing
    of it being paid.
    """
    lines = list(db.session.scalars(lines_of_order(order.organization_id, order.id)))
    goods = [line for line in lines if line.kind == "item" and not line.is_recurring]
    sending = [line for line in lines if line.kind == "shipping"]
    is_mixed = any(line.is_recurring for line in lines)
    chosen = _choose(order, customer_id or order.customer_id)
    ours = _ours(chosen, is_mixed=is_mixed) if goods else Chosen(problem=chosen.problem)
    sums = _add_up(order, goods, sending, ours.coupon)
    if ours.coupon is not None and not is_mixed and 0 < sums.total < minimums.least(order.currency):
        ours = Chosen(problem=_too_little(sums.total, order.currency))
        sums = _add_up(order, goods, sending, None)
    _keep(order, [*goods, *sending], sums)
    _name(order, ours, is_mixed=is_mixed)
    db.session.flush()
    return ours.problem


def _ours(chosen: Chosen, *, is_mixed: bool) -> Chosen:
    """The discount as far as it is for what is bought once. Beside a subscription a fixed amount for both is taken off that alone."""
    coupon = chosen.coupon
    if coupon is None:
        return chosen
    if not is_mixed:
        try:
            coupons.check_part(coupon, "goods")
        except InvalidRequest as error:
            return Chosen(problem=error)
        return chosen
    is_theirs = coupon.amount_off is not None and coupons.is_for(coupon, "subscriptions")
    return chosen if coupons.is_for(coupon, "goods") and not is_theirs else Chosen()


def change_code(order: Order, code: str) -> None:
    """Another code is typed: what was redeemed with the one before is given back. `settle` afterwards."""
    if code != order.promotion_code:
        redemptions.give_back(order)
        order.promotion_code = code


def problem(order: Order) -> str | None:
    """What is wrong with the code that an order has and gets nothing off by. Changes nothing; no statement for an order without."""
    if not order.promotion_code or order.coupon_name:
        return None
    found = _choose(order, order.customer_id).problem
    return found.message if found else None


def _choose(order: Order, customer_id: str | None) -> Chosen:
    """Who holds a redemption keeps it; else what can be redeemed now."""
    if order.redeemed and order.coupon_id is not None:
        kept = db.session.scalars(coupon_of(order.organization_id, order.coupon_id)).one()
        return Chosen(kept, _kept_code(order))
    given = given_coupon(order)
    try:
        if given is not None:
            return Chosen(coupons.find_coupon(order.organization_id, given, order.currency))
        if order.promotion_code:
            code, coupon = coupons.find_code(order.organization_id, order.promotion_code, customer_id, order.currency)
            return Chosen(coupon, code)
    except InvalidRequest as error:
        return Chosen(problem=error)
    return Chosen()


def given_coupon(order: Order) -> str | None:
    """The id of the coupon that the merchant's program gives on an order."""
    session = session_ends.of_order(order) if order.cart_id is None else None
    return session.coupon_id if session else None


def _kept_code(order: Order) -> PromotionCode | None:
    wanted = select(PromotionCode).where(
        PromotionCode.organization_id == order.organization_id, PromotionCode.id == order.promotion_code_id
    )
    return db.session.scalars(wanted).first() if order.promotion_code_id else None


def _add_up(order: Order, goods: Sequence[OrderLine], sending: Sequence[OrderLine], coupon: Coupon | None) -> Sums:
    discount = coupons.as_discount(coupon) if coupon is not None else None
    sold, sent = [_line(line) for line in goods], [_line(line) for line in sending]
    return add_up_order(sold, sent, discount, taxes.of_order(order), minimums.grain(order.currency))


def _line(line: OrderLine) -> Line:
    return Line(line.name, line.quantity, line.unit_amount, line.amount)


def _too_little(total: int, currency: str) -> InvalidRequest:
    said = f"With this code the order comes to {format_money(total, currency)}, which is less than a card can pay."
    return InvalidRequest("promotion_code_invalid", said, param="promotion_code")


def _keep(order: Order, lines: Sequence[OrderLine], sums: Sums) -> None:
    """The shares come in the order in which the lines went: goods, then what it costs to send them."""
    for line, share in zip(lines, sums.lines, strict=True):
        line.discount, line.tax, line.tax_bps = share.discount, share.tax, share.tax_bps
    order.discount, order.tax, order.tax_added = sums.discount, sums.tax, sums.tax_added
    order.amount = sums.total + order.subscription_amount
    tax = taxes.of_order(order)
    order.tax_name = tax.name if tax is not None and sums.tax else None


def _name(order: Order, ours: Chosen, *, is_mixed: bool) -> None:
    """What a subscription has a discount by, the subscription redeems."""
    coupon = ours.coupon
    redeems = coupon is not None and not (is_mixed and coupons.is_for(coupon, "subscriptions"))
    order.coupon_name = coupon.name if coupon else None
    order.coupon_id = coupon.id if coupon and redeems else None
    order.promotion_code_id = ours.code.id if ours.code and redeems else None


def of_cart(organization_id: str, currency: str, goods: Sequence[CartLine], code: str) -> list[Beside]:
    """What a code takes off goods in a cart, before anybody knows where they go. Changes nothing."""
    try:
        _code, coupon = coupons.find_code(organization_id, code, None, currency)
        coupons.check_part(coupon, "goods")
    except InvalidRequest:
        return []  # it has ended since; the checkout says so
    lines = [Line(one.name, one.quantity, one.price.amount, one.amount) for one in goods]
    off = add_up(lines, coupons.as_discount(coupon), None, minimums.grain(currency)).discount
    return [Beside(f"Discount, {coupon.name}", -off)] if off else []


class CartLine(Protocol):
    """A line of a cart that is bought once."""

    @property
    def name(self) -> str: ...

    @property
    def quantity(self) -> int: ...

    @property
    def price(self) -> Price: ...

    @property
    def amount(self) -> int: ...


# --- How it is shown ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Beside:
    """What stands beside an order's lines, minor units. `is_included`: it is in their amounts, and adds nothing."""

    label: str
    amount: int
    is_included: bool = False


def beside(order: Order, lines: Sequence[OrderLine]) -> list[Beside]:
    """Discount, and tax by rate, of what is bought once."""
    found = [Beside(f"Discount, {order.coupon_name}", -order.discount)] if order.discount else []
    return found + [
        Beside(
            f"{order.tax_name} {show_percent(bps)}{', included' if order.tax_inclusive else ''}",
            amount,
            order.tax_inclusive,
        )
        for bps, amount in by_rate(lines)
    ]
