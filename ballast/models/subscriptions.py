"""Subscriptions: a customer, a price times a quantity, and the periods it is billed for.

Periods are counted from `anchor_at` in `timezone`, which are the subscription's own: changing the organization's time zone moves no
anchor (docs/subscriptions.md).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Index, Select, UniqueConstraint, and_, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base, PublicId
from ballast.models.catalog import Price, Product
from ballast.models.columns import Scoped, created_column, id_column, json_column, one_of, reference, within
from ballast.models.customers import Customer
from ballast.models.late_successes import LATE_POLICIES
from ballast.models.states import RENEWING, SUBSCRIPTION
from ballast.security import new_token

MAX_SEATS: Final = 100_000
END_STATUSES: Final = ("unpaid", "canceled", "defaulted")
RETRY_DAYS: Final = (1, 3, 7, 14)
RENEWING_SQL: Final = "status in ({})".format(", ".join(f"'{state}'" for state in RENEWING))


class Subscription(Scoped, Base):
    """What a customer has agreed to pay for again and again.

    `next_action_at`: when the sweeper has to look at it (a renewal, the end of a trial or a pause, of the 23 hours a first payment may
    take), on the organization's clock. `period`: the number of the present period since the anchor; -1 before the first.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        one_of("status", SUBSCRIPTION),
        CheckConstraint(f"quantity between 1 and {MAX_SEATS}", name="quantity_sane"),
        CheckConstraint("current_period_start < current_period_end", name="period_forward"),
        within("customer_id", "customers"),
        within("price_id", "prices"),
        within("pending_price_id", "prices"),
        within("payment_method_id", "payment_methods"),
        within("coupon_id", "coupons"),
        within("promotion_code_id", "promotion_codes"),
        UniqueConstraint("organization_id", "idempotency_key"),
        Index(
            "ix_subscriptions_turn", "organization_id", "next_action_at", postgresql_where="next_action_at is not null"
        ),
        Index(
            "ix_subscriptions_reminder_turn",
            "organization_id",
            "next_reminder_at",
            postgresql_where="next_reminder_at is not null",
        ),
        Index("ix_subscriptions_customer", "organization_id", "customer_id", "id"),
        Index("ix_subscriptions_status", "organization_id", "status", "id"),
        Index("ix_subscriptions_card", "organization_id", "payment_method_id"),
    )
    machine = "subscription"

    id: Mapped[str] = id_column("sub")
    token: Mapped[str] = mapped_column(unique=True, default=lambda: new_token(24))
    status: Mapped[str]
    customer_id: Mapped[str] = reference("cus")
    payment_method_id: Mapped[str | None] = reference("pm")
    price_id: Mapped[str] = reference("price")
    quantity: Mapped[int] = mapped_column(default=1, server_default="1")
    currency: Mapped[str]
    timezone: Mapped[str]
    anchor_at: Mapped[datetime]
    period: Mapped[int] = mapped_column(default=-1, server_default="-1")
    current_period_start: Mapped[datetime]
    current_period_end: Mapped[datetime]
    trial_end_at: Mapped[datetime | None]
    cancel_at_period_end: Mapped[bool] = mapped_column(default=False, server_default="false")
    canceled_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    cancellation_reason: Mapped[str | None]
    paused_at: Mapped[datetime | None]
    resumes_at: Mapped[datetime | None]
    pending_price_id: Mapped[str | None] = reference("price")
    pending_quantity: Mapped[int | None]
    coupon_id: Mapped[str | None] = reference("cpn")
    promotion_code_id: Mapped[str | None] = reference("promo")
    coupon_periods_left: Mapped[int | None]
    failing_since: Mapped[datetime | None] = mapped_column(doc="the first decline of the oldest open invoice")
    held_at: Mapped[datetime | None] = mapped_column(doc="since when a renewal waits for a hold on its customer to end")
    next_action_at: Mapped[datetime | None]
    next_reminder_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None] = mapped_column(doc="real time")
    idempotency_key: Mapped[str | None] = mapped_column(doc="of the request that started it; one makes one, for ever")
    metadata_: Mapped[dict[str, Any]] = json_column("metadata")
    created_at: Mapped[datetime] = created_column()


class BillingSettings(Base):
    """How an organization bills: one row each, with the defaults until somebody changes them.

    `retry_days`: days after the first decline on which a soft decline is tried again. `end_status`: what a subscription becomes when
    they are over. The two numbers are the next invoice's and the next credit note's; they are given under this row's lock.
    """

    __tablename__ = "billing_settings"
    __table_args__ = (
        one_of("end_status", END_STATUSES),
        one_of("late_success", LATE_POLICIES),
        CheckConstraint("invoice_prefix ~ '^[A-Z0-9]{1,12}$'", name="prefix_shape"),
    )

    organization_id: Mapped[str] = mapped_column(PublicId("org"), ForeignKey("organizations.id"), primary_key=True)
    retry_days: Mapped[list[int]] = mapped_column(
        ARRAY(BigInteger), default=lambda: [*RETRY_DAYS], server_default="{1,3,7,14}"
    )
    end_status: Mapped[str] = mapped_column(default="unpaid", server_default="unpaid")
    reminder_days: Mapped[int | None] = mapped_column(doc="PAYMENT_REMINDER_DAYS_BEFORE where there is none")
    invoice_prefix: Mapped[str]
    next_invoice: Mapped[int] = mapped_column(default=1, server_default="1")
    next_credit_note: Mapped[int] = mapped_column(default=1, server_default="1")
    invoice_footer: Mapped[str] = mapped_column(default="", server_default="")
    address: Mapped[str] = mapped_column(default="", server_default="", doc="as it stands on invoices")
    tax_number: Mapped[str] = mapped_column(default="", server_default="")
    support_email: Mapped[str] = mapped_column(default="", server_default="")
    color: Mapped[str] = mapped_column(default="", server_default="", doc="of mails and invoices, #rrggbb")
    late_success: Mapped[str] = mapped_column(
        default="refund", server_default="refund", doc="what is done with money that comes for an attempt given up"
    )


def subscription_of(organization_id: str, subscription_id: str) -> Select[Subscription]:
    """One subscription of the organization."""
    return select(Subscription).where(
        Subscription.organization_id == organization_id, Subscription.id == subscription_id
    )


def subscriptions_of(organization_id: str, customer_id: str) -> Select[Subscription]:
    """A customer's subscriptions, newest first."""
    found = select(Subscription).where(
        Subscription.organization_id == organization_id, Subscription.customer_id == customer_id
    )
    return found.order_by(Subscription.id.desc())


def subscriptions_with_plans(organization_id: str) -> Select[Subscription, Customer, Price, Product]:
    """The organization's subscriptions, each with whose it is and what it is on, in one statement."""
    of_customer = and_(
        Customer.organization_id == Subscription.organization_id, Customer.id == Subscription.customer_id
    )
    of_price = and_(Price.organization_id == Subscription.organization_id, Price.id == Subscription.price_id)
    of_product = and_(Product.organization_id == Price.organization_id, Product.id == Price.product_id)
    found = select(Subscription, Customer, Price, Product)
    found = found.join(Customer, of_customer).join(Price, of_price).join(Product, of_product)
    return found.where(Subscription.organization_id == organization_id)
