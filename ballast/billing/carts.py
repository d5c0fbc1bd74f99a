"""Carts and the orders they become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from ballast.billing import (
    coupons,
    financing_checkout,
    order_totals,
    orders,
    outcomes,
    redemptions,
    shipping,
    stock,
    subscription_checkout,
    subscription_orders,
)
from ballast.billing.financing import opening
from ballast.billing.orders import NewLine
from ballast.billing.subscriptions import plan as plans
from ballast.clock import now
from ballast.db import db, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id, to_uuid
from ballast.models import Cart, CartLine, Order, Organization, Payment, Price, Product
from ballast.models.orders import MAX_QUANTITY, lines_of_cart, lines_of_order
from ballast.models.states import move


@dataclass(frozen=True)
class LineView:
    """A cart line as a page shows it; `amount` is minor units."""

    id: str
    product: Product
    price: Price
    quantity: int
    amount: int

    @property
    def name(self) -> str:
        return self.product.name

    @property
    def kind(self) -> str:
        """As of a line of an order: delivery is none of a cart's."""
        return "item"

    @property
    def is_recurring(self) -> bool:
        return self.price.kind == "recurring"

    @property
    def is_gone(self) -> bool:
        """Whether it is no longer for sale; it is in no sum then."""
        return is_gone(self.price, self.product)


@dataclass(frozen=True)
class CartView:
    """A cart as a page shows it."""

    lines: list[LineView]
    currency: str
    promotion_code: str = ""

    @property
    def amount(self) -> int:
        return sum(line.amount for line in self.lines if not line.is_gone)

    @property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)


def view(organization: Organization, token: str | None) -> CartView:
    """What is in the cart that the browser knows by `token`; empty without one."""
    cart = _open_cart(organization.id, token)
    if cart is None:
        return CartView([], organization.currency)
    rows = db.session.execute(lines_of_cart(organization.id, cart.id))
    return CartView(
        [
            LineView(line.id, product, price, line.quantity, price.amount * line.quantity)
            for line, price, product in rows
        ],
        cart.currency,
        cart.promotion_code,
    )


def set_code(organization: Organization, token: str | None, code: str) -> None:
    """Keep the code that was typed for the order to come; empty for none. It is redeemed when that is paid.

    Raises InvalidRequest(`promotion_code_invalid`, `coupon_invalid`), and then the cart has none.
    """
    problem = None
    with transaction():
        cart = _open_cart(organization.id, token, lock=True)
        if cart is not None:
            cart.promotion_code, problem = _checked(organization.id, code.strip()[:64], cart.currency)
    if problem is not None:
        raise problem


def _checked(organization_id: str, code: str, currency: str) -> tuple[str, InvalidRequest | None]:
    """The code if it can be redeemed, and what is wrong with it."""
    try:
        if code:
            coupons.find_code(organization_id, code, None, currency)
    except InvalidRequest as error:
        return "", error
    return code, None


def _open_cart(organization_id: str, token: str | None, lock: bool = False) -> Cart | None:
    if not token:
        return None
    wanted = select(Cart).where(Cart.organization_id == organization_id, Cart.token == token, Cart.status == "open")
    return db.session.scalars(wanted.with_for_update() if lock else wanted).first()


def add(organization: Organization, token: str | None, price_id: str, quantity: int, *, in_place: bool = False) -> str:
    """Put a price into the cart (a new one if need be); answers the cart's token. `in_place`: of another subscription.

    Raises InvalidRequest, Conflict(`cart_has_subscription`): an order starts one subscription at most.
    """
    orders.check_quantity(quantity)
    with transaction() as session:
        price = _price(organization.id, price_id)
        cart = _open_cart(organization.id, token, lock=True)
        if cart is None or cart.currency != price.currency:
            cart = Cart(organization_id=organization.id, id=new_id("cart"), currency=price.currency)
            session.add(cart)
            session.flush()
        if price.kind == "recurring":
            _make_room(cart, price, in_place)
        adding = insert(CartLine).values(
            organization_id=organization.id,
            id=new_id("cl"),
            cart_id=cart.id,
            price_id=price.id,
            quantity=quantity,
            created_at=now(),
        )
        total = CartLine.quantity + adding.excluded.quantity
        session.execute(
            adding.on_conflict_do_update(
                index_elements=["organization_id", "cart_id", "price_id"], set_={"quantity": _at_most(total)}
            )
        )
        return cart.token


def _make_room(cart: Cart, price: Price, in_place: bool) -> None:
    wanted = lines_of_cart(cart.organization_id, cart.id).where(Price.kind == "recurring", Price.id != price.id)
    for line, _price, product in db.session.execute(wanted):
        if not in_place:
            said = f"{product.name} is in your cart already, and a cart takes one subscription. Replace it?"
            raise Conflict("cart_has_subscription", said, param="price_id")
        db.session.delete(line)


def _at_most(value: Any) -> Any:
    from sqlalchemy import func

    return func.least(value, MAX_QUANTITY)


def set_quantity(organization: Organization, token: str | None, line_id: str, quantity: int) -> None:
    """Set a line's quantity; 0 takes it out. Raises InvalidRequest; a line that is gone stays gone."""
    if quantity != 0:
        orders.check_quantity(quantity)
    with transaction() as session:
        cart = _open_cart(organization.id, token, lock=True)
        if cart is None or to_uuid(line_id, "cl") is None:
            return
        line = session.scalars(
            select(CartLine).where(
                CartLine.organization_id == organization.id, CartLine.cart_id == cart.id, CartLine.id == line_id
            )
        ).first()
        if line is not None and quantity == 0:
            session.delete(line)
        elif line is not None:
            line.quantity = quantity


def _price(organization_id: str, price_id: str) -> Price:
    found = None
    if to_uuid(price_id, "price") is not None:
        found = db.session.scalars(
            select(Price)
            .join(Product, (Product.organization_id == Price.organization_id) & (Product.id == Price.product_id))
            .where(
                Price.organization_id == organization_id,
                Price.id == price_id,
                Price.archived_at.is_(None),
                Product.archived_at.is_(None),
            )
        ).first()
    if found is None:
        raise InvalidRequest("price_unknown", "This item is no longer for sale.", param="price_id")
    return found


def order(organization: Organization, token: str | None) -> Order:
    """Freeze the cart into an order. The last unpaid order is given again, or replaced if the cart or a price has changed since.

    Raises Conflict(`cart_empty`, `item_gone`, `out_of_stock`, `payment_in_progress`): the order to replace may be being paid.
    """
    with transaction() as session:
        cart = _open_cart(organization.id, token, lock=True)
        rows = list(session.execute(lines_of_cart(organization.id, cart.id))) if cart else []
        if cart is None or not rows:
            raise Conflict("cart_empty", "Your cart is empty.")
        earlier = _pending_order(organization.id, cart.id)
        if earlier is not None and _fits(earlier, rows) and not _gone(rows):
            _take_code(earlier, cart.promotion_code)
            session.refresh(earlier)
            session.expunge(earlier)
            return earlier
        if earlier is not None:
            _replace(earlier)
        _check_on_sale(rows)
        stock.check(organization.id, _pieces(rows))
        first = sum(_first_amount(organization.id, line, price) for line, price, _product in rows)
        lines = [_sold(*row) for row in rows]
        made = orders.make(organization.id, cart.currency, lines, cart.id, subscription_amount=first)
        made.promotion_code = cart.promotion_code
        shipping.choose(made, None, None)
        order_totals.settle(made)
        session.refresh(made)
        session.expunge(made)
        return made


def _take_code(earlier: Order, code: str) -> None:
    """Another code was typed into the cart; it counts unless the order is being paid already."""
    if code != earlier.promotion_code and financing_checkout.unpaid(earlier) is not None:
        order_totals.change_code(earlier, code)
        order_totals.settle(earlier)


def is_gone(price: Price, product: Product) -> bool:
    """Whether a price is no longer for sale."""
    return price.archived_at is not None or product.archived_at is not None


def _gone(rows: list[Any]) -> list[str]:
    return [product.name for _line, price, product in rows if is_gone(price, product)]


def _check_on_sale(rows: list[Any]) -> None:
    names = _gone(rows)
    if names:
        isnt, it = ("is no longer for sale", "it") if len(names) == 1 else ("are no longer for sale", "them")
        said = f"{' and '.join(names)} {isnt}. Take {it} out of your cart to go on. Nothing was charged."
        raise Conflict("item_gone", said)


def _pieces(rows: list[Any]) -> dict[str, int]:
    """How many of each product."""
    found: dict[str, int] = {}
    for line, _price_of_line, product in rows:
        found[product.id] = found.get(product.id, 0) + line.quantity
    return found


def _pending_order(organization_id: str, cart_id: str) -> Order | None:
    wanted = select(Order).where(
        Order.organization_id == organization_id, Order.cart_id == cart_id, Order.status == "pending"
    )
    return db.session.scalars(wanted.with_for_update()).first()


def _fits(earlier: Order, rows: list[Any]) -> bool:
    """Whether the order says what the cart says now, at today's prices."""
    frozen = db.session.scalars(lines_of_order(earlier.organization_id, earlier.id))
    ordered = [(line.price_id, line.name, line.quantity, line.unit_amount) for line in frozen if line.kind == "item"]
    return ordered == [(price.id, product.name, line.quantity, price.amount) for line, price, product in rows]


def _replace(earlier: Order) -> None:
    """An order gives way with its plan, its start of a subscription and its payment, so that nobody pays both; one with a payment
    under way does not."""
    opening.withdraw(earlier)
    subscription_checkout.withdraw(earlier, subscription_checkout.earlier_start(earlier))
    wanted = select(Payment).where(Payment.organization_id == earlier.organization_id, Payment.order_id == earlier.id)
    for payment in db.session.scalars(wanted.with_for_update().execution_options(populate_existing=True)):
        if payment.status not in ("canceled", "failed"):
            outcomes.cancel(payment)
    move(earlier, "canceled")
    stock.give_back(earlier)
    redemptions.give_back(earlier)


def _sold(line: CartLine, price: Price, product: Product) -> NewLine:
    is_recurring = price.kind == "recurring"
    return NewLine(product.name, line.quantity, price.amount, price.id, product.image, product.shippable, is_recurring)


def _first_amount(organization_id: str, line: CartLine, price: Price) -> int:
    """What is due today of a line that starts a subscription."""
    if price.kind != "recurring":
        return 0
    return subscription_orders.first_amount(plans.find(organization_id, price.id, line.quantity))
