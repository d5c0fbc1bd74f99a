"""A checkout that starts a subscription: today's amount and what comes after, paid once, or a card stored for a trial."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from ballast import clock
from ballast.models import Customer, Email, Order, PaymentMethod, Subscription
from tests.pages.billed import DECLINED, VISA
from tests.shopper import TYPED, Shopper
from tests.subscriptions.acts import Desk
from tests.world import World


class Subscriber(Shopper):
    """A shopper on the way to a subscription."""

    def __init__(self, world: World, processor: str = "stripe", **price: Any) -> None:
        super().__init__(world)
        self.world = world
        self.processor = processor
        self.account_id = world.use(processor)
        self.desk = Desk(world, clock.real_time())
        self.price_id = self.desk.price(2000, **price)
        answer = self.post(f"/shop/{self.shop.slug}/subscribe", {"price_id": self.price_id})
        assert answer.status_code == 303
        self.checkout = answer.headers["Location"]

    def page(self) -> str:
        return self.client.get(self.checkout).get_data(as_text=True)

    def subscribe(self, token: str = "", **typed: str) -> Any:
        """Press the button, with the total the page has said."""
        shown = re.search(r'name="shown" value="(\d+)"', self.page())
        form = {"account": self.account_id, "payment_method": token or VISA[self.processor], **typed}
        return self.post(self.checkout, {**TYPED, **({"shown": shown[1]} if shown else {}), **form})

    def charged(self) -> list[int]:
        return [charge["amount"] for charge in self.world.charges() if charge["amount_captured"]]

    def mails(self) -> list[str]:
        return [mail.kind for mail in self.desk.all(Email)]


@pytest.mark.parametrize("processor", ["stripe", "braintree", "square"])
def test_a_subscription_begins_with_its_first_payment_and_the_card_stored(world: World, processor: str) -> None:
    noor = Subscriber(world, processor)
    page = noor.page()
    assert "Pay $20.00 and subscribe" in page
    assert "until you cancel" in page
    declined = noor.subscribe(DECLINED[processor])
    assert declined.status_code == 422
    assert "approve this payment" in declined.get_data(as_text=True)
    assert noor.subscribe().headers["Location"].endswith("/receipt")
    assert noor.subscribe().status_code == 200, "a second click finds it paid"
    world.drain()
    (found,) = noor.desk.all(Subscription)
    (card,) = noor.desk.all(PaymentMethod)
    assert (found.status, found.payment_method_id, card.status) == ("active", card.id, "active")
    assert noor.charged() == [2000]
    (order,) = noor.desk.all(Order)
    assert (order.status, order.subscription_id) == ("paid", found.id)
    assert "until you cancel" in order.consent
    assert noor.mails() == ["subscription_started", "receipt"]
    assert "Paid. Thank you." in noor.client.get(f"{noor.checkout}/receipt").get_data(as_text=True)


@pytest.mark.parametrize("processor", ["stripe", "braintree", "square"])
def test_a_trial_stores_the_card_and_charges_nothing(world: World, processor: str) -> None:
    noor = Subscriber(world, processor, trial_days=14)
    page = noor.page()
    assert "Start free trial" in page
    assert "First payment" in page
    assert noor.subscribe().headers["Location"].endswith("/receipt")
    (found,) = noor.desk.all(Subscription)
    (card,) = noor.desk.all(PaymentMethod)
    assert (found.status, found.payment_method_id, card.status) == ("trialing", card.id, "active")
    assert (noor.charged(), noor.mails()) == ([], ["subscription_started"])
    assert "Your trial has begun." in noor.client.get(f"{noor.checkout}/receipt").get_data(as_text=True)
    noor.desk.until(found.current_period_end + timedelta(minutes=1))
    assert noor.charged() == [2000]


def test_a_card_a_trial_cannot_store_is_said_so_and_another_one_starts_it(world: World) -> None:
    noor = Subscriber(world, trial_days=14)
    refused = noor.subscribe("pm_card_chargeDeclined")
    assert refused.status_code == 422
    assert "Nothing was charged" in refused.get_data(as_text=True)
    assert noor.desk.all(Subscription) == []
    asked = noor.subscribe("pm_card_authenticationRequired").get_data(as_text=True)
    assert "Confirm with your bank." in asked
    assert "Confirm with your bank." in noor.page()
    assert noor.desk.all(Subscription) == []


def test_a_lost_answer_starts_one_trial_all_the_same(world: World) -> None:
    noor = Subscriber(world, trial_days=14)
    world.fault(kind="reset_before", operation="setup_intents.create", count=6)
    assert "checking with your bank" in noor.subscribe().get_data(as_text=True)
    with clock.shifted(timedelta(hours=1)):
        world.drain()
    assert [one.status for one in noor.desk.all(Subscription)] == ["trialing"]
    assert "Already paid" in noor.page() or "receipt" in noor.page()


def test_a_code_and_the_country_change_what_is_due_and_nothing_else_is_charged(world: World) -> None:
    noor = Subscriber(world)
    api = world.api(world.acme.api_key)
    coupon = api.post("/coupons", {"name": "Autumn", "percent_bps": 2500, "duration": "once"}).get_json()["id"]
    assert api.post("/promotion_codes", {"coupon": coupon, "code": "AUTUMN"}).status_code == 201
    assert api.post("/tax_rates", {"name": "VAT", "country": "GB", "bps": 2000}).status_code == 201
    look = noor.post(noor.checkout, {**TYPED, "intent": "look", "promotion_code": "nope"}).get_data(as_text=True)
    assert "This code is not one we know" in look
    look = noor.post(noor.checkout, {**TYPED, "intent": "look", "promotion_code": "autumn"}).get_data(as_text=True)
    assert "Pay $18.00 and subscribe" in look, "20.00 less a quarter, and a fifth of VAT"
    assert "charges $24.00 per month, from" in look, "the code is for the first period"
    moved = noor.subscribe(country="NO", promotion_code="autumn")
    assert moved.status_code == 409
    assert "$15.00 is due today" in moved.get_data(as_text=True)
    assert noor.charged() == noor.desk.all(Subscription) == []
    assert noor.subscribe(country="NO", promotion_code="autumn").status_code == 303
    assert noor.charged() == [1500]
    (found,) = noor.desk.all(Subscription)
    assert found.coupon_id == coupon


def test_a_decline_and_then_another_country_starts_anew_on_the_new_terms(world: World) -> None:
    noor = Subscriber(world)
    assert (
        world.api(world.acme.api_key).post("/tax_rates", {"name": "VAT", "country": "NO", "bps": 2500}).status_code
        == 201
    )
    assert noor.subscribe(DECLINED["stripe"]).status_code == 422
    assert noor.subscribe(country="NO").status_code == 409
    assert noor.subscribe(country="NO").status_code == 303
    assert [one.status for one in noor.desk.all(Subscription)] == ["incomplete_expired", "active"]
    assert noor.charged() == [2500]


def test_somebody_elses_address_reaches_nothing_of_theirs(world: World) -> None:
    noor = Subscriber(world)
    ada = noor.desk.customer(email=TYPED["email"])
    assert noor.subscribe().status_code == 303
    (found,) = noor.desk.all(Subscription)
    assert found.customer_id != ada
    assert len(noor.desk.all(Customer)) == 2


def test_a_session_in_mode_subscription_takes_one_recurring_price(world: World) -> None:
    desk = Desk(world, clock.real_time())
    api, price = world.api(world.acme.api_key), desk.price(2000)
    made = api.post("/checkout_sessions", {"mode": "subscription", "lines": [{"price": price, "quantity": 3}]})
    assert (made.status_code, made.get_json()["amount"], made.get_json()["mode"]) == (201, 6000, "subscription")
    for lines, code in (
        ([{"price": world.acme.price_id}], "price_not_recurring"),
        ([{"price": price}, {"price": price}], "lines_invalid"),
        ([{"name": "Work", "amount": 100}], "lines_invalid"),
        ([{"price": "price_nobody"}], "price_unknown"),
    ):
        refused = api.post("/checkout_sessions", {"mode": "subscription", "lines": lines})
        assert (refused.status_code, refused.get_json()["error"]["code"]) == (400, code)
    again = api.post("/checkout_sessions", {"mode": "financing", "lines": [{"price": price}]})
    assert again.get_json()["error"]["code"] == "price_unknown", "a plan is for what is paid once"
