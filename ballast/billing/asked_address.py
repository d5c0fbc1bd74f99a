"""Which parts of an address a checkout asks for: no more than the order needs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from babel import Locale
from sqlalchemy import Select, exists, func, select

from ballast.billing import shipping
from ballast.billing.checkout_form import ADDRESS_FIELDS
from ballast.db import db
from ballast.models import FinancingOffer, Order, OrderLine, Price, Product, TaxRate


def fields(order: Order, lines: Sequence[OrderLine]) -> tuple[str, ...]:
    """Names of the fields, of ADDRESS_FIELDS.

    All of them where something is sent by post, now or with each period, and where a program sells what is of no catalog. Of what is
    only fetched: the country where a tax, or a plan of the shop, depends on it; the region where a tax does; else nothing.
    """
    items = [line for line in lines if line.kind == "item"]
    if shipping.is_sent(order) or any(line.price_id is None for line in items):
        return ADDRESS_FIELDS
    is_sent, by_region, by_country = db.session.execute(_depends(order, items)).one()
    if is_sent:
        return ADDRESS_FIELDS
    return ("region", "country") if by_region else ("country",) if by_country else ()


def _depends(order: Order, items: Sequence[OrderLine]) -> Select[bool, bool, bool]:
    """Whether one of the products is sent by post; whether a tax depends on the region; whether anything does on the country."""
    owner = order.organization_id
    sent = Price.product_id.in_(select(Product.id).where(Product.organization_id == owner, Product.shippable))
    tax = (TaxRate.organization_id == owner, TaxRate.archived_at.is_(None))
    plans = (FinancingOffer.organization_id == owner, FinancingOffer.status == "published")
    return select(
        exists().where(Price.organization_id == owner, Price.id.in_([line.price_id for line in items]), sent),
        exists().where(*tax, TaxRate.region != ""),
        exists().where(*tax) | exists().where(*plans, func.cardinality(FinancingOffer.countries) > 0),
    )


@cache
def countries() -> list[tuple[str, str]]:
    """ISO 3166 codes and English names, by name."""
    names = Locale("en").territories
    found = [
        (code, name) for code, name in names.items() if len(code) == 2 and code.isalpha() and code not in _NOT_COUNTRIES
    ]
    return sorted(found, key=lambda pair: pair[1])


_NOT_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
