"""The shop and its cart, with the odd quantity."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ballast.clock import real_time
from ballast.db import organization, transaction
from ballast.ids import new_id
from ballast.models import CartLine, Order, Price, Product
from tests.shopper import Shopper
from tests.statements import counted
from tests.world import World


@pytest.fixture
def shopper(world: World) -> Shopper:
    """Somebody in Acme's shop."""
    return Shopper(world)


def lines(world: World) -> list[int]:
    return [line.quantity for line in world.all_of(CartLine)]


def set_quantity(shopper: Shopper, world: World, quantity: object) -> int:
    line = world.all_of(CartLine)[0].id
    return shopper.post(f"/shop/acme/cart/lines/{line}", {"quantity": quantity}).status_code


def test_what_is_added_waits_in_the_cart(shopper: Shopper, world: World) -> None:
    answer = shopper.add()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/shop/acme/cart")
    page = shopper.cart()
    assert "Kettle" in page
    assert "$90.00" in page
    assert lines(world) == [1]


def test_the_same_thing_added_again_is_one_line_of_two(shopper: Shopper, world: World) -> None:
    shopper.add()
    shopper.add(2)
    assert lines(world) == [3]
    assert "$270.00" in shopper.cart()


@pytest.mark.parametrize(
    "quantity", ["0", "-1", "100", "100000", "1.5", "one", "", " ", "1e1", "٣", "²", "1\0", "9" * 400]
)
def test_a_quantity_that_cannot_be_is_refused_and_adds_nothing(shopper: Shopper, world: World, quantity: str) -> None:
    assert shopper.add(quantity).status_code == 400
    assert lines(world) == []


@pytest.mark.parametrize("quantity", ["-1", "100", "100000", "x", "", "1.0"])
def test_a_line_keeps_its_quantity_when_the_new_one_cannot_be(shopper: Shopper, world: World, quantity: str) -> None:
    shopper.add(2)
    assert set_quantity(shopper, world, quantity) == 400
    assert lines(world) == [2]


def test_a_quantity_is_set_and_0_takes_the_line_out(shopper: Shopper, world: World) -> None:
    shopper.add()
    assert set_quantity(shopper, world, 99) == 303
    assert lines(world) == [99]
    assert set_quantity(shopper, world, 0) == 303
    assert lines(world) == []
    assert "Your cart is empty" in shopper.cart()


def test_a_line_never_grows_beyond_99(shopper: Shopper, world: World) -> None:
    shopper.add(60)
    shopper.add(60)
    assert lines(world) == [99]


@pytest.mark.parametrize(
    "price_id",
    ["", "nothing", "price_", "price_01m80e38gzehjrmd5vrkphn5cs", "prod_01m80e38h0eezaqt1j6xqahksn", "'--", "\u0660"],
)
def test_a_price_that_does_not_exist_is_not_for_sale(shopper: Shopper, world: World, price_id: str) -> None:
    answer = shopper.add(price_id=price_id or "none")
    assert answer.status_code == 400
    assert "no longer for sale" in answer.get_data(as_text=True)


def test_another_merchants_price_is_not_for_sale_here(shopper: Shopper, world: World) -> None:
    assert shopper.add(price_id=world.stranger.price_id).status_code == 400
    assert lines(world) == []


def test_a_price_that_is_archived_is_not_for_sale(shopper: Shopper, world: World) -> None:
    _change_price(world, archived_at=real_time())
    assert shopper.add().status_code == 400
    assert shopper.client.get("/shop/acme/products/kettle").status_code == 404
    assert "Nothing for sale yet" in shopper.client.get("/shop/acme/").get_data(as_text=True)


def test_a_recurring_price_is_subscribed_to_at_once_or_waits_in_the_cart(shopper: Shopper, world: World) -> None:
    _change_price(world, kind="recurring", interval="month")
    assert shopper.add().status_code == 303
    for path in ("/shop/acme/", "/shop/acme/products/kettle"):
        assert "per month" in shopper.client.get(path).get_data(as_text=True)
    answer = shopper.post("/shop/acme/subscribe", {"price_id": world.acme.price_id})
    assert "/checkout/" in answer.headers["Location"]
    assert shopper.post("/shop/acme/subscribe", {"price_id": "none"}).headers["Location"] == "/shop/acme/"


def _change_price(world: World, **change: Any) -> None:
    with organization(world.acme.id), transaction() as session:
        found = session.query(Price).filter_by(id=world.acme.price_id).one()
        for name, value in change.items():
            setattr(found, name, value)


def test_a_cart_is_its_own_browsers(shopper: Shopper, world: World) -> None:
    shopper.add()
    other = Shopper(world)
    assert "Your cart is empty" in other.cart()
    line = world.all_of(CartLine)[0].id
    other.add(3)
    other.post(f"/shop/acme/cart/lines/{line}", {"quantity": 0})
    assert lines(world) == [1, 3]


def test_a_line_that_is_gone_stays_gone(shopper: Shopper, world: World) -> None:
    shopper.add()
    for line in (new_id("cl"), "nothing", "cl_"):
        assert shopper.post(f"/shop/acme/cart/lines/{line}", {"quantity": 1}).status_code == 303
    assert lines(world) == [1]


def test_an_empty_cart_does_not_check_out(shopper: Shopper, world: World) -> None:
    answer = shopper.post("/shop/acme/checkout")
    assert answer.status_code == 409
    assert "Your cart is empty." in answer.get_data(as_text=True)
    assert world.all_of(Order) == []


def test_a_cart_that_changed_replaces_its_unpaid_order(shopper: Shopper, world: World) -> None:
    shopper.add()
    first = shopper.check_out()
    shopper.add()
    second = shopper.check_out()
    assert first != second
    assert [(order.status, order.amount) for order in world.all_of(Order)] == [("canceled", 9000), ("pending", 18_000)]
    page = shopper.client.get(first).get_data(as_text=True)
    assert "Your cart has changed." in page
    assert shopper.pay(first).status_code == 200
    assert world.charges() == []


def test_an_orders_price_is_frozen_when_the_products_price_is_edited(shopper: Shopper, world: World) -> None:
    shopper.add()
    checkout = shopper.check_out()
    with organization(world.acme.id), transaction() as session:
        session.query(Price).filter_by(id=world.acme.price_id).one().amount = 1
    assert shopper.pay(checkout).status_code == 303
    assert [charge["amount"] for charge in world.charges()] == [9000]


@pytest.mark.parametrize(
    "path", ["/shop/nobody/", "/shop/ACME/", "/shop/acme/products/nothing", "/shop/acme/products/%00", "/shop/%00/"]
)
def test_a_shop_or_product_that_does_not_exist_is_a_page_of_its_own(shopper: Shopper, path: str) -> None:
    answer = shopper.client.get(path)
    assert answer.status_code == (400 if "%00" in path else 404)
    assert "Back to the start" in answer.get_data(as_text=True)


def test_the_shop_costs_the_same_statements_for_one_product_as_for_twenty(shopper: Shopper, world: World) -> None:
    shopper.client.get("/shop/acme/")
    with counted(world.app) as few:
        shopper.client.get("/shop/acme/")
    with organization(world.acme.id), transaction() as session:
        for index in range(19):
            product = Product(
                id=new_id("prod"), organization_id=world.acme.id, name=f"Cup {index}", slug=f"cup-{index}"
            )
            session.add(product)
            session.flush()
            session.add(Price(organization_id=world.acme.id, product_id=product.id, amount=900, currency="USD"))
    with counted(world.app) as many:
        page = shopper.client.get("/shop/acme/").get_data(as_text=True)
    assert few == many
    assert len(re.findall("Cup ", page)) >= 19


def test_a_shop_page_keeps_no_card_form(shopper: Shopper) -> None:
    assert "cardnumber" not in shopper.client.get("/shop/acme/").get_data(as_text=True).lower()
