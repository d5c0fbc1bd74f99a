"""Products and their prices. Both are archived, never deleted: orders point at them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, Select, UniqueConstraint, select
from sqlalchemy.orm import Mapped, aliased, mapped_column

from ballast.db import Base
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
from ballast.models.identity import Organization

PRICE_KINDS: Final = ("one_time", "recurring")
# How many a form offers to choose from.
MOST_OFFERED: Final = 200
INTERVALS: Final = ("day", "week", "month", "year")


class Product(Scoped, Base):
    """Something sold."""

    __tablename__ = "products"
    __table_args__ = (
        UniqueConstraint("organization_id", "slug"),
        CheckConstraint("stock >= 0", name="stock_not_negative"),
    )

    id: Mapped[str] = id_column("prod")
    name: Mapped[str]
    slug: Mapped[str]
    tagline: Mapped[str] = mapped_column(default="", server_default="")
    description: Mapped[str] = mapped_column(default="", server_default="")
    image: Mapped[str | None] = mapped_column(doc="a file of ours, or images/<id> of one that was uploaded")
    shippable: Mapped[bool] = mapped_column(default=True, server_default="true", doc="whether it is sent by post")
    stock: Mapped[int | None] = mapped_column(doc="how many can still be sold, less what is held; none: not counted")
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    metadata_: Mapped[dict[str, Any]] = json_column("metadata")
    created_at: Mapped[datetime] = created_column()
    archived_at: Mapped[datetime | None]


class Price(Scoped, Base):
    """What a product costs, in minor units. A changed price is a new row."""

    __tablename__ = "prices"
    __table_args__ = (
        within("product_id", "products"),
        one_of("kind", PRICE_KINDS),
        *money_checks(),
        CheckConstraint("(kind = 'recurring') = (interval is not null)", name="interval_when_recurring"),
        CheckConstraint("interval in ('day', 'week', 'month', 'year')", name="interval_known"),
        CheckConstraint("interval_count > 0", name="interval_count_positive"),
        CheckConstraint("trial_days between 0 and 730", name="trial_sane"),
        CheckConstraint("setup_fee >= 0", name="setup_fee_not_negative"),
    )

    id: Mapped[str] = id_column("price")
    product_id: Mapped[str] = reference("prod")
    kind: Mapped[str] = mapped_column(default="one_time", server_default="one_time")
    amount: Mapped[int]
    currency: Mapped[str]
    interval: Mapped[str | None]
    interval_count: Mapped[int] = mapped_column(default=1, server_default="1")
    nickname: Mapped[str] = mapped_column(
        default="", server_default="", doc="what tells it from others, such as Yearly"
    )
    trial_days: Mapped[int] = mapped_column(default=0, server_default="0")
    setup_fee: Mapped[int] = mapped_column(default=0, server_default="0", doc="once, on the first invoice")
    metadata_: Mapped[dict[str, Any]] = json_column("metadata")
    created_at: Mapped[datetime] = created_column()
    archived_at: Mapped[datetime | None]


def subscribable(organization_id: str) -> Select[Product, Price]:
    """Products with their recurring prices, in shop order, the cheapest first."""
    return (
        select(Product, Price)
        .join(Price, (Price.organization_id == Product.organization_id) & (Price.product_id == Product.id))
        .where(
            Product.organization_id == organization_id,
            Product.archived_at.is_(None),
            Price.archived_at.is_(None),
            Price.kind == "recurring",
        )
        .order_by(Product.position, Product.created_at, Price.amount, Price.id)
    )


def on_sale(organization_id: str) -> Select[Product, Price]:
    """Products, each with its present one-time price, in shop order: the one in the organization's currency, else the oldest."""
    other = aliased(Price)
    home = select(Organization.currency).where(Organization.id == organization_id).scalar_subquery()
    shown = (
        select(other.id)
        .where(
            other.organization_id == organization_id,
            other.product_id == Product.id,
            other.archived_at.is_(None),
            other.kind == "one_time",
        )
        .order_by((other.currency != home), other.id)
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(Product, Price)
        .join(Price, (Price.organization_id == Product.organization_id) & (Price.id == shown))
        .where(Product.organization_id == organization_id, Product.archived_at.is_(None))
        .order_by(Product.position, Product.created_at)
    )


def recurring_prices(organization_id: str) -> Select[Price, Product]:
    """What can be subscribed to now, by the product's name."""
    joined = (Price.organization_id == Product.organization_id) & (Price.product_id == Product.id)
    found = select(Price, Product).join(Product, joined)
    found = found.where(Price.organization_id == organization_id, Price.kind == "recurring")
    found = found.where(Price.archived_at.is_(None), Product.archived_at.is_(None))
    return found.order_by(Product.name, Price.id).limit(MOST_OFFERED)
