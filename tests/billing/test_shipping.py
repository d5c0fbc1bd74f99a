"""What it costs to send an order: at the rates there are where it goes, shown before it is paid."""

from __future__ import annotations

from typing import Any

import pytest

from ballast.ids import new_id
from ballast.models import Order, OrderLine
from tests.api.selling import RATE, Seller
from tests.billing.acts import rows
from tests.shopper import TYPED, Shopper
from tests.world import Api, World

EXPRESS = {"name": "Express", "amount": 2500, "min_days": 1, "max_days": 1, "countries": ["GB"]}


@pytest.fixture
def rates(api: Api) -> dict[str, str]:
    """Standard to the US and Britain, free from $100.00; express to Britain alone. Ids by name."""
    seller = Seller(api)
    standard = RATE | {"countries": ["US", "GB"], "free_from": 10_000}
    return {one["name"]: seller.made("/shipping_rates", one)["id"] for one in (standard, RATE | EXPRESS)}


@pytest.fixture
def shopper(world: World) -> Shopper:
    """Somebody in Acme's shop."""
    return Shopper(world)


def look(shopper: Shopper, address: str, **typed: str) -> str:
    return shopper.post(address, TYPED | typed | {"intent": "look", "shown": "0"}).get_data(as_text=True)


def test_a_shop_without_rates_sends_for_free(world: World, shopper: Shopper) -> None:
    shopper.add()
    page = shopper.client.get(shopper.check_out()).get_data(as_text=True)
    assert "How to send it" not in page
    assert "Free" in page


def test_the_cheapest_rate_is_a_line_of_the_order_until_another_is_chosen(
    world: World, shopper: Shopper, rates: dict[str, str]
) -> None:
    shopper.add()
    address = shopper.check_out()
    assert rows(world, Order)[0].amount == 9700
    assert "Express" not in shopper.client.get(address).get_data(as_text=True), "it is not for the US"
    page = look(shopper, address)
    assert "Express" in page
    page = look(shopper, address, shipping_rate=rates["Express"])
    assert "$115.00" in page
    assert world.charges() == []
    paid = shopper.pay(address, shipping_rate=rates["Express"], shown="11500")
    assert paid.status_code == 303
    assert [charge["amount"] for charge in world.charges()] == [11_500]
    assert [(line.name, line.kind, line.amount) for line in rows(world, OrderLine)] == [
        ("Kettle", "item", 9000),
        ("Delivery: Express", "shipping", 2500),
    ]
    assert (rows(world, Order)[0].shipping_rate_id, rows(world, Order)[0].fulfillment) == (
        rates["Express"],
        "unfulfilled",
    )


def test_what_costs_enough_is_sent_for_free(world: World, shopper: Shopper, rates: dict[str, str]) -> None:
    shopper.add(2)
    shopper.check_out()
    assert rows(world, Order)[0].amount == 18_000


def test_another_total_than_was_shown_is_looked_at_before_it_is_paid(
    world: World, shopper: Shopper, rates: dict[str, str], api: Api
) -> None:
    shopper.add()
    address = shopper.check_out()
    api.patch(f"/shipping_rates/{rates['Standard']}", {"archived": True})
    answer = shopper.pay(address, shown="9700")
    assert answer.status_code == 409
    assert "$115.00 is due today" in answer.get_data(as_text=True)
    assert world.charges() == []
    assert shopper.pay(address, shown="11500").status_code == 303


def test_where_nothing_is_sent_nothing_is_charged(world: World, shopper: Shopper, rates: dict[str, str]) -> None:
    shopper.add()
    address = shopper.check_out()
    for shown in ({}, {"shown": "9000"}):
        answer = shopper.pay(address, country="JP", **shown)
        assert answer.status_code == 422
        assert "deliver to Japan" in answer.get_data(as_text=True)
    assert world.charges() == []


def test_a_program_names_the_rates_its_shopper_chooses_from(
    world: World, shopper: Shopper, rates: dict[str, str], api: Api
) -> None:
    options = [{"shipping_rate": rates["Standard"]}]
    wanted: dict[str, Any] = {"lines": [{"name": "A print", "amount": 4000}], "shipping_options": options}
    made = Seller(api).made("/checkout_sessions", wanted)
    assert (made["amount"], made["shipping_rate"], made["fulfillment"]) == (4700, rates["Standard"], "unfulfilled")
    assert [line["name"] for line in made["lines"]] == ["A print", "Delivery: Standard"]
    address = made["url"].removeprefix(world.settings.public_url)
    assert shopper.pay(address, shipping_rate=rates["Express"]).status_code == 303
    assert [charge["amount"] for charge in world.charges()] == [4700]
    for other, code in (
        (new_id("shr"), "shipping_rate_unknown"),
        ("shr_nothing", "shipping_rate_unknown"),
    ):
        answer = api.post("/checkout_sessions", wanted | {"shipping_options": [{"shipping_rate": other}]})
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, code)
    plain = Seller(api).made("/checkout_sessions", {"lines": [{"product": _product(api)}]})
    assert (plain["amount"], plain["fulfillment"]) == (9000, None), "nothing is sent that no program offers to send"


def _product(api: Api) -> str:
    return str(api.get("/products").get_json()["data"][0]["id"])


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"countries": ["ZZ", "XX"]}, "country_unknown"),
        ({"min_days": 6}, "days_invalid"),
        ({"currency": "XXQ"}, "currency_unknown"),
        ({"free_from": 0}, "parameter_invalid"),
        ({"amount": -1}, "parameter_invalid"),
    ],
)
def test_a_rate_that_cannot_be_is_refused(api: Api, wrong: dict[str, Any], code: str) -> None:
    answer = api.post("/shipping_rates", RATE | wrong)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, code)
