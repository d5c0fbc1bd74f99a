"""Tax and coupons on what is bought once: worked out as on invoices, paid once, given back in proportion to the cent."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from ballast.billing import checkout, checkout_form, redemptions
from ballast.billing.financing.servicing import returns
from ballast.clock import real_time
from ballast.db import organization
from ballast.models import (
    Coupon,
    Email,
    FinancingAgreement,
    LedgerTransfer,
    Order,
    OrderLine,
    Payment,
    PromotionCode,
    Refund,
)
from tests.api.selling import RATE, Seller
from tests.billing.acts import as_worker, at_once, balance, pause, rows
from tests.financing.servant import Servant
from tests.pages.mixing import Mixer, hidden, shown
from tests.shopper import TYPED, Shopper
from tests.world import Api, World

VAT = {"name": "VAT", "country": "GB", "bps": 2000}
REGION = {"name": "Sales tax", "country": "US", "region": "New York", "bps": 888}


class Buyer(Shopper):
    """Noor with kettles at $90.00 in the cart of a shop that taxes 20 % in Britain and has a code, SPRING, for 10 % off."""

    def __init__(self, world: World, quantity: int = 1, coupon: Any = None, code: Any = None, **tax: Any) -> None:
        super().__init__(world)
        self.world, self.seller = world, Seller(world.api(world.acme.api_key))
        if not rows(world, Coupon):
            self.seller.made("/tax_rates", VAT | tax)
            terms = {"name": "Spring", "percent_bps": 1000, "duration": "once", **(coupon or {})}
            made = self.seller.made("/coupons", terms)
            self.seller.made("/promotion_codes", {"coupon": made["id"], "code": "SPRING", **(code or {})})
        self.add(quantity)
        self.address = self.check_out()

    def look(self, **typed: str) -> str:
        """What the page says of what was typed."""
        form = TYPED | {"intent": "look", "shown": "0", "promotion_code": "SPRING"} | typed
        return self.post(self.address, form).get_data(as_text=True)

    def buy_for(self, total: int, **typed: str) -> None:
        """Pay what the page has said."""
        answer = self.pay(self.address, shown=str(total), promotion_code="SPRING", **typed)
        assert answer.status_code == 303, answer.get_data(as_text=True)

    @property
    def order(self) -> Order:
        return next(one for one in rows(self.world, Order) if self.address.endswith(one.token))

    def redeemed(self) -> list[int]:
        return [one.redeemed for model in (Coupon, PromotionCode) for one in rows(self.world, model)]


def test_a_code_and_a_tax_are_shown_paid_once_and_posted(world: World) -> None:
    noor = Buyer(world, quantity=2)
    Seller(world.api(world.acme.api_key)).made("/shipping_rates", RATE | {"amount": 700})
    page = noor.look(promotion_code="")
    assert "$224.40" in page, "two kettles and delivery, and a fifth of all that"
    page = noor.look()
    for said in ("Discount, Spring", "-$18.00", "VAT 20%", "$33.80", "Pay $202.80"):
        assert said in page, said
    assert noor.redeemed() == [0, 0], "looking counts nothing"
    assert noor.pay(noor.address, shown="1", promotion_code="SPRING").status_code == 409
    assert world.charges() == []
    noor.buy_for(20280)
    assert [charge["amount"] for charge in world.charges()] == [20280]
    assert noor.redeemed() == [1, 1]
    lines = [(line.kind, line.amount, line.discount, line.tax) for line in rows(world, OrderLine)]
    assert lines == [("item", 18000, 1800, 3240), ("shipping", 700, 0, 140)]
    assert (-balance(world, "sales"), -balance(world, "tax_payable")) == (16900, 3380)
    page = noor.client.get(f"{noor.address}/receipt").get_data(as_text=True)
    assert "Discount, Spring" in page
    assert "$33.80" in page
    (order,) = world.api(world.acme.api_key).get("/orders").get_json()["data"]
    assert (order["amount"], order["discount"], order["tax"], order["promotion_code"]) == (20280, 1800, 3380, "SPRING")
    assert order["taxes"] == [{"name": "VAT", "bps": 2000, "amount": 3380}]
    world.drain()
    (receipt,) = rows(world, Email)
    assert "VAT 20%: $33.80" in receipt.text


def test_delivery_has_a_rate_of_its_own_and_prices_may_include_the_tax(world: World) -> None:
    noor = Buyer(world, inclusive=True, shipping_bps=500)
    Seller(world.api(world.acme.api_key)).made("/shipping_rates", RATE | {"amount": 1050})
    page = noor.look()
    assert "VAT 20%, included" in page
    assert "VAT 5%, included" in page
    order = noor.order
    assert (order.amount, order.discount, order.tax, order.tax_added) == (9000 - 900 + 1050, 900, 1350 + 50, 0)
    noor.seller.made("/tax_rates", REGION)
    assert "Sales tax 8.88%" in noor.look(country="US", region="new york")
    assert "Sales tax" not in noor.look(country="US", region="Maine")


@pytest.mark.parametrize(
    ("code", "coupon", "said"),
    [
        ("NOSUCH", {}, "not one we know"),
        ("SPRING", {"applies_to": "subscriptions"}, "for subscriptions"),
        ("SPRING", {"percent_bps": None, "amount_off": 500, "currency": "EUR"}, "for amounts in EUR"),
        ("SPRING", {"percent_bps": None, "amount_off": 8990, "currency": "USD"}, "less than a card can pay"),
    ],
)
def test_a_code_that_is_good_for_nothing_is_told_kindly_and_costs_nothing(
    world: World, code: str, coupon: dict[str, Any], said: str
) -> None:
    noor = Buyer(world, coupon={name: value for name, value in coupon.items() if value is not None} | _kind(coupon))
    page = noor.look(promotion_code=code, country="US")
    assert said in page
    assert (noor.order.amount, noor.order.discount) == (9000, 0)


def _kind(coupon: dict[str, Any]) -> dict[str, Any]:
    return {"percent_bps": None} if "amount_off" in coupon else {}


def test_the_last_redemption_is_sold_once_however_many_ask_and_comes_back_when_nobody_pays(world: World) -> None:
    buyers = [Buyer(world, coupon={"max_redemptions": 1}) for _ in range(3)]
    for number, buyer in enumerate(buyers):
        buyer.look(email=f"noor{number}@example.com")

    def pay(number: int) -> Any:
        typed = TYPED | {"email": f"noor{number}@example.com", "payment_method": "pm_card_chargeDeclined"}
        with organization(world.acme.id):
            token = buyers[number].address.rpartition("/")[2]
            return checkout.pay(world.acme.id, token, checkout_form.read_details(typed), 9720)

    said = at_once(world.app, *[lambda number=number: pay(number) for number in range(3)])
    refused = [error for error in said if isinstance(error, Exception)]
    assert {getattr(error, "code", str(error)) for error in refused} <= {"coupon_invalid", "total_changed"}
    assert len(refused) == 2
    assert buyers[0].redeemed() == [1, 1]
    as_worker(world, redemptions.release_due)()
    assert buyers[0].redeemed() == [1, 1], "its shopper may try another card"
    pause(minutes=31)
    as_worker(world, redemptions.release_due)()
    assert buyers[0].redeemed() == [0, 0]
    buyers[1].buy_for(9720, email="noor1@example.com")
    assert buyers[0].redeemed() == [1, 1]
    pause(minutes=31)
    as_worker(world, redemptions.release_due)()
    assert buyers[0].redeemed() == [1, 1], "what is paid is redeemed for good"


def test_a_first_purchase_is_one_however_many_tabs(world: World) -> None:
    first, second = (Buyer(world, code={"first_purchase_only": True}) for _ in range(2))
    assert first.look(), second.look()
    assert first.pay(first.address, shown="9720", promotion_code="SPRING", payment_method="pm_card_chargeDeclined")
    assert second.pay(second.address, shown="9720", promotion_code="SPRING").status_code == 409
    assert world.charges() == []
    first.buy_for(9720)
    page = second.look()
    assert "for a first purchase" in page
    assert "Pay $108.00" in page


def test_another_code_or_another_cart_gives_the_redemption_back(world: World) -> None:
    noor = Buyer(world)
    noor.look()
    declined = {"shown": "9720", "payment_method": "pm_card_chargeDeclined", "promotion_code": "SPRING"}
    assert noor.pay(noor.address, **declined).status_code == 422
    assert noor.redeemed() == [1, 1]
    assert "Pay $108.00" in noor.look(promotion_code="")
    assert noor.redeemed() == [0, 0]
    assert noor.look()
    assert noor.pay(noor.address, **declined).status_code == 422
    noor.add()
    noor.address = noor.check_out()
    assert noor.redeemed() == [0, 0]
    assert (noor.order.amount, noor.order.promotion_code) == (18000 - 1800, "SPRING"), "the cart keeps what was typed"


def test_a_code_is_typed_into_the_cart_without_scripts(world: World) -> None:
    noor = Buyer(world)
    wrong = noor.post("/shop/acme/cart/code", {"promotion_code": "NOSUCH"})
    assert wrong.status_code == 422
    assert "not one we know" in wrong.get_data(as_text=True)
    assert noor.post("/shop/acme/cart/code", {"promotion_code": "spring"}).status_code == 303
    page = noor.cart()
    assert "-$9.00" in page
    assert "Tax depends on where it goes" in page
    assert noor.check_out() == noor.address
    assert noor.order.discount == 900


def test_what_is_left_of_nothing_is_ordered_without_a_card(world: World) -> None:
    noor = Buyer(world, coupon={"percent_bps": 10_000})
    page = noor.look()
    assert "Place the order" in page
    assert "card-field" not in page
    form = {name: value for name, value in TYPED.items() if name != "payment_method"}
    assert noor.post(noor.address, form | {"shown": "0", "promotion_code": "SPRING"}).status_code == 303
    assert (noor.order.status, noor.order.amount, noor.redeemed()) == ("paid", 0, [1, 1])
    assert rows(world, Payment) == rows(world, LedgerTransfer) == []
    assert "Nothing was left to pay" in noor.client.get(f"{noor.address}/receipt").get_data(as_text=True)
    world.drain()
    assert [mail.kind for mail in rows(world, Email)] == ["free_order"]


@pytest.mark.parametrize("split", [[9720], [1, 3333, 6386], [4860, 4859, 1]])
def test_refunds_in_any_split_give_back_exactly_the_tax(world: World, split: list[int]) -> None:
    noor = Buyer(world)
    noor.look()
    noor.buy_for(9720)
    world.drain()
    (payment,) = rows(world, Payment)
    for amount in split:
        noor.seller.made("/refunds", {"payment": payment.id, "amount": amount})
        world.drain()
    back = rows(world, Refund)
    assert (sum(one.tax for one in back), sum(one.discount for one in back)) == (1620, 900)
    assert (balance(world, "tax_payable"), balance(world, "refunds"), noor.order.status) == (0, 8100, "refunded")


@pytest.mark.parametrize("status", ["lost", "won"])
def test_a_dispute_takes_the_tax_with_it_and_brings_it_back_when_it_is_won(world: World, status: Any) -> None:
    noor = Buyer(world)
    noor.look()
    noor.buy_for(9720)
    world.drain()
    (payment,) = rows(world, Payment)
    servant = Servant(world, real_time())
    servant.dispute(payment.id, "needs_response")
    assert (balance(world, "tax_payable"), balance(world, "disputes")) == (0, 8100)
    servant.dispute(payment.id, status)
    assert (-balance(world, "tax_payable"), balance(world, "disputes")) == (
        (0, 8100) if status == "lost" else (1620, 0)
    )


def test_a_plan_finances_what_is_left_with_its_tax_and_gives_the_tax_back_with_the_goods(world: World) -> None:
    noor, servant = Buyer(world), Servant(world, real_time())
    offer_id = servant.offer()
    page = noor.look(pay_with=offer_id)
    said = {name: hidden(page, name) for name in ("shown", "shown_with", "shown_terms")}
    form = {"pay_with": offer_id, "agree": "yes", "promotion_code": "SPRING", **said}
    assert noor.pay(noor.address, **form).status_code == 303
    world.drain()
    (agreement,) = servant.all(FinancingAgreement)
    assert agreement.price == 9720
    assert -balance(world, "tax_payable") == 1620
    for amount in (1001, None):
        servant.do(agreement.id, returns.decide, amount)
        world.drain()
    assert balance(world, "tax_payable") == 0
    assert balance(world, "refunds") == 8100


def test_a_mixed_cart_takes_a_percentage_off_both_and_is_counted_once(world: World) -> None:
    noor = Mixer(world)
    buyer = Buyer(world)
    noor.page()
    form = {**TYPED, "intent": "look", "promotion_code": "SPRING"}
    page = noor.post(noor.checkout, form).get_data(as_text=True)
    assert shown(page) == str(9720 + 2160), "(90.00 and 20.00, less a tenth, and a fifth of the rest)"
    assert noor.buy_both(page=page, promotion_code="SPRING").status_code == 303
    assert buyer.redeemed() == [1, 1]
    (order,) = [one for one in rows(world, Order) if one.status == "paid"]
    assert (order.discount, order.tax, order.coupon_id) == (900, 1620, None)
    world.drain()
    assert -balance(world, "tax_payable") == 1620 + 360


def test_a_program_gives_a_coupon_or_takes_no_code(world: World, api: Api) -> None:
    Buyer(world)
    (coupon,) = rows(world, Coupon)
    seller = Seller(api)
    lines = [{"name": "Hour", "amount": 5000}]
    session = seller.made("/checkout_sessions", {"lines": lines, "currency": "USD", "coupon": coupon.id})
    assert (session["amount"], session["discount"], session["coupon"]) == (4500, 500, coupon.id)
    assert not session["allow_promotion_codes"]
    typed = seller.made("/checkout_sessions", {"lines": lines, "currency": "USD", "promotion_code": "spring"})
    assert (typed["amount"], typed["promotion_code"]) == (4500, "spring")
    shopper = Shopper(world)
    page = shopper.client.get(urlsplit(session["url"]).path).get_data(as_text=True)
    assert 'name="promotion_code"' not in page
    for wrong, code in (
        ({"coupon": coupon.id, "promotion_code": "SPRING"}, "parameter_conflict"),
        ({"promotion_code": "NOSUCH"}, "promotion_code_invalid"),
        ({"coupon": "cpn_01kbe8wv6pe2r9f3x7m5d0t1bc"}, "coupon_invalid"),
    ):
        answer = api.post("/checkout_sessions", {"lines": lines, "currency": "USD", **wrong})
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, code)


def test_the_first_look_has_the_tax_of_the_country_that_stands_in_the_form_on_goods_and_subscription(
    world: World,
) -> None:
    noor = Mixer(world)
    seller = Seller(world.api(world.acme.api_key))
    seller.made("/tax_rates", {"name": "Sales tax", "country": "US", "bps": 1000})
    page = noor.page()
    assert chosen_country(page) == "US"
    assert shown(page) == str(9900 + 2200), "a tenth on both, nothing being typed yet"
    assert noor.buy_both(page=page, country="US").status_code == 303, "and nothing to look at again"
    assert noor.charged() == [12100]


def test_a_customer_whose_place_is_known_finds_it_chosen_and_taxed(world: World, api: Api) -> None:
    seller = Seller(api)
    seller.made("/tax_rates", VAT)
    ada = seller.customer(country="GB")
    lines = [{"name": "Hour", "amount": 5000}]
    session = seller.made("/checkout_sessions", {"lines": lines, "currency": "USD", "customer": ada})
    assert (session["amount"], session["tax"]) == (6000, 1000)
    path = urlsplit(session["url"]).path
    page = Shopper(world).client.get(path).get_data(as_text=True)
    assert (chosen_country(page), shown(page)) == ("GB", "6000")


def chosen_country(page: str) -> str:
    (found,) = re.findall(r'<option value="([A-Z]{2})" selected', page)
    return str(found)
