"""Who may buy what with which plan: by amount, currency, country, product, and what is owed already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ballast.billing.financing import exposure
from ballast.billing.financing.exposure import Owed
from ballast.errors import BallastError, Conflict, InvalidRequest
from ballast.models import Customer, FinancingOffer
from ballast.money import format_money

NOT_PUBLISHED: Final = "This plan is not offered. Pay in full, or with another plan."


@dataclass(frozen=True)
class Sale:
    """What somebody wants to pay in parts, minor units. `country`: where they are (ISO 3166), None where nobody knows yet;
    `products`: the ids of all that is bought, empty for what is no product; `customer`: who they are, once that is known."""

    amount: int
    currency: str
    country: str | None = None
    products: tuple[str, ...] = ()
    customer: Customer | None = None


def check(offer: FinancingOffer, sale: Sale) -> None:
    """Whether the sale may be paid with the offer, but for its caps.

    Raises Conflict(`financing_customer_held`), InvalidRequest(`financing_offer_not_published`, `financing_currency_mismatch`,
    `financing_amount_out_of_range`, `financing_country_not_served`, `financing_product_not_served`).
    """
    for problem in (_state(offer, sale), _amount(offer, sale), _place(offer, sale), _products(offer, sale)):
        if problem is not None:
            raise problem


def check_room(offer: FinancingOffer, owed: Owed, amount: int) -> None:
    """Whether `amount` more (minor units) fits within the caps now; `exposure.reserve` decides.

    Raises Conflict(`financing_limit_reached`).
    """
    if not exposure.has_room(offer, owed, amount):
        raise Conflict("financing_limit_reached", exposure.REACHED, param="offer")


def _state(offer: FinancingOffer, sale: Sale) -> BallastError | None:
    if offer.status != "published":
        return InvalidRequest("financing_offer_not_published", NOT_PUBLISHED, param="offer")
    if sale.customer is not None and sale.customer.held_at is not None:
        return Conflict("financing_customer_held", "Plans are not open to this customer now.", param="customer")
    return None


def _amount(offer: FinancingOffer, sale: Sale) -> BallastError | None:
    if sale.currency != offer.currency:
        return InvalidRequest(
            "financing_currency_mismatch", f"This plan is for amounts in {offer.currency}.", param="currency"
        )
    if offer.minimum_amount <= sale.amount <= offer.maximum_amount:
        return None
    least, most = (format_money(amount, offer.currency) for amount in (offer.minimum_amount, offer.maximum_amount))
    return InvalidRequest(
        "financing_amount_out_of_range", f"This plan is for amounts from {least} to {most}.", param="amount"
    )


def _place(offer: FinancingOffer, sale: Sale) -> BallastError | None:
    """An offer with a list of countries is for these alone, and so for nobody whose country is not known."""
    if not offer.countries or sale.country in offer.countries:
        return None
    return InvalidRequest("financing_country_not_served", "This plan is not offered in this country.", param="country")


def _products(offer: FinancingOffer, sale: Sale) -> BallastError | None:
    """An offer with a list of products pays for these alone: one other thing in the cart, and it is not for this cart."""
    if not offer.product_ids or (sale.products and set(sale.products) <= set(offer.product_ids)):
        return None
    return InvalidRequest("financing_product_not_served", "This plan is not for what is bought here.", param="products")
