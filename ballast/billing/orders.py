"""Orders: whatever a shopper is to pay is frozen into one, from a cart or from a checkout session, and paid once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from ballast.billing import downloads, order_postings, redemptions, session_ends, stock
from ballast.clock import now
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.ids import new_id
from ballast.models import Cart, Order, OrderLine
from ballast.models.orders import MAX_QUANTITY
from ballast.models.states import move


@dataclass(frozen=True)
class NewLine:
    """One line as it is sold; `unit_amount` is minor units. `price_id`: the price of the catalog it came from, if it did;
    `shippable`: it is sent by post; `is_recurring`: it starts a subscription."""

    name: str
    quantity: int
    unit_amount: int
    price_id: str | None = None
    image: str | None = None
    shippable: bool = False
    is_recurring: bool = False

    @property
    def amount(self) -> int:
        return self.quantity * self.unit_amount


def check_quantity(quantity: int) -> None:
    """Raises InvalidRequest(`quantity_invalid`)."""
    if not 1 <= quantity <= MAX_QUANTITY:
        raise InvalidRequest("quantity_invalid", f"Choose a quantity from 1 to {MAX_QUANTITY}.", param="quantity")


def make(
    organization_id: str,
    currency: str,
    lines: Sequence[NewLine],
    cart_id: str | None = None,
    subscription_amount: int = 0,
) -> Order:
    """A pending order with its lines, which no later edit of a product changes. In the caller's transaction.

    `subscription_amount`: minor units that the line which starts a subscription comes to today, before tax and discounts.
    """
    made = Order(
        organization_id=organization_id,
        id=new_id("ord"),
        cart_id=cart_id,
        status="pending",
        amount=sum(line.amount for line in lines if not line.is_recurring) + subscription_amount,
        subscription_amount=subscription_amount,
        currency=currency,
        fulfillment="unfulfilled" if any(line.shippable for line in lines) else None,
        created_at=now(),
    )
    db.session.add(made)
    db.session.flush()
    db.session.add_all(_frozen(made, position, line) for position, line in enumerate(lines))
    db.session.flush()
    return made


def _frozen(made: Order, position: int, line: NewLine) -> OrderLine:
    return OrderLine(
        organization_id=made.organization_id,
        order_id=made.id,
        price_id=line.price_id,
        position=position,
        name=line.name,
        image=line.image,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        amount=line.amount,
        shippable=line.shippable,
        is_recurring=line.is_recurring,
    )


def locked(organization_id: str, which: ColumnElement[bool]) -> Order | None:
    """An order, locked until the transaction ends, and its cart before it: everybody locks in this order."""
    wanted = select(Order).where(Order.organization_id == organization_id, which)
    cart_id = db.session.scalars(wanted.with_only_columns(Order.cart_id)).first()
    if cart_id is not None:
        held = select(Cart.id).where(Cart.organization_id == organization_id, Cart.id == cart_id)
        db.session.execute(held.with_for_update())
    return db.session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).first()


def mark_paid(order: Order) -> None:
    """What was due of it today is here, or nothing was; its session is complete. In the caller's transaction, with it locked."""
    move(order, "paid")
    order.paid_at = now()
    stock.sell(order)
    redemptions.keep(order)
    order_postings.sold(order)
    downloads.grant(order)
    session_ends.complete(order)


def end_cart(order: Order) -> None:
    """The cart an order came from is over once that is paid. In the caller's transaction, with the cart locked before the order."""
    wanted = select(Cart).where(Cart.organization_id == order.organization_id, Cart.id == order.cart_id)
    cart = db.session.scalars(wanted).first()
    if cart is not None and cart.status == "open":
        move(cart, "ordered")
