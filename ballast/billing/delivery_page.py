"""How an order is sent and fetched, as the shopper's pages show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ballast.billing import downloads, fulfillment, shipping
from ballast.models import CheckoutSession, Order


def rates(order: Order, session: CheckoutSession | None) -> list[dict[str, object]] | None:
    """The rates an order may be sent at, as the checkout shows them; None where there is nothing to choose."""
    options = shipping.options(order, session)
    if options is None:
        return None
    return [{"rate": one.rate, "amount": one.amount, "words": shipping.words(one.rate)} for one in options]


def problems(order: Order, session: CheckoutSession | None, typed: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with what was typed, by field: the country, where nothing is sent to it."""
    country = typed.get("country", "")
    if not country or shipping.options(order, session, country) != []:
        return {}
    return {"country": shipping.unavailable(country)}


def sent(order: Order) -> dict[str, Any]:
    """How far it is sent, and what of it can be downloaded (see checkout/_sent.html)."""
    rate = shipping.rate_of(order)
    return {
        "parcels": fulfillment.parcels(order),
        "offered": downloads.offered(order),
        "takes": shipping.words(rate) if rate else None,
    }
