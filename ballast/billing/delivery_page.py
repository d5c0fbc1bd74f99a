"""How an order is sent and fetched, as the shopper's pages show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ballast.billing import downloads, fulfillment, shipping
from ballast.models import CheckoutSession, Order, Organization, Product
from ballast.money import format_money


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


def promise(shop: Organization) -> str:
    """How a shop sends to most of its shoppers, in a sentence: at its cheapest rate in its own currency."""
    rates = [rate for rate in shipping.active(shop.id) if rate.currency == shop.currency]
    if not rates:
        return "Free on every order."
    rate = rates[0]
    takes = shipping.words(rate).lower()
    if not rate.amount:
        return f"Free, with you in {takes}."
    free = f", free from {format_money(rate.free_from, rate.currency)}" if rate.free_from else ""
    return f"{format_money(rate.amount, rate.currency)}{free}. With you in {takes}."


def of_cart(shop: Organization, currency: str, products: Sequence[Product], amount: int) -> str | None:
    """What delivery of a cart costs at the cheapest rate, as its page says it; None where nothing of it is sent by post."""
    if not any(product.shippable for product in products):
        return None
    rates = [rate for rate in shipping.active(shop.id) if rate.currency == currency]
    least = min((shipping.costs(rate, amount) for rate in rates), default=0)
    return f"From {format_money(least, currency)}" if least else "Free"
