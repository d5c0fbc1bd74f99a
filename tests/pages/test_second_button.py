"""While nobody knows how a payment ended, no page that has a pay button shows it again, and a page left open in another tab charges
nothing more."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from werkzeug.test import TestResponse

from tests.pages.billed import Customer
from tests.pages.mixing import Mixer
from tests.pages.test_payment_links import go_on, make
from tests.pages.test_portal_plans import Ada
from tests.shopper import Shopper
from tests.world import World

# How the page is looked at anew, how Pay is pressed in a tab that was open before, and what was charged before.
Page = tuple[Callable[[], str], Callable[[], TestResponse], int]
BUTTON = re.compile(r"<(?:button|a)\b[^>]*>(.*?)</(?:button|a)>", re.DOTALL)


def at_the_checkout(world: World) -> Page:
    noor = Shopper(world)
    noor.add()
    address = noor.check_out()
    return lambda: noor.client.get(address).get_data(as_text=True), lambda: noor.pay(address), 0


def in_a_session(world: World) -> Page:
    noor, lines = Shopper(world), [{"price": world.acme.price_id, "quantity": 1}]
    made = world.api(world.acme.api_key).post("/checkout_sessions", {"mode": "payment", "lines": lines})
    address = made.get_json()["url"].removeprefix(world.settings.public_url)
    return lambda: noor.client.get(address).get_data(as_text=True), lambda: noor.pay(address), 0


def by_a_link(world: World) -> Page:
    link, noor = make(world), Shopper(world)
    address = go_on(noor.client, link).headers["Location"]

    def look() -> str:
        again = go_on(noor.client, link).headers["Location"]
        assert again == address, "the link leads to the checkout that is under way"
        return noor.client.get(again).get_data(as_text=True)

    return look, lambda: noor.pay(address), 0


def with_a_subscription(world: World) -> Page:
    noor = Mixer(world)
    page = noor.page()
    return noor.page, lambda: noor.buy_both(page=page), 0


def on_an_invoice(world: World) -> Page:
    ada = Customer(world)
    ada.subscribe()
    address = f"/invoices/{ada.fall_behind().token}"
    return lambda: ada.page(address), lambda: ada.post(address, payment_method="pm_card_visa"), 1


def on_a_plan(world: World) -> Page:
    ada = Ada(world)
    hidden = re.findall(r'name="(\w+)" value="([^"]+)"', ada.raw(ada.plan("pay")).partition('id="preview"')[2])
    form = dict(hidden) | {"csrf_token": ada.token}

    def look() -> str:
        return (
            ada.raw("")
            + ada.raw(ada.plan())
            + "".join(ada.raw(ada.plan(act)) for act in ("pay", "payoff", "amount?amount=20.00"))
        )

    return look, lambda: ada.client.post(ada.home + ada.plan("pay"), data=form), 1


def buttons(page: str) -> list[str]:
    """What one could press that says Pay."""
    said = (" ".join(re.sub(r"<[^>]+>", " ", unescape(found)).split()) for found in BUTTON.findall(page))
    return [words for words in said if words.startswith(("Pay ", "Pay$", "Subscribe", "Try again"))]


@pytest.mark.parametrize(
    "begin", [at_the_checkout, in_a_session, by_a_link, with_a_subscription, on_an_invoice, on_a_plan]
)
def test_no_page_shows_a_second_pay_button_while_an_outcome_is_unknown(
    world: World, begin: Callable[[World], Page]
) -> None:
    look, press, before = begin(world)
    assert buttons(look()), "there is one to begin with"
    world.fault(kind="error_after", operation="payment_intents.confirm")
    press()
    page = look()
    assert re.search("re checking with your bank|A payment of yours is under way", unescape(page))
    assert buttons(page) == []
    assert press().status_code in (200, 303, 409)
    world.forget_faults()
    assert press().status_code in (200, 303, 409)
    charged = [charge for charge in world.charges() if charge["amount_captured"]]
    assert len(charged) == before + 1
    assert buttons(look()) == []
