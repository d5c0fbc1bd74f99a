"""What is counted is sold once, whoever asks at the same moment, and comes back when it is not paid."""

from __future__ import annotations

from typing import Any

import pytest

from ballast.billing import checkout, checkout_form, stock
from ballast.db import organization, transaction
from ballast.errors import Conflict
from ballast.models import AuditEntry, CartLine, Order, Product, StockHold
from tests.billing.acts import TYPED, as_worker, at_once, pause, rows
from tests.shopper import Shopper
from tests.world import Api, World


@pytest.fixture
def few(world: World) -> Product:
    """Acme has three kettles."""
    (product,) = rows(world, Product)
    assert count(world, 3) == 3
    return product


def count(world: World, number: int | None) -> int | None:
    """Say how many kettles there are."""
    (product,) = rows(world, Product)
    with organization(world.acme.id), transaction():
        return stock.adjust(world.acme.id, product.id, "Counted", to=number).stock


def left(world: World) -> int | None:
    (product,) = rows(world, Product)
    return product.stock


def holds(world: World) -> list[str]:
    return [hold.status for hold in rows(world, StockHold)]


def ready(world: World, quantity: int = 1) -> tuple[Shopper, str]:
    """Somebody at the checkout, and its address."""
    shopper = Shopper(world)
    shopper.add(quantity)
    return shopper, shopper.check_out()


def test_five_shoppers_who_pay_at_once_get_the_three_there_are(world: World, few: Product) -> None:
    tokens = [ready(world)[1].rpartition("/")[2] for _ in range(5)]

    def pay(token: str) -> Any:
        with organization(world.acme.id):
            return checkout.pay(
                world.acme.id, token, checkout_form.read_details(TYPED | {"payment_method": "pm_card_visa"})
            )

    said = at_once(world.app, *[lambda token=token: pay(token) for token in tokens])
    assert sorted(error.code for error in said if isinstance(error, Conflict)) == ["out_of_stock"] * 2
    assert [one for one in said if isinstance(one, Exception) and not isinstance(one, Conflict)] == []
    assert len(world.charges()) == 3
    assert left(world) == 0
    assert holds(world) == ["sold"] * 3
    assert sorted(order.status for order in rows(world, Order)) == ["paid"] * 3 + ["pending"] * 2


def test_the_database_itself_refuses_a_count_below_zero(world: World, few: Product) -> None:
    with organization(world.acme.id), pytest.raises(Exception, match="stock_not_negative"), transaction() as session:
        session.get_one(Product, (world.acme.id, few.id)).stock = -1


def test_a_declined_try_keeps_what_it_holds_and_gives_it_back_when_nobody_comes_back(
    world: World, few: Product
) -> None:
    shopper, address = ready(world, 2)
    assert shopper.pay(address, payment_method="pm_card_chargeDeclined").status_code == 422
    assert (left(world), holds(world)) == (1, ["held"])
    _other, theirs = ready(world)
    pause(minutes=31)
    as_worker(world, stock.release_due)()
    assert (left(world), holds(world)) == (3, ["released"])
    assert shopper.pay(address).status_code == 303
    assert (left(world), holds(world)) == (1, ["released", "sold"])
    assert theirs


def test_what_is_being_paid_is_held_however_long_the_bank_takes(world: World, few: Product) -> None:
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    shopper, address = ready(world, 3)
    assert "checking with your bank" in shopper.pay(address).get_data(as_text=True)
    pause(hours=2)
    as_worker(world, stock.release_due)()
    assert (left(world), holds(world)) == (0, ["held"])
    world.drain()
    assert holds(world) == ["sold"]


def test_a_cart_that_changes_gives_back_what_its_order_held(world: World, few: Product) -> None:
    shopper, address = ready(world, 3)
    shopper.pay(address, payment_method="pm_card_chargeDeclined")
    assert left(world) == 0
    assert shopper.check_out() == address, "its own hold does not stand in its way"
    shopper.post(f"/shop/acme/cart/lines/{_line(world)}", {"quantity": 1})
    assert shopper.check_out() != address
    assert (left(world), holds(world)) == (3, ["released"])


def _line(world: World) -> str:
    return str(rows(world, CartLine)[0].id)


def test_a_session_that_expires_gives_back_what_it_held(world: World, few: Product, api: Api) -> None:
    made = api.post("/checkout_sessions", {"lines": [{"price": world.acme.price_id, "quantity": 2}]}).get_json()
    shopper = Shopper(world)
    shopper.pay(made["url"].removeprefix(world.settings.public_url), payment_method="pm_card_chargeDeclined")
    assert left(world) == 1
    assert api.post(f"/checkout_sessions/{made['id']}/expire").status_code == 200
    assert left(world) == 3


def test_who_wants_more_than_there_are_is_told_how_many_there_are(world: World, few: Product) -> None:
    shopper = Shopper(world)
    shopper.add(4)
    answer = shopper.post("/shop/acme/checkout")
    assert answer.status_code == 409
    assert "Only 3 of Kettle are left." in answer.get_data(as_text=True)
    shopper.post(f"/shop/acme/cart/lines/{_line(world)}", {"quantity": 1})
    address = shopper.check_out()
    count(world, 0)
    refused = shopper.pay(address)
    assert refused.status_code == 409
    assert "Kettle is sold out." in refused.get_data(as_text=True)
    assert world.charges() == []


def test_what_is_paid_when_its_hold_is_over_takes_what_there_is_and_says_so(world: World, few: Product) -> None:
    shopper, address = ready(world, 3)
    shopper.pay(address, payment_method="pm_card_chargeDeclined")
    with organization(world.acme.id), transaction() as session:
        order = session.query(Order).filter_by(token=address.rpartition("/")[2]).one()
        order_id = order.id
        stock.give_back(order)
    count(world, 1)
    with organization(world.acme.id), transaction() as session:
        stock.sell(session.query(Order).filter_by(id=order_id).one())
    assert left(world) == 0
    assert [one.changes for one in rows(world, AuditEntry) if one.action == "stock.oversold"] == [{"order": order_id}]


def test_stock_is_adjusted_with_a_reason_over_the_api(world: World, few: Product, api: Api) -> None:
    path = f"/products/{few.id}/stock"
    assert api.post(path, {"by": 4, "reason": "Delivery"}).get_json()["stock"] == 7
    assert api.post(path, {"to": None, "reason": "Made to order now"}).get_json()["stock"] is None
    for body, code in (
        ({"by": -1, "reason": "Broken"}, "stock_invalid"),
        ({"by": 1, "to": 1, "reason": "Both"}, "parameter_conflict"),
        ({"reason": "Neither"}, "parameter_conflict"),
        ({"by": 1}, "parameter_missing"),
    ):
        answer = api.post(path, body)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, code), body
    told = [one.changes for one in rows(world, AuditEntry) if one.action == "stock.adjusted"]
    assert told[1] == {"stock": {"before": 3, "after": 7}, "reason": "Delivery"}
