"""Where an order goes, as far as that is known: what its tax, its delivery and its plans are worked out for.

The form of its checkout begins with it, so the sums that a shopper reads are those of the country they see chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ballast.db import db
from ballast.models import Customer, Order

# What the form's list of countries begins with where nothing is known.
HOME_COUNTRY: Final = "US"


@dataclass(frozen=True)
class Place:
    """Where somebody is taxed: an ISO 3166 country and, where that matters, a region of it; both empty while nobody knows."""

    country: str = ""
    region: str = ""


def of_order(order: Order) -> Place:
    """As it was typed; before that the customer's, where the order has one with a place; else the country the form begins with."""
    address = order.address or {}
    if address.get("country"):
        return Place(address["country"], address.get("region", ""))
    customer = db.session.get(Customer, (order.organization_id, order.customer_id)) if order.customer_id else None
    if customer is not None and customer.country:
        return Place(customer.country, customer.region)
    return Place(HOME_COUNTRY)
