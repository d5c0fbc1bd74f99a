"""Checkout sessions: a merchant's program says what is bought and for how long; the shopper pays it at the checkout like any order.

A session is an order with a frame around it: whom it is for, where the shopper goes afterwards, until when. What keeps an order from
being paid twice, the claim on it, is the storefront's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from ballast import audit, money
from ballast.billing import (
    acceptance,
    catalog,
    coupons,
    financed_orders,
    lookup,
    new_payments,
    order_totals,
    orders,
    outcomes,
    return_urls,
    session_ends,
    shipping,
    subscription_checkout,
    subscription_orders,
)
from ballast.billing.financing import opening
from ballast.billing.orders import NewLine
from ballast.clock import now, real_time
from ballast.db import db, organization, transaction
from ballast.errors import BallastError, Conflict, InvalidRequest
from ballast.ids import new_id, to_uuid
from ballast.models import CheckoutSession, Customer, Order, Organization, Payment, Price, Product
from ballast.models.catalog import on_sale
from ballast.models.checkout_sessions import due_sessions, session_of
from ballast.models.customers import accounts_of
from ballast.models.payments import payment_of
from ballast.notifications.drain import drain

SHORTEST: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=24)
MOST_LINES: Final = 50
# How far a program's clock may be off, and how long its request may take, before "in 30 minutes" is refused.
SLACK: Final = timedelta(minutes=1)
BATCH: Final = 50


@dataclass(frozen=True)
class Line:
    """One line as a program asks for it: a `price` or a `product` of the catalog, or a `name` and an `amount` in minor units."""

    quantity: int = 1
    price: str | None = None
    product: str | None = None
    name: str | None = None
    amount: int | None = None


@dataclass(frozen=True)
class NewSession:
    """What a program may say of a session. `currency`: of the lines that name an amount; the catalog's prices have theirs.
    `coupon_id`: the discount it gives, with no code to type then; `promotion_code`: one that is typed for the shopper."""

    lines: Sequence[Line]
    mode: str = "payment"
    currency: str | None = None
    customer_id: str | None = None
    customer_email: str | None = None
    success_url: str | None = None
    cancel_url: str | None = None
    expires_at: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    payment_link_id: str | None = None
    financing_offer_id: str | None = None
    shipping_rates: Sequence[str] = ()
    promotion_code: str | None = None
    coupon_id: str | None = None
    allow_promotion_codes: bool = True


def create(shop: Organization, asked: NewSession) -> CheckoutSession:
    """An open session with its order. In the caller's transaction.

    Raises InvalidRequest: `lines_invalid`, `price_unknown`, `product_unknown`, `quantity_invalid`,
    `currency_unknown`, `currency_mismatch`, `amount_invalid`, `customer_unknown`, `return_url_invalid`, `expires_at_invalid`,
    `processor_unavailable`, `shipping_rate_unknown`, `parameter_conflict`, `coupon_invalid`, `promotion_code_invalid`, what
    `financed_orders.check_offered` raises; Conflict(`customer_held`).
    """
    until = _read_expiry(asked.expires_at)
    success_url = return_urls.check(asked.success_url, shop.mode, "success_url")
    cancel_url = return_urls.check(asked.cancel_url, shop.mode, "cancel_url")
    new_payments.check_customer(shop.id, asked.customer_id)
    order = OPENERS[asked.mode](shop, asked)
    order.customer_id = asked.customer_id
    rates = shipping.check_options(shop.id, asked.shipping_rates, order.currency)
    _check_discount(shop.id, asked, order.currency)
    order.promotion_code = asked.promotion_code or ""
    order.email, order.name = _contact(shop.id, asked)
    session = CheckoutSession(
        id=new_id("cs"),
        organization_id=shop.id,
        mode=asked.mode,
        status="open",
        order_id=order.id,
        customer_id=asked.customer_id,
        customer_email=asked.customer_email,
        payment_link_id=asked.payment_link_id,
        shipping_rates=rates,
        coupon_id=asked.coupon_id,
        allow_promotion_codes=asked.allow_promotion_codes and asked.coupon_id is None,
        success_url=success_url,
        cancel_url=cancel_url,
        metadata_=dict(asked.metadata),
        expires_at=until,
        created_at=now(),
    )
    db.session.add(session)
    shipping.choose(order, session, None)
    db.session.flush()
    _take_discount(order, asked)
    _check_plan(order, asked)
    session.financing_offer_id = order.financing_offer_id
    db.session.flush()
    changes = {"amount": order.amount, "currency": order.currency}
    audit.record(shop.id, "checkout_session.created", "checkout_session", session.id, changes)
    return session


def _check_discount(organization_id: str, asked: NewSession, currency: str) -> None:
    """Raises InvalidRequest(`parameter_conflict`, `coupon_invalid`)."""
    if asked.coupon_id is not None and asked.promotion_code is not None:
        raise InvalidRequest("parameter_conflict", "One discount: a promotion code or a coupon.", param="coupon")
    if asked.coupon_id is not None:
        coupons.find_coupon(organization_id, asked.coupon_id, currency)


def _take_discount(order: Order, asked: NewSession) -> None:
    """What the program says must hold; a subscription's own part is looked at as its checkout does. Raises InvalidRequest
    (`coupon_invalid`, `promotion_code_invalid`)."""
    problem = order_totals.settle(order)
    if problem is not None:
        raise problem
    if asked.mode == "subscription" and (asked.coupon_id or asked.promotion_code):
        said = subscription_checkout.offer(order).problem
        if said is not None:
            named = "coupon" if asked.coupon_id else "promotion_code"
            raise InvalidRequest(f"{named}_invalid", said, param=named)


def _check_plan(order: Order, asked: NewSession) -> None:
    """Raises InvalidRequest(`parameter_conflict`), and what `financed_orders.check_offered` raises."""
    if asked.mode == "financing":
        financed_orders.check_offered(order, asked.financing_offer_id)
        order.financing_offer_id = asked.financing_offer_id
    elif asked.financing_offer_id is not None:
        said = "A plan is for sessions in mode financing."
        raise InvalidRequest("parameter_conflict", said, param="financing_offer")


def _read_expiry(asked: datetime | None) -> datetime:
    """Real time: a session is a link that is sent around. Raises InvalidRequest(`expires_at_invalid`)."""
    if asked is None:
        return real_time() + LONGEST
    if not SHORTEST - SLACK <= asked - real_time() <= LONGEST + SLACK:
        raise InvalidRequest(
            "expires_at_invalid", "A session may be open for 30 minutes to 24 hours from now.", param="expires_at"
        )
    return asked


def _contact(organization_id: str, asked: NewSession) -> tuple[str | None, str | None]:
    """Address and name the checkout starts with. Raises InvalidRequest(`parameter_conflict`)."""
    if asked.customer_id is None:
        return asked.customer_email, None
    if asked.customer_email is not None:
        said = "Send customer or customer_email, not both: a customer has an address."
        raise InvalidRequest("parameter_conflict", said, param="customer_email")
    wanted = select(Customer).where(Customer.organization_id == organization_id, Customer.id == asked.customer_id)
    customer = db.session.scalars(wanted).one()
    return customer.email, customer.name or None


# --- What is bought ----------------------------------------------------------------------------------------------------------


def _open_payment(shop: Organization, asked: NewSession) -> Order:
    """Everything is paid once: today, or with a plan."""
    _check_count(asked)
    currency, lines = _goods(shop, asked, asked.lines)
    total = sum(line.amount for line in lines)
    new_payments.check_amount(total, currency)
    found_accounts = db.session.scalars(accounts_of(shop.id))
    if not any(acceptance.takes(account, total, currency, shop.currency) for account in found_accounts):
        said = f"No processor account takes new cards for {money.format_money(total, currency)}."
        raise InvalidRequest("processor_unavailable", said, param="currency")
    return orders.make(shop.id, currency, lines)


def _open_subscription(shop: Organization, asked: NewSession) -> Order:
    """One recurring price, and what else is bought with it: what is due today is paid now, or the card is stored."""
    _check_count(asked)
    priced = [line for line in asked.lines if line.price is not None]
    recurring = [line for line in priced if _is_recurring(shop.id, line.price)] or priced[:1]
    if len(recurring) != 1:
        said = "A subscription has one line with a recurring price; the others are bought once."
        raise InvalidRequest("lines_invalid", said, param="lines")
    (line,) = recurring
    _check_alone(line)
    others = [one for one in asked.lines if one is not line]
    goods_currency, goods = _goods(shop, asked, others) if others else (None, [])
    made = subscription_orders.make(shop, line.price, line.quantity, goods)
    _currency(shop, asked.currency or goods_currency, [made.currency])
    return made


def _is_recurring(organization_id: str, price_id: str | None) -> bool:
    """Whether it is a price of the catalog that repeats. Raises InvalidRequest(`price_unknown`)."""
    price, _product = catalog.sold(organization_id, price_id or "")
    return price.interval is not None


def _check_count(asked: NewSession) -> None:
    if not 1 <= len(asked.lines) <= MOST_LINES:
        raise InvalidRequest("lines_invalid", f"Send 1 to {MOST_LINES} lines.", param="lines")


def _check_alone(line: Line) -> None:
    if any(one is not None for one in (line.product, line.name, line.amount)):
        said = "The line that starts a subscription has a price and a quantity, and nothing else."
        raise InvalidRequest("lines_invalid", said, param="lines")


def _goods(shop: Organization, asked: NewSession, lines: Sequence[Line]) -> tuple[str, list[NewLine]]:
    """Lines that are bought once, and their currency."""
    found = [_find(shop, line) for line in lines]
    currency = _currency(shop, asked.currency, [one[0].currency for one in found if one])
    is_sent = bool(asked.shipping_rates)
    return currency, [_sold(line, one, is_sent) for line, one in zip(lines, found, strict=True)]


# Each answers the order that the shopper pays.
OPENERS: Final[dict[str, Callable[[Organization, NewSession], Order]]] = {
    "payment": _open_payment,
    "subscription": _open_subscription,
    "financing": _open_payment,
}


def _find(shop: Organization, line: Line) -> tuple[Price, Product] | None:
    """What of the catalog a line is; None for one that says all itself.

    Raises InvalidRequest(`lines_invalid`, `price_unknown`, `product_unknown`, `quantity_invalid`).
    """
    orders.check_quantity(line.quantity)
    named = [one for one in (line.price, line.product) if one is not None]
    typed = [one for one in (line.name, line.amount) if one is not None]
    if (len(named), len(typed)) not in ((1, 0), (0, 2)):
        said = "A line has a price, or a product, or a name and an amount."
        raise InvalidRequest("lines_invalid", said, param="lines")
    if line.price is not None:
        return find_price(shop.id, line.price)
    return _find_product(shop.id, line.product) if line.product is not None else None


def find_price(organization_id: str, price_id: str) -> tuple[Price, Product]:
    """A one-time price that is for sale, with its product. Raises InvalidRequest(`price_unknown`)."""
    is_id = to_uuid(price_id, "price") is not None
    found = db.session.execute(on_sale(organization_id).where(Price.id == price_id)).first() if is_id else None
    if found is None:
        raise InvalidRequest("price_unknown", "This item is no longer for sale.", param="price")
    return found[1], found[0]


def _find_product(organization_id: str, product_id: str) -> tuple[Price, Product]:
    """A product at its present one-time price."""
    is_id = to_uuid(product_id, "prod") is not None
    wanted = on_sale(organization_id).where(Product.id == product_id)
    found = db.session.execute(wanted.limit(1)).first() if is_id else None
    if found is None:
        raise InvalidRequest("product_unknown", "This product is not for sale.", param="product")
    return found[1], found[0]


def _currency(shop: Organization, asked: str | None, priced: Sequence[str]) -> str:
    """One for all lines. Raises InvalidRequest(`currency_mismatch`)."""
    currency = asked or (priced[0] if priced else shop.currency)
    if any(one != currency for one in priced):
        said = f"Every line of a session is in one currency; this one is in {currency}."
        raise InvalidRequest("currency_mismatch", said, param="currency")
    return currency


def _sold(line: Line, found: tuple[Price, Product] | None, is_sent: bool) -> NewLine:
    """`is_sent`: the program offers ways to send it; what is no product of the catalog is sent as well then."""
    if found is not None:
        price, product = found
        return NewLine(
            product.name, line.quantity, price.amount, price.id, product.image, is_sent and product.shippable
        )
    assert line.name is not None, "a line that is not of the catalog has a name"
    assert line.amount is not None, "… and an amount"
    return NewLine(line.name, line.quantity, line.amount, shippable=is_sent)


# --- Finding and expiring ----------------------------------------------------------------------------------------------------


def find(organization_id: str, session_id: str) -> CheckoutSession:
    """The session. Raises NotFound."""
    return lookup.find(session_of(organization_id, session_id), session_id, "cs", "checkout session")


def expire(organization_id: str, session_id: str) -> CheckoutSession:
    """Close a session that nobody has paid; its order and payment are canceled with it. In the caller's transaction.

    Raises NotFound, Conflict(`session_not_open`), Conflict(`payment_in_progress`) while an attempt to pay it is open.
    """
    order_id = find(organization_id, session_id).order_id
    order = db.session.scalars(
        select(Order).where(Order.organization_id == organization_id, Order.id == order_id).with_for_update()
    ).one()
    session = session_ends.of_order(order)
    assert session is not None, "an order keeps its session"
    if session.status != "open":
        raise Conflict("session_not_open", f"This session is {session.status}; only an open one can expire.")
    opening.withdraw(order)
    subscription_checkout.withdraw(order, subscription_checkout.earlier_start(order))
    wanted = select(Payment.id).where(Payment.organization_id == organization_id, Payment.order_id == order_id)
    for payment_id in db.session.scalars(wanted).all():
        _close(organization_id, payment_id)
    session_ends.expire(session, order)
    return session


def _close(organization_id: str, payment_id: str) -> None:
    locked = payment_of(organization_id, payment_id).with_for_update()
    payment = db.session.scalars(locked.execution_options(populate_existing=True)).one()
    if payment.status in outcomes.UNPAID:
        outcomes.cancel(payment)
    elif payment.status not in ("canceled", "failed"):
        raise Conflict("payment_in_progress", "A payment for this session is under way. Wait for its outcome.")


def expire_due() -> int:
    """Close every session whose time is over and that nobody is paying. A job of `queue.SCHEDULE`; safe to run twice."""
    return drain("expire_checkout_sessions", _expire_batch)


def _expire_batch() -> tuple[int, int]:
    with transaction() as session:
        due = session.execute(due_sessions(real_time()).limit(BATCH)).all()
    done = sum(_expire_one(*row) for row in due)
    return done, len(due) - done


def _expire_one(organization_id: str, session_id: str) -> bool:
    """False where somebody was faster: a shopper who began to pay, or another worker."""
    with organization(organization_id):
        try:
            with transaction():
                expire(organization_id, session_id)
        except BallastError:
            return False
        return True
