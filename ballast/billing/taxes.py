"""Which tax a place has: of the region, else of the country; none where the organization has no rate for it."""

from __future__ import annotations

from sqlalchemy import select

from ballast.billing import places
from ballast.billing.pricing import Tax
from ballast.db import db, once
from ballast.models import Order, TaxRate
from ballast.models.discounts import rate_for


def at(organization_id: str, country: str, region: str) -> Tax | None:
    """The tax of a place; a transaction reads it once."""
    if not country:
        return None
    place = (organization_id, country, region)
    tax: Tax | None = once((Tax, *place), lambda: _read(*place))
    return tax


def of_order(order: Order) -> Tax | None:
    """The tax where an order goes, as far as that is known."""
    place = places.of_order(order)
    return at(order.organization_id, place.country, place.region)


def has_rates(organization_id: str) -> bool:
    """Whether an organization taxes anything anywhere."""
    wanted = select(TaxRate.id).where(TaxRate.organization_id == organization_id, TaxRate.archived_at.is_(None))
    return db.session.scalars(wanted.limit(1)).first() is not None


def _read(organization_id: str, country: str, region: str) -> Tax | None:
    rate = db.session.scalars(rate_for(organization_id, country, region)).first()
    return Tax(rate.name, rate.bps, rate.inclusive, rate.shipping_bps) if rate else None
