"""Payment links: made in the dashboard, opened by anybody, paid at the checkout."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from ballast.clock import real_time, shifted
from ballast.models import AuditEntry, CheckoutSession, Order, PaymentLink, Subscription
from tests.api.selling import Seller
from tests.billing.acts import at_once, rows
from tests.shopper import Shopper
from tests.world import World, csrf

FORM = {"name": "Consultation", "amount": "120.00", "currency": "USD"}


def make(world: World, **form: str) -> PaymentLink:
    """A link made by Acme's admin."""
    client = world.sign_in("admin")
    token = csrf(client.get("/admin/payment-links/new").get_data(as_text=True))
    answer = client.post("/admin/payment-links/new", data={"csrf_token": token, **FORM, **form})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    found: PaymentLink = rows(world, PaymentLink)[-1]
    return found


def go_on(client: FlaskClient, link: PaymentLink, **form: str) -> Any:
    page = client.get(f"/buy/{link.token}").get_data(as_text=True)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    token = found[1] if found else csrf(client.get("/sign-in").get_data(as_text=True))
    return client.post(f"/buy/{link.token}", data={"csrf_token": token, **form})


def activate(world: World, link: PaymentLink, active: str) -> None:
    client = world.sign_in("owner")
    page = client.get(f"/admin/payment-links/{link.id}").get_data(as_text=True)
    data = {"csrf_token": csrf(page), "active": active}
    assert client.post(f"/admin/payment-links/{link.id}/active", data=data).status_code == 303


def test_a_link_is_made_shown_with_its_button_and_audited(world: World) -> None:
    link = make(world)
    page = html.unescape(world.sign_in("viewer").get(f"/admin/payment-links/{link.id}").get_data(as_text=True))
    assert f"{world.settings.public_url}/buy/{link.token}" in page
    button = re.search(r'<code>(<a href="[^"]+" style="[^"]+">Buy Consultation</a>)</code>', page)
    assert button, page
    assert "<script" not in button[1]
    assert "Deactivate" not in page, "a viewer only looks"
    assert "payment_link.created" in {entry.action for entry in rows(world, AuditEntry)}


def test_looking_makes_nothing_and_going_on_twice_makes_one_checkout(world: World) -> None:
    link, client = make(world), world.app.test_client()
    for _ in range(3):
        assert "Consultation" in client.get(f"/buy/{link.token}").get_data(as_text=True)
    assert rows(world, Order) == []
    assert go_on(client, link).headers["Location"] == go_on(client, link).headers["Location"]
    assert len(rows(world, CheckoutSession)) == 1
    go_on(world.app.test_client(), link)
    assert len(rows(world, CheckoutSession)) == 2, "somebody else has a checkout of their own"


def test_a_shopper_pays_by_a_link_and_may_buy_again(world: World) -> None:
    link, shopper = make(world, price=world.acme.price_id, quantity_adjustable="yes"), Shopper(world)
    first = go_on(shopper.client, link, quantity="3").headers["Location"]
    assert shopper.pay(first).headers["Location"] == f"{first}/receipt"
    assert [charge["amount"] for charge in world.charges()] == [27_000]
    assert go_on(shopper.client, link, quantity="3").headers["Location"] != first
    page = world.sign_in("viewer").get(f"/admin/payment-links/{link.id}").get_data(as_text=True)
    assert "noor@example.com" in page
    assert "Paid once" in page


def test_another_quantity_replaces_the_visitors_checkout(world: World) -> None:
    link, client = make(world, quantity_adjustable="yes"), world.app.test_client()
    go_on(client, link, quantity="1")
    go_on(client, link, quantity="2")
    assert [one.status for one in rows(world, CheckoutSession)] == ["expired", "open"]
    assert [order.amount for order in rows(world, Order)] == [12_000, 24_000]


@pytest.mark.parametrize("quantity", ["0", "100", "x", "1.5", "-1", ""])
def test_a_quantity_that_cannot_be_makes_nothing(world: World, quantity: str) -> None:
    link = make(world, quantity_adjustable="yes")
    answer = go_on(world.app.test_client(), link, quantity=quantity)
    assert (answer.status_code, "Choose a quantity" in answer.get_data(as_text=True)) == (400, True)
    assert rows(world, Order) == []


def test_who_may_not_choose_gets_one_whatever_is_sent(world: World) -> None:
    go_on(world.app.test_client(), make(world), quantity="50")
    assert [order.amount for order in rows(world, Order)] == [12_000]


def test_a_deactivated_link_sells_nothing_and_may_sell_again(world: World) -> None:
    link = make(world)
    activate(world, link, "no")
    for answer in (world.app.test_client().get(f"/buy/{link.token}"), go_on(world.app.test_client(), link)):
        assert answer.status_code in (409, 410)
        assert "not for sale any more" in answer.get_data(as_text=True)
    assert rows(world, Order) == []
    activate(world, link, "yes")
    assert go_on(world.app.test_client(), link).status_code == 303


def test_a_link_ends_with_its_last_day(world: World) -> None:
    tomorrow = real_time() + timedelta(days=1)
    link = make(world, active_until=f"{tomorrow:%Y-%m-%d}")
    assert world.app.test_client().get(f"/buy/{link.token}").status_code == 200
    with shifted(timedelta(days=2)):
        assert world.app.test_client().get(f"/buy/{link.token}").status_code == 410


def test_a_limit_holds_however_many_pay_at_once(world: World) -> None:
    link = make(world, max_uses="2")
    shoppers = [Shopper(world) for _ in range(5)]
    checkouts = [go_on(one.client, link).headers["Location"] for one in shoppers]
    pairs = zip(shoppers, checkouts, strict=True)
    answers = at_once(world.app, *[lambda one=one, path=path: one.pay(path) for one, path in pairs])
    assert len(world.charges()) == 2
    assert sorted(answer.status_code for answer in answers) == [303, 303, 409, 409, 409]
    assert "Somebody was faster" in next(a for a in answers if a.status_code == 409).get_data(as_text=True)
    assert world.app.test_client().get(f"/buy/{link.token}").status_code == 410


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": ""}, "Use 1 to 120 characters."),
        ({"amount": "0"}, "Enter an amount above zero."),
        ({"amount": "ten"}, "mount"),
        ({"currency": "XXQ"}, "urrency"),
        ({"max_uses": "-1"}, "Enter a whole number"),
        ({"max_uses": "0"}, "Enter a number from 1"),
        ({"active_until": "2020-01-01"}, "still to come"),
        ({"active_until": "9999-12-31"}, "Write a day"),
        ({"active_until": "soon"}, "Write a day"),
        ({"success_url": "http://shop.example"}, "Use https://"),
        ({"price": "price_01m80e38gzehjrmd5vrkphn5cs"}, "no longer for sale"),
        ({"name": "4242424242424242"}, "looks like a card number"),
    ],
)
def test_a_link_that_cannot_be_comes_back_with_the_reason(world: World, form: dict[str, str], said: str) -> None:
    client = world.sign_in("owner")
    token = csrf(client.get("/admin/payment-links/new").get_data(as_text=True))
    answer = client.post("/admin/payment-links/new", data={"csrf_token": token, **FORM, **form})
    assert (answer.status_code, said in html.unescape(answer.get_data(as_text=True))) == (422, True)
    assert rows(world, PaymentLink) == []


def test_a_link_sells_a_price_that_repeats_and_begins_a_subscription_with_each_payment(world: World) -> None:
    seller = Seller(world.api(world.acme.api_key))
    club = seller.price(amount=1800, currency="USD", interval="month", trial_days=0, setup_fee=500)
    link, shopper = make(world, price=club, max_uses="1"), Shopper(world)
    page = html.unescape(shopper.client.get(f"/buy/{link.token}").get_data(as_text=True))
    assert "per month" in page
    assert "$5.00 once, to set it up. You can cancel at any time." in page
    checkout = go_on(shopper.client, link).headers["Location"]
    assert go_on(shopper.client, link).headers["Location"] == checkout
    shown = re.search(r'name="shown" value="(\d+)"', shopper.client.get(checkout).get_data(as_text=True))
    assert shown is not None
    answer = shopper.pay(checkout, shown=shown[1], account=world.acme.account_id)
    assert answer.headers["Location"] == f"{checkout}/receipt"
    assert [charge["amount"] for charge in world.charges()] == [2300]
    (subscription,) = rows(world, Subscription)
    assert (subscription.status, subscription.price_id) == ("active", club)
    assert world.app.test_client().get(f"/buy/{link.token}").status_code == 410, "sold once, as it was to be"
