"""Offers: who may buy what with which plan, what it costs, and what an offer must be before anybody is shown it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select

from ballast.billing.financing import exposure, lending_settings, offers, quoting
from ballast.db import db, transaction
from ballast.errors import BallastError
from ballast.models import Customer, Organization, User
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


GIVEN = {"name": "Six", "currency": "USD", "installments": 6, "minimum_amount": 10000, "maximum_amount": 100000}


def make(lender: Lender, **given: object) -> str:
    """A draft; its id."""
    with lender.clocked(), transaction():
        return offers.create(lender.world.acme.id, GIVEN | given).id


def refused(lender: Lender, act: Callable[[], object]) -> tuple[str, str]:
    """The code and the message an act is refused with."""
    with lender.clocked(), pytest.raises(BallastError) as caught, transaction():
        act()
    return caught.value.code, caught.value.message


def do(lender: Lender, act: Callable[..., object], *args: object) -> None:
    with lender.clocked(), transaction():
        act(lender.world.acme.id, *args)


def owner(lender: Lender) -> str:
    with lender.clocked():
        return db.session.scalars(select(User.id).where(User.email == "owner@example.com")).one()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"rate_bps": 999}, "it charges interest"),
        ({"fee_amount": 100}, "it has an origination fee"),
        ({"late_fee_bps": 500}, "it has a late fee"),
        ({}, "it has 6 payments, more than four"),
        ({"installments": 4, "down_payment_bps": 1000}, "it has 5 payments, more than four"),
    ],
)
def test_what_the_law_counts_as_credit_at_a_cost_needs_the_switch(
    lender: Lender, given: dict[str, object], why: str
) -> None:
    offer_id, acme = make(lender, **given), lender.world.acme.id
    code, message = refused(lender, lambda: offers.publish(acme, offer_id))
    assert (code, why in message) == ("financing_interest_not_allowed", True)
    do(lender, lending_settings.allow_interest, owner(lender))
    do(lender, offers.publish, offer_id)
    assert ask(lender) == [offer_id]
    assert refused(lender, lambda: lending_settings.disallow_interest(acme))[0] == "financing_interest_in_use"


def test_four_free_payments_need_no_switch_and_may_not_be_edited_into_more(lender: Lender) -> None:
    offer_id, acme = make(lender, installments=3, down_payment_bps=2500), lender.world.acme.id
    do(lender, offers.publish, offer_id)
    code, _ = refused(lender, lambda: offers.edit(acme, offer_id, {"installments": 5}))
    assert code == "financing_interest_not_allowed"
    do(lender, offers.unpublish, offer_id)
    assert ask(lender) == []
    do(lender, offers.edit, offer_id, {"installments": 5})


def test_an_offer_that_does_not_work_at_its_least_or_greatest_amount_is_not_published(lender: Lender) -> None:
    offer_id, acme = make(lender, installments=3, down_payment_bps=2500, minimum_amount=120), lender.world.acme.id
    code, message = refused(lender, lambda: offers.publish(acme, offer_id))
    assert code == "financing_payment_below_minimum"
    assert message.startswith("At $1.20 this offer does not work")


def test_editing_an_offer_changes_no_agreement(lender: Lender) -> None:
    agreement_id = lender.agree()
    before = lender.agreement(agreement_id)
    lines = [(one.due_on, one.principal, one.interest) for one in lender.installments(agreement_id)]
    others = {"late_fee_amount": 0, "down_payment_bps": 5000, "grace_days": 3, "minimum_amount": 10000}
    do(lender, offers.edit, before.offer_id, others)
    do(lender, offers.archive, before.offer_id)
    after = lender.agreement(agreement_id)
    assert (after.terms, after.terms_hash) == (before.terms, before.terms_hash)
    assert [(one.due_on, one.principal, one.interest) for one in lender.installments(agreement_id)] == lines


def test_of_two_who_agree_at_once_one_finds_the_cap_reached(lender: Lender) -> None:
    offer_id, acme = lender.offer(exposure_cap=60000), lender.world.acme.id
    customers, start = [lender.customer() for _ in range(2)], Barrier(2)

    def agree(customer_id: str) -> str:
        with lender.world.app.app_context(), lender.clocked():
            start.wait(10)
            try:
                with transaction():
                    lender.take(offer_id, customer_id)
            except BallastError as error:
                return error.code
            return "agreed"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(agree, customers)) == ["agreed", "financing_limit_reached"]
    with lender.clocked():
        assert exposure.of(acme, [offer_id])[offer_id].total == 48000


def test_a_draft_that_is_replaced_does_not_stand_in_its_own_way(lender: Lender) -> None:
    offer_id, customer_id = lender.offer(customer_cap=50000), lender.customer()
    with lender.clocked():
        with transaction():
            order_id = lender.take(offer_id, customer_id)
        with transaction():
            lender.take(offer_id, customer_id, order_id)
        with pytest.raises(BallastError, match="financing_limit_reached"), transaction():
            lender.take(offer_id, customer_id)


def test_a_held_customer_is_offered_no_plan(lender: Lender) -> None:
    offer_id, customer_id = lender.offer(), lender.customer(held_at=lender.at)
    with lender.clocked():
        customer = db.session.scalars(select(Customer).where(Customer.id == customer_id)).one()
        organization = db.session.get_one(Organization, lender.world.acme.id)
        assert quoting.choices(organization, 64000, "USD", customer=customer) == []
        with pytest.raises(BallastError, match="financing_customer_held"):
            quoting.quote_for(organization, offer_id, 64000, "USD", customer=customer)
