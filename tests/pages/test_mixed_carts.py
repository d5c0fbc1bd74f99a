"""Goods and a subscription in one cart: one order, one card, one payment for all that is due today; what comes later stands apart."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from ballast import clock
from ballast.db import organization, transaction
from ballast.models import (
    CartLine,
    Claim,
    FinancingAgreement,
    Invoice,
    LedgerTransfer,
    Payment,
    PaymentMethod,
    Price,
    Subscription,
)
from tests.api.selling import Seller
from tests.financing.acts import IN_FOUR
from tests.pages.billed import DECLINED
from tests.pages.mixing import Mixer
from tests.shopper import TYPED
from tests.world import World

EVERYWHERE = pytest.mark.parametrize("processor", ["stripe", "braintree", "square"])
NOTHING_DOWN = replace(IN_FOUR, down_payment_bps=0)


def claims(world: World) -> list[tuple[str, int, str]]:
    return sorted((one.obligation, one.amount, one.status) for one in world.all_of(Claim) if one.status != "released")


@EVERYWHERE
def test_goods_and_a_subscription_are_paid_once_and_both_begin(world: World, processor: str) -> None:
    noor = Mixer(world, processor)
    cart = noor.cart()
    assert "$110.00" in cart, "due today"
    assert "every month, until you cancel" in cart
    page = noor.page()
    assert "Pay $110.00 and subscribe" in page
    declined = noor.buy_both(DECLINED[processor])
    assert declined.status_code == 422
    assert "approve this payment" in declined.get_data(as_text=True)
    assert (noor.subscriptions(), noor.invoices()) == (["incomplete"], [("open", 2000)])
    assert noor.buy_both(page=page).headers["Location"].endswith("/receipt")
    assert noor.buy_both(page=page).status_code == 200, "a second click finds it paid"
    world.drain()
    assert noor.charged() == [11000]
    assert claims(world) == [("order", 9000, "paid"), ("period", 2000, "paid")]
    (club,), (card,) = noor.lender.all(Subscription), noor.lender.all(PaymentMethod)
    assert (club.status, club.payment_method_id, card.status) == ("active", card.id, "active")
    assert (noor.orders(), noor.invoices()) == ([("paid", 11000, 2000)], [("paid", 2000)])
    assert noor.lender.account("sales") == -9000
    assert noor.lender.account("receivables") == 0
    assert noor.lender.account("processor_receivable") == 11000
    assert noor.mails() == ["receipt", "subscription_started"]
    receipt = noor.receipt()
    for words in ("Kettle", "$90.00", "Club", "$20.00", "Paid today", "$110.00", "then every month, until you cancel"):
        assert words in receipt, words
    assert "Your cart is empty" in noor.cart()
    (mail,) = [mail for mail in world.mails() if "receipt" in mail["subject"].lower()]
    for words in ("Today", "Kettle", "$90.00", "Later", "then every month, until you cancel"):
        assert words in mail["html"], words
        assert words in mail["text"], words


@EVERYWHERE
def test_the_goods_may_be_paid_with_a_plan_beside_the_subscription(world: World, processor: str) -> None:
    noor = Mixer(world, processor)
    offer = noor.plan()
    page = noor.choose(offer)
    assert "Pay $42.50 and subscribe" in page, "22.50 down, and the first month"
    assert "With your plan, in all" in page
    assert noor.agree(offer, DECLINED[processor]).status_code == 422
    assert noor.agree(offer, page=page).headers["Location"].endswith("/receipt")
    world.drain()
    assert noor.charged() == [4250]
    assert claims(world) == [("order", 2250, "paid"), ("period", 2000, "paid")]
    (agreement,), (club,), (card,) = (
        noor.lender.all(model) for model in (FinancingAgreement, Subscription, PaymentMethod)
    )
    assert (agreement.status, agreement.price, agreement.payment_method_id) == ("active", 9000, card.id)
    assert (club.status, club.payment_method_id) == ("active", card.id)
    assert noor.lender.account("financing_receivable") == 6750
    assert noor.mails() == ["agreement", "receipt", "subscription_started"]
    for words in ("first part", "$22.50", "payment 1 of 3", "With your plan, in all", "$67.50", "Club"):
        assert words in noor.receipt(), words


@EVERYWHERE
def test_a_trial_beside_goods_begins_when_they_are_paid(world: World, processor: str) -> None:
    noor = Mixer(world, processor, trial_days=14)
    assert "Pay $90.00 and subscribe" in noor.page()
    assert noor.buy_both(DECLINED[processor]).status_code == 422
    assert noor.subscriptions() == ["incomplete"], "no trial before the goods are paid"
    assert noor.buy_both().status_code == 303
    world.drain()
    (club,), (card,) = noor.lender.all(Subscription), noor.lender.all(PaymentMethod)
    assert (club.status, club.payment_method_id, noor.charged()) == ("trialing", card.id, [9000])
    assert "free trial" in noor.receipt()
    noor.lender.until(club.current_period_end + timedelta(minutes=1))
    assert noor.charged() == [9000, 2000]


def test_where_nothing_is_due_today_the_card_is_stored_and_both_run(world: World) -> None:
    noor = Mixer(world, trial_days=14)
    offer = noor.plan(terms=NOTHING_DOWN)
    assert noor.agree(offer).headers["Location"].endswith("/receipt")
    (agreement,), (club,), (card,) = (
        noor.lender.all(model) for model in (FinancingAgreement, Subscription, PaymentMethod)
    )
    assert (agreement.status, club.status, noor.charged()) == ("active", "trialing", [])
    assert agreement.payment_method_id == club.payment_method_id == card.id
    assert noor.orders() == [("paid", 9000, 0)]
    assert "Nothing was charged today" in noor.receipt()


def test_a_plan_without_a_down_payment_leaves_the_subscription_to_be_paid_today(world: World) -> None:
    noor = Mixer(world)
    assert noor.agree(noor.plan(terms=NOTHING_DOWN)).status_code == 303
    assert noor.charged() == [2000]
    assert claims(world) == [("period", 2000, "paid")]
    assert [one.status for one in noor.lender.all(FinancingAgreement)] == ["active"]
    assert (noor.subscriptions(), noor.orders()) == (["active"], [("paid", 11000, 2000)])


def test_a_code_for_all_of_the_subscription_lets_it_begin_with_the_goods(world: World) -> None:
    noor = Mixer(world)
    api = world.api(world.acme.api_key)
    coupon = api.post(
        "/coupons", {"name": "Free month", "percent_bps": 10000, "duration": "once", "applies_to": "subscriptions"}
    ).get_json()["id"]
    assert api.post("/promotion_codes", {"coupon": coupon, "code": "FREE"}).status_code == 201
    noor.page()
    look = noor.post(noor.checkout, {**TYPED, "intent": "look", "promotion_code": "free"}).get_data(as_text=True)
    assert "Pay $90.00 and subscribe" in look
    assert noor.buy_both(page=look, promotion_code="free").status_code == 303
    assert (noor.charged(), noor.subscriptions()) == ([9000], ["active"])
    noor.lender.at = clock.real_time()
    assert noor.lender.run(), "its first period is billed, of which nothing is due"
    assert (noor.invoices(), noor.charged()) == ([("paid", 0)], [9000])
    (club,) = noor.lender.all(Subscription)
    noor.lender.until(club.current_period_end + timedelta(minutes=1))
    assert noor.charged() == [9000, 2000]


def test_a_second_subscription_is_refused_kindly_and_may_take_the_place_of_the_first(world: World) -> None:
    noor = Mixer(world)
    tea = noor.lender.price(1500, name="Tea")
    refused = noor.add(price_id=tea)
    assert refused.status_code == 409
    page = refused.get_data(as_text=True)
    assert "Club is in your cart already, and a cart takes one subscription. Replace it?" in page
    assert "Replace it" in page
    form = {"price_id": tea, "quantity": 1, "in_place": "yes"}
    assert noor.post("/shop/acme/cart/lines", form).status_code == 303
    cart = noor.cart()
    assert "Tea" in cart
    assert "Club" not in cart
    assert "$105.00" in cart


def test_a_subscription_alone_in_the_cart_is_bought_like_any_other(world: World) -> None:
    noor = Mixer(world, kettle=False)
    assert "Pay $20.00 and subscribe" in noor.page()
    assert noor.buy_both().status_code == 303
    assert (noor.charged(), noor.subscriptions(), noor.orders()) == ([2000], ["active"], [("paid", 2000, 2000)])
    assert "Paid. Thank you." in noor.receipt()


def test_an_answer_that_is_lost_holds_everything_and_both_parts_begin_once_it_is_known(world: World) -> None:
    noor = Mixer(world)
    page = noor.page()
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=3)
    assert "checking with your bank" in noor.buy_both(page=page).get_data(as_text=True)
    assert (noor.subscriptions(), noor.orders()) == (["incomplete"], [("pending", 11000, 2000)])
    assert noor.buy_both(page=page).status_code == 200, "nothing else is tried meanwhile"
    world.forget_faults()
    with clock.shifted(timedelta(hours=30)):
        noor.lender.at = clock.real_time()
        noor.lender.run()
        assert noor.subscriptions() == ["incomplete"], "23 hours do not end what is being paid"
        world.drain()
        world.drain()
    assert (noor.charged(), noor.subscriptions(), noor.invoices()) == ([11000], ["active"], [("paid", 2000)])
    assert noor.orders() == [("paid", 11000, 2000)]


def test_what_is_not_paid_within_23_hours_begins_anew_and_is_charged_once(world: World) -> None:
    noor = Mixer(world)
    assert noor.buy_both(DECLINED["stripe"]).status_code == 422
    noor.lender.at = clock.real_time() + timedelta(hours=24)
    assert noor.lender.run()
    assert (noor.subscriptions(), noor.invoices()) == (["incomplete_expired"], [("void", 2000)])
    assert noor.buy_both().status_code == 303
    assert (noor.charged(), noor.subscriptions()) == ([11000], ["incomplete_expired", "active"])


def test_its_invoice_is_not_paid_alone_and_a_changed_cart_takes_the_start_back(world: World) -> None:
    noor = Mixer(world)
    assert noor.buy_both(DECLINED["stripe"]).status_code == 422
    (invoice,) = noor.lender.all(Invoice)
    form = {"payment_method": "pm_card_visa", "account": noor.account_id}
    assert noor.post(f"/invoices/{invoice.token}", form).status_code == 409
    assert noor.charged() == []
    noor.add()
    noor.checkout = ""
    assert noor.buy_both().status_code == 303
    assert noor.subscriptions() == ["incomplete_expired", "active"]
    assert [status for status, _due in noor.invoices()] == ["void", "paid"]
    assert noor.charged() == [20000]


def test_two_tabs_one_with_a_plan_and_one_in_full_are_one_charge(world: World, app: Flask) -> None:
    noor = Mixer(world)
    offer = noor.plan()
    with_plan = noor.choose(offer)
    in_full = noor.choose("full")
    start = threading.Barrier(4)

    def press(way: int) -> int:
        with app.app_context():
            start.wait()
            return (noor.agree(offer, page=with_plan) if way % 2 else noor.buy_both(page=in_full)).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(press, range(4))) <= {200, 303, 409}
    world.drain()
    (charged,) = noor.charged()
    assert charged in (4250, 11000)
    assert [one.status for one in noor.lender.all(Payment) if one.status == "succeeded"] == ["succeeded"]
    assert sum(amount for _kind, amount, status in claims(world) if status == "paid") == charged
    running = [one.status for one in noor.lender.all(FinancingAgreement) if one.status == "active"]
    assert running == (["active"] if charged == 4250 else [])
    assert [one for one in noor.subscriptions() if one == "active"] == ["active"]
    posted = [one.amount for one in noor.lender.all(LedgerTransfer) if one.kind == "capture"]
    assert sum(posted) == charged


def test_a_program_opens_a_session_with_goods_and_one_subscription(world: World) -> None:
    api = world.api(world.acme.api_key)
    price = Seller(api).price(2400)
    lines = [{"price": world.acme.price_id, "quantity": 2}, {"price": price}, {"name": "Engraving", "amount": 500}]
    made = api.post("/checkout_sessions", {"mode": "subscription", "lines": lines})
    assert (made.status_code, made.get_json()["amount"]) == (201, 20900)
    refused = api.post("/checkout_sessions", {"mode": "payment", "lines": lines})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (400, "price_unknown")
    noor = Mixer(world)
    noor.checkout = made.get_json()["url"].removeprefix("http://127.0.0.1:9")
    assert "Pay $209.00 and subscribe" in noor.page()
    assert noor.buy_both().status_code == 303
    done = api.get(f"/checkout_sessions/{made.get_json()['id']}").get_json()
    assert (done["status"], noor.charged(), noor.subscriptions()) == ("complete", [20900], ["active"])


def test_what_is_taken_off_sale_is_said_in_the_cart_and_at_checkout_and_charges_nothing(world: World) -> None:
    noor = Mixer(world)
    page = noor.page()
    with organization(world.acme.id), transaction() as session:
        session.query(Price).filter_by(id=noor.club).one().archived_at = clock.real_time()
    assert "This is no longer for sale." in noor.page()
    assert "This is no longer for sale." in noor.buy_both(page=page).get_data(as_text=True)
    cart = noor.cart()
    assert "No longer for sale" in cart
    assert "$110.00" not in cart
    refused = noor.post("/shop/acme/checkout")
    assert refused.status_code == 409
    assert "Club is no longer for sale. Take it out of your cart to go on." in refused.get_data(as_text=True)
    (line,) = (one.id for one in world.all_of(CartLine) if one.price_id == noor.club)
    assert noor.post(f"/shop/acme/cart/lines/{line}", {"quantity": 0}).status_code == 303
    assert noor.pay(noor.check_out()).status_code == 303
    assert (noor.charged(), noor.subscriptions()) == ([9000], [])


def test_a_checkout_done_in_another_tab_says_what_was_charged(world: World) -> None:
    noor = Mixer(world, trial_days=14)
    offer = noor.plan()
    page = noor.choose(offer)
    assert noor.agree(offer, page=page).status_code == 303
    again = noor.agree(offer, page=page).get_data(as_text=True)
    assert "Already paid." in again
    assert "$22.50" in again
