"""The catalog: products, and what they cost. A price never changes but for its nickname, its metadata and whether it is still sold;
another amount is another price, and who has the old one keeps it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Row, select

from ballast import money
from ballast.billing import kept
from ballast.clock import now
from ballast.db import db, once
from ballast.errors import InvalidRequest
from ballast.ids import new_id, to_uuid
from ballast.models import Price, Product

# A period lasts at most three years: what comes later nobody has agreed to in earnest.
MOST_INTERVALS: Final = {"day": 1096, "week": 156, "month": 36, "year": 3}
LONGEST_SLUG: Final = 63


@dataclass(frozen=True)
class NewProduct:
    """Something to sell. `slug`: its address in the shop; made of the name if left out. `stock`: how many there are; None:
    not counted."""

    name: str
    slug: str | None = None
    tagline: str = ""
    description: str = ""
    position: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    shippable: bool = True
    stock: int | None = None


@dataclass(frozen=True)
class NewPrice:
    """What a product costs: `amount` and `setup_fee` in minor units. Without an `interval` it is paid once."""

    product_id: str
    amount: int
    currency: str
    interval: str | None = None
    interval_count: int = 1
    trial_days: int = 0
    setup_fee: int = 0
    nickname: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


def create_product(organization_id: str, asked: NewProduct) -> Product:
    """A new product, sold once it has a price. In the caller's transaction. Raises Conflict(`slug_taken`)."""
    product_id = new_id("prod")
    return kept.add(
        Product(
            id=product_id,
            organization_id=organization_id,
            name=asked.name,
            slug=asked.slug or _free_slug(organization_id, asked.name, product_id),
            tagline=asked.tagline,
            description=asked.description,
            position=asked.position,
            metadata_=asked.metadata,
            shippable=asked.shippable,
            stock=asked.stock,
            created_at=now(),
        )
    )


def _free_slug(organization_id: str, name: str, product_id: str) -> str:
    """The name in small letters and dashes; with the end of the id where another product has that."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST_SLUG].strip("-") or "product"
    taken = select(Product.id).where(Product.organization_id == organization_id, Product.slug == plain)
    if db.session.scalars(taken).first() is None:
        return plain
    return f"{plain[: LONGEST_SLUG - 9].strip('-')}-{product_id[-8:]}"


def create_price(organization_id: str, asked: NewPrice) -> Price:
    """A new price of a product that is sold. In the caller's transaction.

    Raises InvalidRequest(`product_unknown`, `currency_unknown`, `interval_invalid`, `parameter_conflict`).
    """
    money.exponent(asked.currency)
    _check_product(organization_id, asked.product_id)
    _check_interval(asked)
    return kept.add(
        Price(
            id=new_id("price"),
            organization_id=organization_id,
            product_id=asked.product_id,
            kind="recurring" if asked.interval else "one_time",
            amount=asked.amount,
            currency=asked.currency,
            interval=asked.interval,
            interval_count=asked.interval_count,
            trial_days=asked.trial_days,
            setup_fee=asked.setup_fee,
            nickname=asked.nickname,
            metadata_=asked.metadata,
            created_at=now(),
        )
    )


def _check_product(organization_id: str, product_id: str) -> None:
    wanted = select(Product.id).where(
        Product.organization_id == organization_id, Product.id == product_id, Product.archived_at.is_(None)
    )
    if to_uuid(product_id, "prod") is None or db.session.scalars(wanted).first() is None:
        raise InvalidRequest("product_unknown", "There is no such product, or it is archived.", param="product")


def _check_interval(asked: NewPrice) -> None:
    if asked.interval is None:
        if asked.trial_days or asked.setup_fee or asked.interval_count != 1:
            raise InvalidRequest(
                "parameter_conflict", "A trial, a set-up fee and a count need an interval.", param="interval"
            )
        return
    most = MOST_INTERVALS[asked.interval]
    if asked.interval_count > most:
        raise InvalidRequest(
            "interval_invalid", f"A period has at most {most} {asked.interval}s.", param="interval_count"
        )


def sold(organization_id: str, price_id: str, *, archived: bool = False) -> tuple[Price, Product]:
    """A price with its product. `archived`: one that is no longer sold will do, for those who have it.

    Raises InvalidRequest(`price_unknown`).
    """
    is_id = to_uuid(price_id, "price") is not None
    row = once((Price, organization_id, price_id), lambda: _with_product(organization_id, price_id)) if is_id else None
    if row is None or (not archived and (row[0].archived_at or row[1].archived_at)):
        raise InvalidRequest("price_unknown", "There is no such price, or it is no longer sold.", param="price")
    return row[0], row[1]


def _with_product(organization_id: str, price_id: str) -> Row[Price, Product] | None:
    joined = (Price.organization_id == Product.organization_id) & (Price.product_id == Product.id)
    wanted = select(Price, Product).join(Product, joined)
    return db.session.execute(wanted.where(Price.organization_id == organization_id, Price.id == price_id)).first()
