"""Checkout sessions, which lead a shopper to an order and back, and the payment links they may come from."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Select, String, UniqueConstraint, exists, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.clock import real_time
from ballast.db import Base, PublicId
from ballast.models.columns import (
    Scoped,
    created_column,
    id_column,
    json_column,
    money_checks,
    one_of,
    reference,
    within,
)
from ballast.models.orders import Order
from ballast.models.payments import Payment
from ballast.models.states import CHECKOUT_SESSION
from ballast.security import new_token

SESSION_MODES: Final = ("payment", "subscription", "financing")
# A payment in one of these holds money or may take some yet: its session neither expires nor gives its place to another.
IN_FLIGHT: Final = ("processing", "requires_action", "requires_capture")


class PaymentLink(Scoped, Base):
    """Something for sale at a standing address, /buy/<token>: a price of the catalog, or a name and an amount.

    `active_until` is real time, as of everything that is sent around. `max_uses`: how often it may be paid; None for always.
    """

    __tablename__ = "payment_links"
    __table_args__ = (
        *money_checks(),
        within("price_id", "prices"),
        CheckConstraint("max_uses > 0", name="max_uses_positive"),
    )

    id: Mapped[str] = id_column("plink")
    token: Mapped[str] = mapped_column(unique=True, default=lambda: new_token(16))
    name: Mapped[str]
    price_id: Mapped[str | None] = reference("price")
    amount: Mapped[int] = mapped_column(
        doc="of one; frozen for a price of the catalog, whose rows do not change either"
    )
    currency: Mapped[str]
    quantity_adjustable: Mapped[bool] = mapped_column(default=False, server_default="false")
    active_until: Mapped[datetime | None]
    max_uses: Mapped[int | None]
    allow_promotion_codes: Mapped[bool] = mapped_column(default=True, server_default="true")
    success_url: Mapped[str | None]
    created_by: Mapped[str | None] = mapped_column(PublicId("usr"), ForeignKey("users.id"))
    created_at: Mapped[datetime] = created_column()
    deactivated_at: Mapped[datetime | None] = mapped_column(doc="real time")

    @property
    def last_day(self) -> datetime | None:
        """A moment of the last day on which it takes payments: `active_until` is that day's end."""
        return self.active_until - timedelta(seconds=1) if self.active_until else None


class CheckoutSession(Scoped, Base):
    """One visit to the checkout that a merchant's program or a payment link asked for. What is bought is its order.

    `customer_id` and `customer_email`: whom it is for, where the merchant said so; the shopper cannot become somebody else then.
    """

    __tablename__ = "checkout_sessions"
    __table_args__ = (
        one_of("status", CHECKOUT_SESSION),
        one_of("mode", SESSION_MODES),
        within("order_id", "orders"),
        within("customer_id", "customers"),
        within("payment_link_id", "payment_links"),
        within("financing_offer_id", "financing_offers"),
        within("coupon_id", "coupons"),
        UniqueConstraint("organization_id", "order_id"),
        Index("ix_checkout_sessions_link", "organization_id", "payment_link_id", "id"),
        Index("ix_checkout_sessions_customer", "organization_id", "customer_id", "id"),
        Index("ix_checkout_sessions_due", "expires_at", postgresql_where="status = 'open'"),
    )
    machine = "checkout_session"

    id: Mapped[str] = id_column("cs")
    mode: Mapped[str] = mapped_column(default="payment", server_default="payment")
    status: Mapped[str] = mapped_column(default="open", server_default="open")
    order_id: Mapped[str] = reference("ord")
    customer_id: Mapped[str | None] = reference("cus")
    customer_email: Mapped[str | None]
    payment_link_id: Mapped[str | None] = reference("plink")
    financing_offer_id: Mapped[str | None] = reference(
        "offer", doc="the plan it is to be paid with, where one was named"
    )
    shipping_rates: Mapped[list[str]] = mapped_column(
        ARRAY(String), default=list, server_default="{}", doc="ids of those the shopper may choose from"
    )
    coupon_id: Mapped[str | None] = reference("cpn", doc="the discount the merchant gives; no code may be typed then")
    allow_promotion_codes: Mapped[bool] = mapped_column(default=True, server_default="true")
    success_url: Mapped[str | None]
    cancel_url: Mapped[str | None]
    metadata_: Mapped[dict[str, Any]] = json_column("metadata")
    expires_at: Mapped[datetime] = mapped_column(doc="real time")
    created_at: Mapped[datetime] = created_column()
    completed_at: Mapped[datetime | None]
    expired_at: Mapped[datetime | None]

    @property
    def is_over(self) -> bool:
        """Whether its time has run out; what is being paid just now may still be paid."""
        return self.status == "expired" or (self.status == "open" and self.expires_at <= real_time())


def session_of(organization_id: str, session_id: str) -> Select[CheckoutSession]:
    """One checkout session of the organization."""
    return select(CheckoutSession).where(
        CheckoutSession.organization_id == organization_id, CheckoutSession.id == session_id
    )


def due_sessions(as_of: datetime) -> Select[str, str]:
    """(organization_id, id) of open sessions whose time is over and that nobody is paying, the oldest first."""
    being_paid = exists().where(
        Payment.organization_id == CheckoutSession.organization_id,
        Payment.order_id == CheckoutSession.order_id,
        Payment.status.in_(IN_FLIGHT),
    )
    return (
        select(CheckoutSession.organization_id, CheckoutSession.id)
        .where(CheckoutSession.status == "open", CheckoutSession.expires_at <= as_of, ~being_paid)
        .order_by(CheckoutSession.expires_at)
    )


def sessions_of_link(organization_id: str, link_id: str) -> Select[CheckoutSession, Order, str | None]:
    """The sessions a payment link led to, each with its order and the id of its payment, once there is one."""
    joined = (Order.organization_id == CheckoutSession.organization_id) & (Order.id == CheckoutSession.order_id)
    payment = (
        select(Payment.id)
        .where(Payment.organization_id == Order.organization_id, Payment.order_id == Order.id)
        .order_by(Payment.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(CheckoutSession, Order, payment)
        .join(Order, joined)
        .where(CheckoutSession.organization_id == organization_id, CheckoutSession.payment_link_id == link_id)
    )


def links_of(organization_id: str) -> Select[PaymentLink]:
    """The organization's payment links."""
    return select(PaymentLink).where(PaymentLink.organization_id == organization_id)


def link_of(organization_id: str, link_id: str) -> Select[PaymentLink]:
    """One payment link of the organization."""
    return select(PaymentLink).where(PaymentLink.organization_id == organization_id, PaymentLink.id == link_id)
