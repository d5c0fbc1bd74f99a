"""Who comes back pays with a card they stored: shown to be theirs by the mailed link or by signing in, never by typing an address."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from ballast import clock
from ballast.billing import portal_links
from ballast.db import organization, transaction
from ballast.models import Customer, FinancingAgreement, Order, Payment, PaymentMethod, Subscription, User
from tests.financing.acts import IN_FOUR
from tests.financing.buying import Buyer
from tests.pages.billed import VISA
from tests.pages.mixing import Mixer, shown
from tests.pages.test_mixed_carts import NOTHING_DOWN
from tests.shopper import TYPED, Shopper
from tests.world import World, csrf


class Regular(Shopper):
    """Noor, who has bought before, with a card stored, and is back with another browser."""

    def __init__(self, world: World, processor: str = "stripe", token: str = "") -> None:
        super().__init__(world)
        self.world = world
        self.account_id = world.use(processor)
        self.add()
        form = {"save_card": "yes", "account": self.account_id, "payment_method": token or VISA[processor]}
        assert self.pay(self.check_out(), **form).status_code == 303
        world.drain()
        (self.customer_id,) = (one.id for one in world.all_of(Customer))
        (self.card_id,) = (one.id for one in world.all_of(PaymentMethod))
        self.client = world.app.test_client()
        self.token = csrf(self.client.get("/shop/acme/products/kettle").get_data(as_text=True))

    def arrive(self, customer_id: str = "") -> None:
        """By the link in a mail, and on to the shop."""
        link = portal_links.token(self.shop.id, customer_id or self.customer_id)
        page = self.client.get(f"/portal/{link}").get_data(as_text=True)
        assert "Shop with your saved cards" in page
        answer = self.post(f"/portal/{link}/shop")
        assert answer.headers["Location"].startswith("/shop/acme/")

    def pay_saved(self, checkout: str, card: str = "", **typed: str) -> Any:
        """The form as it comes without scripts: a card is chosen, and none typed."""
        form = {**TYPED, "payment_method": "", "card": card or self.card_id, **typed}
        return self.post(checkout, form)

    def basket(self) -> str:
        self.add()
        return self.check_out()


@pytest.mark.parametrize("processor", ["stripe", "braintree", "square"])
def test_a_card_that_is_stored_pays_without_being_typed(world: World, processor: str) -> None:
    noor = Regular(world, processor)
    noor.arrive()
    checkout = noor.basket()
    page = noor.client.get(checkout).get_data(as_text=True)
    assert "•••• 4242" in page or "•••• 1111" in page or "•••• 5858" in page, "the card, by its last digits"
    assert "Another card" in page
    assert 'readonly="readonly"' in page
    assert noor.pay_saved(checkout, email="somebody@example.com").headers["Location"].endswith("/receipt")
    first, second = world.all_of(Payment)
    assert (second.status, second.payment_method_id, second.off_session) == ("succeeded", noor.card_id, False)
    assert first.customer_id == second.customer_id == noor.customer_id
    assert [order.email for order in world.all_of(Order)] == ["noor@example.com"] * 2
    assert len(world.all_of(PaymentMethod)) == 1
    assert len([one for one in world.charges() if one["amount_captured"] == 9000]) == 2


def test_a_bank_that_asks_is_answered_and_another_card_may_be_typed(world: World) -> None:
    noor = Regular(world)
    with organization(world.acme.id), transaction() as session:
        session.query(PaymentMethod).one().external_id = "pm_card_authenticationRequired"
    noor.arrive()
    checkout = noor.basket()
    assert "Confirm with your bank." in noor.pay_saved(checkout).get_data(as_text=True)
    assert noor.post(f"{checkout}/another-card").status_code == 303
    form = {"account": noor.account_id, "card": "new"}
    assert noor.pay(checkout, **form).status_code == 303
    assert len(world.charges()) == 2


def test_a_declined_card_is_told_and_a_card_gone_bad_is_not_offered(world: World) -> None:
    noor = Regular(world)
    with organization(world.acme.id), transaction() as session:
        session.query(PaymentMethod).one().external_id = "pm_card_chargeDeclinedLostCard"
    noor.arrive()
    checkout = noor.basket()
    declined = noor.pay_saved(checkout)
    assert declined.status_code == 422
    page = declined.get_data(as_text=True)
    assert "This card can&#39;t be used here." in page
    assert "Please use another card" in page
    assert f'value="{noor.card_id}"' not in page, "it was declined for good"
    refused = noor.pay_saved(checkout)
    assert refused.status_code == 409
    assert "declined for good" in refused.get_data(as_text=True)
    assert len(world.charges()) == 1


def test_an_address_that_is_typed_opens_nobodys_cards(world: World) -> None:
    noor = Regular(world)
    checkout = noor.basket()
    page = noor.client.get(checkout).get_data(as_text=True)
    assert "Another card" not in page
    assert "Get a link by mail" in page
    refused = noor.pay_saved(checkout)
    assert refused.status_code == 422
    assert "not yours to use here" in refused.get_data(as_text=True)
    plain = noor.pay(checkout, payment_method=noor.card_id)
    assert plain.status_code == 422
    assert len(world.charges()) == 1


def test_walls_stand_between_customers_and_between_shops(world: World) -> None:
    noor = Regular(world)
    with organization(world.acme.id), transaction() as session:
        omar = Customer(organization_id=world.acme.id, email="omar@example.com")
        session.add(omar)
        session.flush()
        omar_id = omar.id
    noor.arrive(omar_id)
    checkout = noor.basket()
    assert noor.card_id not in noor.client.get(checkout).get_data(as_text=True)
    assert noor.pay_saved(checkout).status_code == 422
    elsewhere = Shopper(world, world.stranger, noor.client)
    noor.arrive()
    elsewhere.add()
    strange = elsewhere.check_out()
    assert noor.card_id not in elsewhere.client.get(strange).get_data(as_text=True)
    with noor.client.session_transaction() as kept:
        kept[f"customer:{world.stranger.id}"] = portal_links.token(world.acme.id, noor.customer_id)
    assert noor.card_id not in elsewhere.client.get(strange).get_data(as_text=True)
    answer = elsewhere.post(strange, {**TYPED, "payment_method": "", "card": noor.card_id})
    assert answer.status_code == 422
    assert len(world.charges()) == 1


def test_the_link_opens_nothing_after_thirty_days_or_for_somebody_who_says_they_are_another(world: World) -> None:
    noor = Regular(world)
    noor.arrive()
    checkout = noor.basket()
    with clock.shifted(timedelta(days=31)):
        assert noor.card_id not in noor.client.get(checkout).get_data(as_text=True)
        assert noor.pay_saved(checkout).status_code == 422
    assert noor.card_id in noor.client.get(checkout).get_data(as_text=True)
    assert noor.post(f"{checkout}/forget").status_code == 303
    assert noor.card_id not in noor.client.get(checkout).get_data(as_text=True)
    assert noor.pay_saved(checkout).status_code == 422


def test_who_is_signed_in_with_a_verified_address_is_known_too(world: World) -> None:
    noor = Regular(world, token="pm_card_mastercard")
    with organization(world.acme.id), transaction() as session:
        session.query(Customer).one().email = "shopper@example.com"
    noor.client = world.sign_in("shopper")
    noor.token = csrf(noor.client.get("/shop/acme/products/kettle").get_data(as_text=True))
    checkout = noor.basket()
    assert noor.card_id not in noor.client.get(checkout).get_data(as_text=True), "who reads that mail is not known yet"
    with organization(world.acme.id), transaction() as session:
        session.query(User).filter_by(email="shopper@example.com").one().email_verified = True
    assert "Mastercard •••• 4444" in noor.client.get(checkout).get_data(as_text=True)
    assert noor.pay_saved(checkout).status_code == 303


def test_a_stored_card_pays_a_plan_a_subscription_and_both(world: World) -> None:
    noor = Regular(world)
    noor.arrive()
    mixer = Mixer(world, kettle=False)
    mixer.client, mixer.token = noor.client, noor.token
    mixer.add()
    mixer.add(price_id=mixer.club)
    page = mixer.choose(mixer.plan(terms=IN_FOUR))
    assert noor.card_id in page
    (offer_id,) = re.findall(r'name="shown_with" value="(offer_[^"]+)"', page)
    assert mixer.agree(offer_id, page=page, card=noor.card_id, payment_method="").status_code == 303
    (agreement,), (club,) = mixer.lender.all(FinancingAgreement), mixer.lender.all(Subscription)
    assert (agreement.status, agreement.payment_method_id) == ("active", noor.card_id)
    assert (club.status, club.payment_method_id) == ("active", noor.card_id)
    assert club.customer_id == agreement.customer_id == noor.customer_id
    assert shown(page) == "4250"


def test_where_nothing_is_due_a_stored_card_is_all_it_takes(world: World) -> None:
    noor = Regular(world)
    noor.arrive()
    buyer = Buyer(world, NOTHING_DOWN)
    buyer.client, buyer.token = noor.client, noor.token
    buyer.add()
    buyer.checkout = buyer.check_out()
    assert buyer.agree(card=noor.card_id, payment_method="").status_code == 303
    (agreement,) = world.all_of(FinancingAgreement)
    assert (agreement.status, agreement.payment_method_id) == ("active", noor.card_id)
    assert len(world.charges()) == 1
