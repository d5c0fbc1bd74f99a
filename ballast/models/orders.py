"""Carts, and the orders they become. An order's lines are frozen: a product edit never changes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, Computed, Index, Select, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.catalog import Price, Product
from ballast.models.columns import (
    Scoped,
    created_column,
    id_column,
    json_column,
    one_of,
    reference,
    within,
)
from ballast.models.states import CART, FULFILLMENT, ORDER
from ballast.security import new_token

MAX_QUANTITY = 99
LINE_KINDS: Final = ("item", "shipping")


class Cart(Scoped, Base):
    """What a shopper has gathered. Known to the browser by its token."""

    __tablename__ = "carts"
    __table_args__ = (one_of("status", CART), Index("ix_carts_status", "organization_id", "status", "id"))
    machine = "cart"

    id: Mapped[str] = id_column("cart")
    token: Mapped[str] = mapped_column(unique=True, default=lambda: new_token(24))
    currency: Mapped[str]
    promotion_code: Mapped[str] = mapped_column(default="", server_default="", doc="as it was typed")
    status: Mapped[str] = mapped_column(default="open", server_default="open")
    created_at: Mapped[datetime] = created_column()


class CartLine(Scoped, Base):
    """One price in a cart."""

    __tablename__ = "cart_lines"
    __table_args__ = (
        within("cart_id", "carts"),
        within("price_id", "prices"),
        UniqueConstraint("organization_id", "cart_id", "price_id"),
        CheckConstraint(f"quantity between 1 and {MAX_QUANTITY}", name="quantity_sane"),
    )

    id: Mapped[str] = id_column("cl")
    cart_id: Mapped[str] = reference("cart")
    price_id: Mapped[str] = reference("price")
    quantity: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = created_column()


class Order(Scoped, Base):
    """Something a shopper agreed to pay, reached at /checkout/<token>."""

    __tablename__ = "orders"
    __table_args__ = (
        one_of("status", ORDER),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        CheckConstraint("subscription_amount between 0 and amount", name="subscription_within_amount"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_code"),
        within("cart_id", "carts"),
        within("customer_id", "customers"),
        within("subscription_id", "subscriptions", closes_circle=True),
        within("financing_offer_id", "financing_offers"),
        within("shipping_rate_id", "shipping_rates"),
        within("coupon_id", "coupons"),
        within("promotion_code_id", "promotion_codes"),
        CheckConstraint("0 <= discount and 0 <= tax_added and tax_added <= tax", name="tax_and_discount_sane"),
        CheckConstraint("not redeemed or coupon_id is not null", name="redeemed_has_coupon"),
        one_of("fulfillment", FULFILLMENT),
        Index("ix_orders_status", "organization_id", "status", "id"),
        Index("ix_orders_customer", "organization_id", "customer_id", "id"),
        Index("ix_orders_email", "organization_id", "email", postgresql_ops={"email": "text_pattern_ops"}),
        Index("ix_orders_tail", "organization_id", "id_tail"),
        Index(
            "ix_orders_redeemed_until",
            "redeemed_until",
            postgresql_where="redeemed_until is not null",
        ),
        Index(
            "ix_orders_fulfillment",
            "organization_id",
            "fulfillment",
            "id",
            postgresql_where="fulfillment is not null",
        ),
        Index(
            "uq_orders_cart",
            "organization_id",
            "cart_id",
            unique=True,
            postgresql_where="status in ('pending', 'paid')",
        ),
    )
    machine = "order"

    id: Mapped[str] = id_column("ord")
    token: Mapped[str] = mapped_column(unique=True, default=lambda: new_token(24))
    cart_id: Mapped[str | None] = reference("cart")
    customer_id: Mapped[str | None] = reference("cus")
    subscription_id: Mapped[str | None] = reference("sub", doc="what it started, where it is for a subscription")
    financing_offer_id: Mapped[str | None] = reference("offer", doc="the plan it is to be paid with; none: in full")
    shipping_rate_id: Mapped[str | None] = reference("shr", doc="how it is sent, where a rate was chosen")
    fulfillment: Mapped[str | None] = mapped_column(doc="how far it is sent; none: nothing of it is sent by post")
    promotion_code: Mapped[str] = mapped_column(default="", server_default="", doc="as it was typed")
    consent: Mapped[str] = mapped_column(default="", server_default="", doc="the terms the shopper agreed to, as shown")
    status: Mapped[str] = mapped_column(default="pending", server_default="pending")
    amount: Mapped[int]
    subscription_amount: Mapped[int] = mapped_column(
        default=0, server_default="0", doc="of the amount, what its subscription comes to today"
    )
    discount: Mapped[int] = mapped_column(default=0, server_default="0", doc="off the goods; in `amount`")
    tax: Mapped[int] = mapped_column(default=0, server_default="0", doc="of goods and delivery; in `amount`")
    tax_added: Mapped[int] = mapped_column(default=0, server_default="0", doc="`tax`, or 0 where prices include it")
    tax_name: Mapped[str | None]
    coupon_name: Mapped[str | None] = mapped_column(doc="of what takes the discount off, as it was")
    coupon_id: Mapped[str | None] = reference("cpn", doc="what is redeemed with it; a subscription redeems its own")
    promotion_code_id: Mapped[str | None] = reference("promo")
    redeemed: Mapped[bool] = mapped_column(default=False, server_default="false", doc="its coupon is counted")
    redeemed_until: Mapped[datetime | None] = mapped_column(doc="real time; none once it is paid: for good")
    currency: Mapped[str]
    email: Mapped[str | None]
    name: Mapped[str | None]
    address: Mapped[dict[str, Any]] = json_column()
    outlook: Mapped[dict[str, Any]] = json_column()
    created_at: Mapped[datetime] = created_column()
    paid_at: Mapped[datetime | None]
    id_tail: Mapped[str] = mapped_column(
        Computed('"right"(id::text, 10)', persisted=True), doc="the number, as the database has it"
    )

    @property
    def number(self) -> str:
        """What a person reads out: the random tail of the id, in capitals."""
        return self.id[-8:].upper()

    @property
    def goods_amount(self) -> int:
        """Minor units of what is bought once: what is paid in full, or with a plan."""
        return self.amount - self.subscription_amount

    @property
    def tax_inclusive(self) -> bool:
        """Whether its prices have the tax in them."""
        return self.tax > self.tax_added


class OrderLine(Scoped, Base):
    """One line as it was when the order was made. `kind`: what was bought, or what it costs to send it."""

    __tablename__ = "order_lines"
    __table_args__ = (
        within("order_id", "orders"),
        within("price_id", "prices"),
        one_of("kind", LINE_KINDS),
        CheckConstraint("fulfilled between 0 and quantity", name="fulfilled_in_limits"),
        CheckConstraint("discount between 0 and amount", name="discount_within_amount"),
        CheckConstraint("tax >= 0", name="tax_not_negative"),
    )

    id: Mapped[str] = id_column("ol")
    order_id: Mapped[str] = reference("ord")
    price_id: Mapped[str | None] = reference("price")
    position: Mapped[int]
    name: Mapped[str]
    image: Mapped[str | None]
    quantity: Mapped[int]
    unit_amount: Mapped[int]
    amount: Mapped[int] = mapped_column(doc="before discount and tax")
    discount: Mapped[int] = mapped_column(default=0, server_default="0", doc="its share of the order's")
    tax: Mapped[int] = mapped_column(default=0, server_default="0", doc="its share of the order's")
    tax_bps: Mapped[int | None]
    kind: Mapped[str] = mapped_column(default="item", server_default="item")
    shippable: Mapped[bool] = mapped_column(default=False, server_default="false")
    fulfilled: Mapped[int] = mapped_column(default=0, server_default="0", doc="how many of it were sent")
    is_recurring: Mapped[bool] = mapped_column(default=False, server_default="false", doc="it starts a subscription")


def lines_of_cart(organization_id: str, cart_id: str) -> Select[CartLine, Price, Product]:
    """A cart's lines with their prices and products, as they were added."""
    return (
        select(CartLine, Price, Product)
        .join(Price, (Price.organization_id == CartLine.organization_id) & (Price.id == CartLine.price_id))
        .join(Product, (Product.organization_id == Price.organization_id) & (Product.id == Price.product_id))
        .where(CartLine.organization_id == organization_id, CartLine.cart_id == cart_id)
        .order_by(CartLine.created_at, CartLine.id)
    )


def lines_of_order(organization_id: str, order_id: str) -> Select[OrderLine]:
    """An order's lines, in order."""
    found = select(OrderLine).where(OrderLine.organization_id == organization_id, OrderLine.order_id == order_id)
    return found.order_by(OrderLine.position)


def by_rate(lines: Sequence[OrderLine]) -> list[tuple[int, int]]:
    """(basis points, tax) of each rate that an order's lines are taxed with, the highest first."""
    sums: dict[int, int] = {}
    for line in lines:
        if line.tax and line.tax_bps is not None:
            sums[line.tax_bps] = sums.get(line.tax_bps, 0) + line.tax
    return sorted(sums.items(), reverse=True)
