"""Sending what was bought: parcels in the dashboard and over the API, the mail, the shopper's own page."""

from __future__ import annotations

from typing import Any

import pytest

from ballast.models import Email, Event, Order, OrderLine, ShippingRate
from tests.api.selling import RATE, Seller
from tests.billing.acts import rows
from tests.pages.dashboard import after, page, send
from tests.pages.mixing import Mixer
from tests.shopper import Shopper
from tests.world import Api, World

UPS = {"carrier": "UPS", "tracking_number": "1Z999AA10123456784"}


@pytest.fixture
def bought(world: World) -> Order:
    """Three kettles, paid and not sent."""
    shopper = Shopper(world)
    shopper.add(3)
    assert shopper.pay(shopper.check_out()).status_code == 303
    (order,) = rows(world, Order)
    assert order.fulfillment == "unfulfilled"
    return order


def receipt(world: World, order: Order) -> str:
    return page(world.app.test_client(), f"/checkout/{order.token}/receipt")


def test_an_order_is_sent_parcel_by_parcel_and_its_customer_is_told_each_time(world: World, bought: Order) -> None:
    admin, path = world.sign_in("admin"), f"/admin/orders/{bought.id}"
    assert "To send" in page(admin, "/admin/orders?fulfillment=unfulfilled")
    (line,) = rows(world, OrderLine)
    assert "Being packed" in receipt(world, bought)
    shown = after(admin, send(admin, path, f"{path}/shipments", **{f"line-{line.id}": "1"}, **UPS))
    assert "Partly sent" in shown
    assert "Part of it is on its way" in receipt(world, bought)
    assert [one for one in rows(world, Event) if one.type == "order.fulfilled"] == []
    shown = after(
        admin, send(admin, path, f"{path}/shipments", **{f"line-{line.id}": "2"}, tracking_url="https://t.test/1")
    )
    assert "Mark as sent" not in shown
    assert [one.data["fulfillment"] for one in rows(world, Event) if one.type == "order.fulfilled"] == ["fulfilled"]
    mails = [one for one in rows(world, Email) if one.kind == "on_its_way"]
    assert [("A part of your order" in one.text, "Track it" in one.html) for one in mails] == [
        (True, True),
        (False, True),
    ]
    assert "https://www.ups.com/track?tracknum=1Z999AA10123456784" in mails[0].text
    assert "https://t.test/1" in receipt(world, bought)
    assert page(admin, "/admin/orders?fulfillment=unfulfilled").count(bought.number) == 0


@pytest.mark.parametrize(
    ("typed", "status", "says"),
    [
        ({"line": "4"}, 422, "3 of Kettle are left to send."),
        ({"line": "0"}, 422, "Choose what is in the parcel"),
        ({"line": "x"}, 422, "3 of Kettle are left to send."),
        ({"line": "1", "tracking_url": "javascript:alert(1)"}, 422, "begins with https://"),
        ({"line": "1", "tracking_url": "https://["}, 422, "begins with https://"),
    ],
)
def test_a_parcel_that_cannot_be_is_not_sent(
    world: World, bought: Order, typed: dict[str, str], status: int, says: str
) -> None:
    admin, path = world.sign_in("admin"), f"/admin/orders/{bought.id}"
    form = dict(typed)
    form[f"line-{rows(world, OrderLine)[0].id}"] = form.pop("line")
    answer = send(admin, path, f"{path}/shipments", **form)
    assert answer.status_code == status
    assert says in answer.get_data(as_text=True)
    assert rows(world, Order)[0].fulfillment == "unfulfilled"


def test_the_api_sends_all_that_is_left_once(world: World, bought: Order, api: Api) -> None:
    path = f"/orders/{bought.id}/shipments"
    key = "5f0c2f6e-3b0e-4a53-9d6e-0d8f0a1b2c3e"
    sent = api.post(path, UPS, key=key).get_json()
    assert (sent["fulfillment"], sent["lines"][0]["fulfilled"], len(sent["shipments"])) == ("fulfilled", 3, 1)
    assert api.post(path, UPS, key=key).headers["Idempotent-Replayed"] == "true"
    again = api.post(path, UPS)
    assert (again.status_code, again.get_json()["error"]["code"]) == (409, "order_fulfilled")
    assert [one["id"] for one in api.get("/orders", fulfillment="fulfilled").get_json()["data"]] == [bought.id]
    assert api.get("/orders", fulfillment="unfulfilled").get_json()["data"] == []


def test_what_was_refunded_is_not_sent(world: World, bought: Order, api: Api) -> None:
    payment = api.get(f"/orders/{bought.id}").get_json()["payment"]
    assert api.post("/refunds", {"payment": payment}).status_code == 201
    refused = api.post(f"/orders/{bought.id}/shipments", UPS)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (409, "order_not_paid")
    assert "Being packed" not in receipt(world, bought)


def test_rates_are_kept_in_the_settings(world: World) -> None:
    admin, path = world.sign_in("admin"), "/admin/settings/shipping"
    typed: dict[str, Any] = {"name": "Standard", "amount": "7.00", "countries": "us, ca", "free_from": "100"}
    typed |= {"min_days": "3", "max_days": "5"}
    shown = after(admin, send(admin, path, **typed))
    assert "free from" in shown
    (rate,) = rows(world, ShippingRate)
    assert (rate.amount, rate.countries, rate.free_from, rate.currency) == (700, ["CA", "US"], 10_000, "USD")
    for field, value in (("amount", "x"), ("countries", "usa"), ("max_days", "2"), ("min_days", ""), ("name", "")):
        wrong = send(admin, path, **(typed | {field: value}))
        assert wrong.status_code == 422, field
        assert 'aria-invalid="true"' in wrong.get_data(as_text=True), field
    archived = send(admin, path, f"{path}/{rate.id}/archived", archived="yes")
    assert "not offered any more" in after(admin, archived)


def test_delivery_is_paid_with_goods_and_a_subscription_in_one_payment(world: World, api: Api) -> None:
    Seller(api).made("/shipping_rates", RATE)
    noor = Mixer(world, "stripe")
    noor.cart()
    page = noor.page()
    assert "Pay $117.00 and subscribe" in page
    assert "How to send it" in page
    assert noor.buy_both(page=page).headers["Location"].endswith("/receipt")
    assert noor.charged() == [11_700]
    receipt = noor.receipt()
    for words in ("Delivery: Standard", "$7.00", "Being packed", "3 to 5 days after it has left"):
        assert words in receipt, words
