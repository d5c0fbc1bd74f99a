"""Offers: who may buy what with which plan, what it costs, and what an offer must be before anybody is shown it."""

from __future__ import annotations

from ballast.billing.financing import quoting
from ballast.db import db
from ballast.models import Organization
from tests.financing.acts import WITH_INTEREST, Lender


def ask(lender: Lender, amount: int = 64000, currency: str = "USD", **more: object) -> list[str]:
    """The ids of the offers such a sale may be paid with."""
    with lender.clocked():
        organization = db.session.get_one(Organization, lender.world.acme.id)
        return [offer.id for offer, _quote in quoting.choices(organization, amount, currency, **more)]  # type: ignore[arg-type]


def test_a_sale_is_offered_the_plans_for_its_amount_currency_country_and_products_and_no_others(lender: Lender) -> None:
    product, other = "prod_01kbe8wv6pe2r9f3x7m5d0t1ba", "prod_01kbe8wv6pe2r9f3x7m5d0t1bb"
    anywhere = lender.offer(position=1)
    american = lender.offer(countries=["US"], position=2)
    large = lender.offer(WITH_INTEREST, minimum_amount=100000, maximum_amount=200000, position=3)
    coffee = lender.offer(product_ids=[product], position=4)
    assert ask(lender) == [anywhere]
    assert ask(lender, country="US") == [anywhere, american]
    assert ask(lender, country="DE") == [anywhere]
    assert ask(lender, 100000) == [anywhere, large]
    assert ask(lender, products=[product]) == [anywhere, coffee]
    assert ask(lender, products=[product, other]) == [anywhere]
    assert ask(lender, currency="EUR") == []
    assert ask(lender, 100) == []  # quarters of a dollar are less than can be charged
