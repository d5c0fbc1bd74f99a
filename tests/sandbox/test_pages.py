"""The pages people look at: whole, free of inline code, and accessible in both color schemes."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any, Literal

import httpx
import pytest
import requests
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser

from tests.sandbox.conftest import Sandbox, catch
from tests.sandbox.shops import BraintreeShop, Shop, SquareShop, StripeShop

PAGES = [
    "/",
    *(f"/_sandbox/{name}" for name in ("charges", "customers", "webhooks", "mailbox", "receiver", "wire", "faults")),
    "/_sandbox/charges/square/none",
]
HTML = {"Accept": "text/html"}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}


@pytest.fixture
def shops(sandbox: Sandbox, account: str) -> Iterator[list[Shop]]:
    """A merchant at each processor."""
    with httpx.Client(timeout=10, trust_env=False) as http:
        yield [StripeShop(sandbox, account), BraintreeShop(sandbox, account), SquareShop(sandbox, account, http)]


def open_charge(sandbox: Sandbox, shop: Shop) -> str:
    """Charge, give back a part, and return the charge's page."""
    charge = shop.take()
    shop.refund(charge)
    return f"/_sandbox/charges/{shop.processor}/{charge}"


@pytest.fixture
def pages(sandbox: Sandbox, shops: list[Shop], pay: Any, api: Any) -> Any:
    """Every page, with something on it."""
    pay(return_url="http://127.0.0.1:9/")
    catch(lambda: pay("pm_card_chargeDeclined"))
    sandbox.fault("webhook_late", share=0.5)
    mail = {"from": "a@b.test", "to": "ann@example.com", "subject": "<script>alert(1)</script>", "html": "<b>hello</b>"}
    headers = {"Authorization": "Bearer re_test"}
    sent = requests.post(f"{sandbox.url}/emails", json=mail, headers=headers, timeout=5).json()["id"]
    requests.post(f"{sandbox.url}/_sandbox/receiver", data='{"type":"<i>x</i>"}', timeout=5)
    api.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    customer = api.customers.create({"name": "<i>x</i>", "email": "ann@example.com"})
    api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    charges = [open_charge(sandbox, shop) for shop in shops]
    bank = pay("pm_card_authenticationRequired", return_url="http://127.0.0.1:9/").next_action.redirect_to_url.url
    return [f"{sandbox.url}{path}" for path in [*PAGES, f"/_sandbox/mailbox/{sent}", *charges]] + [bank]


def test_pages_hold_nothing_inline_and_escape_what_they_show(pages: list[str]) -> None:
    for url in pages:
        answer = requests.get(url, headers=HTML, timeout=5)
        assert answer.status_code == (404 if url.endswith("/none") else 200), url
        assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
        assert " style=" not in answer.text
        assert "<script>" not in answer.text
        assert "<i>x</i>" not in answer.text


def test_a_charge_that_was_captured_in_part_shows_what_was_taken_and_what_was_held(
    sandbox: Sandbox, pay: Any, api: Any
) -> None:
    held = pay(amount=9000, capture_method="manual")
    api.payment_intents.capture(held.id, {"amount_to_capture": 2500})
    for path in ("/_sandbox/charges", f"/_sandbox/charges/stripe/{held.latest_charge}"):
        shown = requests.get(f"{sandbox.url}{path}", headers=HTML, timeout=5).text
        assert re.search(r'\$?25\.00 USD(</a>)? <small class="quiet">of \$?90\.00 USD</small>', shown), path


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_pages_are_accessible_and_fit_the_screen(
    pages: list[str], browser: Browser, scheme: Literal["light", "dark"], width: int
) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    for url in pages:
        page.goto(url)
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, f"{url}\n{found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), url
    page.close()


def test_an_unknown_mail_is_404(sandbox: Sandbox) -> None:
    assert requests.get(f"{sandbox.url}/_sandbox/mailbox/none", timeout=5).status_code == 404


def test_another_site_cannot_reset_the_sandbox(sandbox: Sandbox, account: str, pay: Any) -> None:
    pay()
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert requests.post(f"{sandbox.url}/_sandbox/reset", headers=headers, timeout=5).status_code == 403
    assert len(sandbox.charges(account)) == 1


FORM = re.compile(r'<form[^>]*action="([^"]+)"[^>]*>.*?<button[^>]*>([^<]+)</button>', re.DOTALL)


def press(sandbox: Sandbox, path: str, word: str) -> requests.Response:
    """Press the button with this word on a page."""
    shown = requests.get(f"{sandbox.url}{path}", headers=HTML, timeout=5).text
    action = next(unescape(action) for action, name in FORM.findall(shown) if name == word)
    return requests.post(f"{sandbox.url}{action}", data={"reason": ""}, allow_redirects=False, timeout=5)


def test_buttons_do_what_they_say_and_lead_back(sandbox: Sandbox, shops: list[Shop]) -> None:
    for shop in shops:
        path = open_charge(sandbox, shop)
        for word in ["Open a dispute", "Fail"]:
            answer = press(sandbox, path, word)
            assert (answer.status_code, answer.headers["Location"]) == (303, path), (path, word)
        found = requests.get(f"{sandbox.url}{path}", timeout=5).json()
        assert found["disputed"]
        assert (len(found["disputes"]), found["amount_refunded"]) == (1, 0)
        assert [refund["fails"] for refund in found["refunds"]] == [False]


def test_a_charge_is_settled_by_its_button(sandbox: Sandbox, shops: list[Shop]) -> None:
    charge = shops[1].make().transaction.id  # type: ignore[attr-defined]
    path = f"/_sandbox/charges/braintree/{charge}"
    assert press(sandbox, path, "Settle now").status_code == 303
    assert requests.get(f"{sandbox.url}{path}", timeout=5).json()["state"] == "settled"
    again = requests.post(f"{sandbox.url}{path}/settle", timeout=5)
    assert again.status_code == 409
    assert requests.post(f"{sandbox.url}/_sandbox/charges/stripe/{charge}/settle", timeout=5).status_code == 404


def test_a_button_that_comes_too_late_says_why(sandbox: Sandbox, shops: list[Shop]) -> None:
    path = open_charge(sandbox, shops[0])
    answer = press(sandbox, path, "Send the last webhook again")
    assert answer.status_code == 409
    assert "Nobody has been sent a webhook about it." in answer.text
    assert f'href="{path}"' in answer.text
    assert (
        requests.post(
            f"{sandbox.url}{path}/resend?back=//evil.test/", data={"x": ""}, allow_redirects=False, timeout=5
        ).text.count("evil")
        == 0
    )


def test_a_key_is_rolled_and_a_delivery_made_again_by_a_button(own_sandbox: Sandbox) -> None:
    api: Any = own_sandbox.client("demo").v1
    api.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    api.customers.create({})
    path = "/_sandbox/webhooks?processor=stripe"
    [waiting] = requests.get(f"{own_sandbox.url}{path}", timeout=5).json()["deliveries"]
    assert (waiting["type"], waiting["state"]) == ("customer.created", "pending")
    assert press(own_sandbox, path, "Roll the key").headers["Location"] == path
    assert press(own_sandbox, path, "Send again").status_code == 303
    [endpoint] = requests.get(f"{own_sandbox.url}{path}", timeout=5).json()["endpoints"]
    assert len(endpoint["secrets"]) == 2


def test_customers_are_listed_with_their_cards(sandbox: Sandbox, api: Any, shops: list[Any]) -> None:
    customer = api.customers.create({"name": "Ann"}).id
    api.payment_methods.attach("pm_card_visa", {"customer": customer})
    shops[1].gateway.customer.create({"first_name": "Bob", "payment_method_nonce": "fake-valid-visa-nonce"})
    sold = shops[2].sdk.customers.create(given_name="Cy", request_options={"max_retries": 0}).customer.id
    shops[2].sdk.cards.create(idempotency_key="k", source_id="cnon:card-nonce-ok", card={"customer_id": sold})
    found = requests.get(f"{sandbox.url}/_sandbox/customers", timeout=5).json()
    ours = [one for one in found if one["account"] in {shop.account for shop in shops}]
    assert [(one["processor"], one["name"], [card["last4"] for card in one["cards"]]) for one in ours] == [
        ("stripe", "Ann", ["4242"]),
        ("braintree", "Bob", ["1111"]),
        ("square", "Cy", ["1111"]),
    ]
