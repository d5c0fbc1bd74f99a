"""What the demo shop sells, how much of it there is, how it is sent and taxed, its code, and the guide that is sold as a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import typst
from sqlalchemy import select

from ballast.billing import discount_catalog, media, paper, shipping
from ballast.billing.discount_catalog import NewCode, NewCoupon, NewTaxRate
from ballast.billing.shipping import NewRate
from ballast.db import db
from ballast.models import Organization, Price, Product, PromotionCode, ShippingRate, TaxRate


@dataclass(frozen=True)
class Goods:
    """Something the demo shop sells: minor units of the shop's currency; `stock`: how many there are, None where it is not counted."""

    name: str
    slug: str
    amount: int
    tagline: str
    description: str
    stock: int | None = None
    shippable: bool = True
    is_subscribed: bool = False


CATALOG: Final = (
    Goods(
        "Espresso machine",
        "espresso-machine",
        64_000,
        "Nine bars, one lever, thirty years.",
        "A dual-boiler machine in brushed steel. It heats in six minutes, holds its temperature to half a degree and can be taken "
        "apart with one screwdriver. We keep every part in stock.",
        stock=240,
    ),
    Goods(
        "Grinder",
        "grinder",
        24_000,
        "Quiet burrs, even grounds.",
        "Sixty-four millimeter flat burrs, stepless, slow enough to be quiet. From Turkish to French press without changing a part.",
        stock=3,
    ),
    Goods(
        "Kettle",
        "kettle",
        9_000,
        "A steady pour, to the degree.",
        "A gooseneck kettle that holds any temperature from 60 to 100 °C for an hour. The handle stays cool.",
    ),
    Goods(
        "Beans",
        "beans",
        1_800,
        "Roasted on Monday, with you by Thursday.",
        "A bag of 500 g from one farm at a time, roasted light to medium. The farm, the altitude and the date are on the bag.",
        is_subscribed=True,
    ),
    Goods(
        "Stacking cups",
        "cups",
        3_200,
        "Three glazes, one stack.",
        "Stoneware, thrown in Stoke and glazed by hand. 220 ml each, safe in the dishwasher, and they stack. A set of three.",
        stock=26,
    ),
    Goods(
        "Pour-over scale",
        "scale",
        7_400,
        "A tenth of a gram, and a timer.",
        "It starts its timer with the first drop, runs forty hours on a charge and shrugs off a spill. The dripper is in the box; "
        "the carafe is not.",
        stock=0,
    ),
    Goods(
        "Brew guide",
        "brew-guide",
        900,
        "Three ways to a better cup. PDF.",
        "Pour over, espresso and French press, a page to keep by the kettle, and what to change when it does not taste right. Yours "
        "to download as soon as you have paid.",
        shippable=False,
    ),
)
# The one that is sold as a file, and what it is called.
GUIDE: Final = ("brew-guide", "Acme brew guide.pdf")
STANDARD: Final = ("Standard", 600, 3, 5, (), 5_000)
EXPRESS: Final = ("Express", 1_800, 1, 2, ("US", "CA", "GB", "DE"), None)
# Prices are before tax in New York and with it in Germany; elsewhere nothing is added.
TAXES: Final = (
    NewTaxRate("Sales tax", "US", 888, region="NY"),
    NewTaxRate("VAT", "DE", 1900, inclusive=True),
)
CODE: Final = "WELCOME10"


def plant(organization: Organization) -> int:
    """Put what is not there in its place; answers how many products that were. In the caller's transaction."""
    wanted = select(Product.slug).where(Product.organization_id == organization.id)
    known = set(db.session.scalars(wanted))
    missing = [(position, goods) for position, goods in enumerate(CATALOG) if goods.slug not in known]
    for position, goods in missing:
        _sell(organization, position, goods)
    if missing:
        _send(organization)
        _tax(organization)
        _give_code(organization)
    return len(missing)


def _sell(organization: Organization, position: int, goods: Goods) -> None:
    product = Product(
        organization_id=organization.id,
        name=goods.name,
        slug=goods.slug,
        tagline=goods.tagline,
        description=goods.description,
        image=f"shop/{goods.slug}.svg",
        position=position,
        stock=goods.stock,
        shippable=goods.shippable,
    )
    db.session.add(product)
    db.session.flush()
    every_month = {"kind": "recurring", "interval": "month", "nickname": "Monthly"}
    for terms in ({}, every_month) if goods.is_subscribed else ({},):
        price = Price(organization_id=organization.id, product_id=product.id, **terms)
        price.amount, price.currency = goods.amount, organization.currency
        db.session.add(price)
    if goods.slug == GUIDE[0]:
        media.put_file(organization.id, product.id, GUIDE[1], guide())


def guide() -> bytes:
    """The guide as PDF."""
    drawn = typst.compile(str(paper.HERE / "brew-guide.typ"), font_paths=[str(paper.HERE / "fonts")], format="pdf")
    assert isinstance(drawn, bytes), "one document, one file"
    return drawn


def _send(organization: Organization) -> None:
    """The shop's rates, where it has none."""
    known = select(ShippingRate.id).where(ShippingRate.organization_id == organization.id)
    if db.session.scalars(known.limit(1)).first() is not None:
        return
    for name, amount, soonest, latest, countries, free_from in (STANDARD, EXPRESS):
        rate = NewRate(name, amount, organization.currency, soonest, latest, countries, free_from)
        shipping.create(organization.id, rate)


def _tax(organization: Organization) -> None:
    """The shop's tax rates, where it has none."""
    known = select(TaxRate.id).where(TaxRate.organization_id == organization.id)
    if db.session.scalars(known.limit(1)).first() is None:
        for rate in TAXES:
            discount_catalog.create_tax_rate(organization.id, rate)


def _give_code(organization: Organization) -> None:
    """A tenth off the first payment for everything, where the shop has no code."""
    known = select(PromotionCode.id).where(PromotionCode.organization_id == organization.id)
    if db.session.scalars(known.limit(1)).first() is None:
        coupon = discount_catalog.create_coupon(organization.id, NewCoupon("Welcome", "once", percent_bps=1000))
        discount_catalog.create_code(organization.id, NewCode(coupon.id, CODE))
