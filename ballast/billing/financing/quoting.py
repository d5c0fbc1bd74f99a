"""What a sale costs on the plans a merchant offers. Every quote has been read back and solved anew before anybody sees it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from ballast.billing import lookup, minimums
from ballast.billing.financing import disclosure, eligibility, exposure, quotes, reading
from ballast.billing.financing.disclosure import Disclosure
from ballast.billing.financing.eligibility import Sale
from ballast.billing.financing.exposure import Owed
from ballast.billing.financing.quotes import Quote
from ballast.billing.financing.terms import OfferTerms
from ballast.clock import now
from ballast.db import db
from ballast.errors import BallastError
from ballast.models import BillingSettings, Customer, FinancingOffer, Organization
from ballast.models.financing_offers import offer_of, published_offers

# A shop shows the same few figures all day; a quote with its check costs a few milliseconds.
MOST_KEPT: Final = 2048
TERMS: Final = tuple(OfferTerms.__dataclass_fields__)


def quote_for(
    organization: Organization,
    offer_id: str,
    amount: int,
    currency: str,
    country: str | None = None,
    products: Sequence[str] = (),
    customer: Customer | None = None,
    order_id: str | None = None,
) -> Quote:
    """What `amount` (minor units) costs with one offer, from today. The caps are looked at, and decided by `exposure.reserve`.

    `order_id`: the order it is for; what a draft of its own would owe is not counted.

    Raises NotFound, what `eligibility.check` raises, Conflict(`financing_limit_reached`), what `quotes.quote` raises, and
    Conflict(`disclosure_disagrees`) where the two solvers differ.
    """
    offer = find(organization.id, offer_id)
    sale = Sale(amount, currency, country, tuple(products), customer)
    return _quote(organization, offer, sale, _owed(organization, [offer], customer, order_id))


def choices(
    organization: Organization,
    amount: int,
    currency: str,
    country: str | None = None,
    products: Sequence[str] = (),
    customer: Customer | None = None,
    order_id: str | None = None,
) -> list[tuple[FinancingOffer, Quote]]:
    """Every plan the sale may be paid with and its quote, in the merchant's order. One statement, two where an offer has a cap.

    `order_id`: as in `quote_for`.
    """
    sale = Sale(amount, currency, country, tuple(products), customer)
    offers = [offer for offer in db.session.scalars(published_offers(organization.id)) if _is_for(offer, sale)]
    owed = _owed(organization, offers, customer, order_id)
    found = ((offer, _quote_or_none(organization, offer, sale, owed)) for offer in offers)
    return [(offer, quote) for offer, quote in found if quote is not None]


def countries(organization_id: str) -> list[str]:
    """Every country that some published offer is for alone; empty where all are for everywhere."""
    named = {country for offer in db.session.scalars(published_offers(organization_id)) for country in offer.countries}
    return sorted(named)


def find(organization_id: str, offer_id: str) -> FinancingOffer:
    """One offer, whatever its status. Raises NotFound."""
    return lookup.find(offer_of(organization_id, offer_id), offer_id, "offer", "financing offer")


def terms_of(offer: FinancingOffer) -> OfferTerms:
    """The offer's terms as they stand now. Raises InvalidRequest(`financing_terms_invalid`)."""
    return OfferTerms(**{name: getattr(offer, name) for name in TERMS})


def today(organization: Organization) -> date:
    """What day it is where the organization is, by its clock: the day a plan would start."""
    return now().astimezone(ZoneInfo(organization.timezone)).date()


@lru_cache(maxsize=MOST_KEPT)
def checked(amount: int, currency: str, terms: OfferTerms, start: date) -> Quote:
    """A quote that both solvers agree on. A pure function of its arguments, so it is kept.

    Raises what `quotes.quote` raises, Conflict(`disclosure_disagrees`).
    """
    quote = quotes.quote(amount, currency, terms, start, minimums.least(currency))
    reading.check(disclosure.render(Disclosure(quote, "Creditor", "Quote")), quote)
    return quote


def box(organization: Organization, quote: Quote, reference: str = "Quote") -> Disclosure:
    """The disclosure of a quote in the organization's name."""
    return Disclosure(quote, creditor(organization), reference)


def creditor(organization: Organization) -> str:
    """Who lends: the organization's name, and its address where there is one."""
    found = db.session.get(BillingSettings, organization.id)
    address = " ".join(found.address.split()) if found else ""
    return ", ".join(part for part in (organization.name, address) if part)


def _is_for(offer: FinancingOffer, sale: Sale) -> bool:
    try:
        eligibility.check(offer, sale)
    except BallastError:
        return False
    return True


def _owed(
    organization: Organization, offers: Sequence[FinancingOffer], customer: Customer | None, order_id: str | None
) -> dict[str, Owed]:
    """What is owed under those offers that have a cap."""
    capped = [one.id for one in offers if one.exposure_cap is not None or one.customer_cap is not None]
    return exposure.of(organization.id, capped, customer.id if customer else None, order_id) if capped else {}


def _quote(organization: Organization, offer: FinancingOffer, sale: Sale, owed: dict[str, Owed]) -> Quote:
    eligibility.check(offer, sale)
    quote = checked(sale.amount, sale.currency, terms_of(offer), today(organization))
    eligibility.check_room(offer, owed.get(offer.id, Owed()), quote.total_of_payments)
    return quote


def _quote_or_none(
    organization: Organization, offer: FinancingOffer, sale: Sale, owed: dict[str, Owed]
) -> Quote | None:
    """An amount that a plan cannot split is no error in a list of choices: the plan is not among them."""
    try:
        return _quote(organization, offer, sale, owed)
    except BallastError:
        return None
