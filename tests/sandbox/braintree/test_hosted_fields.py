"""The stand-ins of Braintree's browser library in a real browser, on a page whose policy allows nothing inline."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.sandbox.braintree.conftest import codes
from tests.sandbox.conftest import Sandbox

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
BANK = "iframe[title='Confirm with your bank']"
KINDS = {"html": "text/html; charset=utf-8", "css": "text/css", "js": "text/javascript"}
Open = Callable[..., None]


class Shop:
    """Serves the host page from an origin of its own, under a strict policy."""

    def __init__(self, sandbox_url: str) -> None:
        policy = (
            f"default-src 'none'; script-src 'self' {sandbox_url}; frame-src {sandbox_url}; connect-src {sandbox_url}; "
            "style-src 'self'; form-action 'self'"
        )

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind = self.path.partition("?")[0].rpartition(".")[2]
                kind = kind if kind in ("css", "js") else "html"
                self.send_response(200)
                self.send_header("Content-Type", KINDS[kind])
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write((HERE / f"host_page.{kind}").read_text().replace("SANDBOX", sandbox_url).encode())

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[Shop]:
    shop = Shop(sandbox.url)
    yield shop
    shop.server.shutdown()
    shop.server.server_close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test on any script error or policy violation."""
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Security Policy" in message.text else None)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def open_shop(page: Page, shop: Shop, gateway: Any) -> Open:
    """Open the page with a fresh client token."""

    def open_page(query: str = "", dark: bool = False, **token: Any) -> None:
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.goto(f"{shop.url}?token={quote(gateway.client_token.generate(token), safe='')}{query}")
        expect(page.locator("#state")).to_contain_text("ready 32")

    return open_page


def field(page: Page, name: str) -> Locator:
    return page.frame_locator(f"iframe[name=braintree-hosted-field-{name}]").locator("input")


def type_card(page: Page, number: str, expiry: str = "1234", cvv: str = "123") -> None:
    field(page, "number").press_sequentially(number)
    field(page, "expirationDate").press_sequentially(expiry)
    field(page, "cvv").press_sequentially(cvv)


def press(page: Page, action: str) -> None:
    page.locator(f"button[value={action}]").click()


def told(page: Page, text: str) -> str:
    """Wait for the result, and return its last word."""
    expect(page.locator("#result")).to_contain_text(text)
    return page.locator("#result").inner_text().split()[-1]


def test_a_card_is_typed_into_frames_and_paid_with(page: Page, open_shop: Open, sell: Any) -> None:
    open_shop()
    type_card(page, "4111111111111111")
    expect(field(page, "number")).to_have_value("4111 1111 1111 1111")
    expect(field(page, "expirationDate")).to_have_value("12 / 34")
    expect(page.locator("#state")).to_have_text("Visa")
    expect(page.locator("#events")).to_contain_text("validityChange")
    press(page, "tokenize")
    nonce = told(page, "token Visa 1111 Ann Example")
    assert "4111" not in page.content()
    made = sell(nonce).transaction
    assert (made.status, made.cvv_response_code) == ("submitted_for_settlement", "M")
    assert codes(sell(nonce, order_id="again")) == ["91564"]


def test_the_pages_styles_reach_the_frames_and_states_reach_the_page(page: Page, open_shop: Open) -> None:
    open_shop()
    expect(field(page, "number")).to_have_css("font-size", "18px")
    field(page, "number").press_sequentially("4111111111111112")
    expect(field(page, "number")).to_have_css("color", "rgb(200, 0, 0)")
    expect(field(page, "number")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#number")).to_have_class(
        "field braintree-hosted-fields-focused braintree-hosted-fields-invalid"
    )


@pytest.mark.parametrize(
    ("number", "expiry", "result"),
    [
        ("", "", "error HOSTED_FIELDS_FIELDS_EMPTY"),
        ("4111", "1234", "error HOSTED_FIELDS_FIELDS_INVALID number"),
        ("4111111111111111", "0120", "error HOSTED_FIELDS_FIELDS_INVALID expirationDate"),
        ("4242424242424242", "1234", "error HOSTED_FIELDS_FAILED_TOKENIZATION"),
    ],
)
def test_what_cannot_be_a_token(page: Page, open_shop: Open, number: str, expiry: str, result: str) -> None:
    open_shop()
    type_card(page, number, expiry, "123" if number else "")
    press(page, "tokenize")
    told(page, result)


def test_a_lost_connection_is_an_error_with_a_code(page: Page, open_shop: Open, sandbox: Sandbox) -> None:
    open_shop()
    type_card(page, "4111111111111111")
    # A browser tries again by itself when a connection it has kept is reset.
    sandbox.fault("reset_before", processor="braintree", operation="client.tokenize", count=5)
    press(page, "tokenize")
    told(page, "error HOSTED_FIELDS_TOKENIZATION_NETWORK_ERROR")


def test_a_card_is_kept_by_the_browser_and_not_twice(page: Page, open_shop: Open, gateway: Any, sell: Any) -> None:
    customer = gateway.customer.create({"first_name": "Ann"}).customer.id
    open_shop(customer_id=customer, options={"fail_on_duplicate_payment_method": True})
    type_card(page, "4111111111111111")
    press(page, "vault")
    nonce = told(page, "kept ")
    [kept] = gateway.customer.find(customer).credit_cards
    assert kept.last_4 == "1111"
    assert sell(nonce).transaction.credit_card_details.token == kept.token
    press(page, "vault")
    told(page, "error HOSTED_FIELDS_TOKENIZATION_FAIL_ON_DUPLICATE")


def test_every_method_takes_a_callback_as_well(page: Page, open_shop: Open) -> None:
    open_shop()
    type_card(page, "4000000000002701")
    press(page, "callbacks")
    told(page, "called back 32 true 05")


def test_american_express_has_four_digits_on_its_front(page: Page, open_shop: Open) -> None:
    open_shop("&postal=1")
    type_card(page, "378282246310005", cvv="1234")
    field(page, "postalCode").press_sequentially("94107")
    expect(field(page, "number")).to_have_value("3782 822463 10005")
    press(page, "tokenize")
    told(page, "token American Express 0005")


@pytest.mark.parametrize(
    ("button", "result", "shifted"),
    [
        ("Approve", "verified true true authenticate_successful", True),
        ("Fail authentication", "verified false true authenticate_failed", False),
    ],
)
def test_the_bank_asks_in_a_dialog(
    page: Page, open_shop: Open, gateway: Any, button: str, result: str, shifted: bool
) -> None:
    open_shop()
    type_card(page, "4000000000002503")
    press(page, "verify")
    page.frame_locator(BANK).get_by_role("button", name=button).click()
    nonce = told(page, result)
    expect(page.locator(BANK)).to_have_count(0)
    expect(page.locator("#events")).to_contain_text("lookup-true")
    assert gateway.payment_method_nonce.find(nonce).three_d_secure_info.liability_shifted is shifted


def test_what_was_agreed_to_holds_for_its_amount_only(page: Page, open_shop: Open, sell: Any) -> None:
    open_shop("&amount=12.00")
    type_card(page, "4000000000002503")
    press(page, "verify")
    expect(page.frame_locator(BANK).locator(".sum")).to_have_text("12.00 USD")
    page.frame_locator(BANK).get_by_role("button", name="Approve").click()
    nonce = told(page, "verified true")
    options = {"submit_for_settlement": True, "three_d_secure": {"required": True}}
    assert codes(sell(nonce, amount="12.01", options=options)) == ["91585"]
    assert (
        sell(nonce, amount="12.00", options=options).transaction.three_d_secure_info.status == "authenticate_successful"
    )


@pytest.mark.parametrize("how", ["button", "escape"])
def test_the_holder_cancels(page: Page, open_shop: Open, how: str) -> None:
    open_shop()
    type_card(page, "4000000000002503")
    press(page, "verify")
    cancel = page.frame_locator(BANK).get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    if how == "button":
        cancel.click()
    else:
        page.locator("dialog").press("Escape")
    told(page, "error THREEDS_CARDINAL_SDK_CANCELED")
    expect(page.locator("#events")).to_contain_text("customer-canceled")


@pytest.mark.parametrize(
    ("number", "result"),
    [
        ("4000000000002701", "verified true true authenticate_successful"),
        ("4000000000002925", "verified false true authenticate_failed"),
        ("4111111111111111", "verified false false lookup_not_enrolled"),
    ],
)
def test_without_a_question(page: Page, open_shop: Open, number: str, result: str) -> None:
    open_shop()
    type_card(page, number)
    press(page, "verify")
    told(page, result)
    expect(page.locator("#events")).to_contain_text("lookup-false")


def test_the_fields_follow_the_dark_scheme_and_can_be_torn_down(page: Page, open_shop: Open) -> None:
    open_shop(dark=True)
    html = page.frame_locator("iframe[name=braintree-hosted-field-number]").locator("html")
    expect(html).to_have_attribute("data-scheme", "dark")
    page.emulate_media(color_scheme="light")
    expect(html).to_have_attribute("data-scheme", "light")
    press(page, "teardown")
    told(page, "gone")
    assert len(page.frames) == 1


def test_a_token_of_another_gateway_is_refused(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.url}?token=nonsense")
    expect(page.locator("#state")).to_have_text("failed CLIENT_INVALID_AUTHORIZATION")


@pytest.mark.parametrize("dark", [False, True])
def test_a_test_card_fills_the_fields_at_one_press(page: Page, open_shop: Open, sell: Any, dark: bool) -> None:
    open_shop(dark=dark)
    page.get_by_role("button", name="1115 declines").click()
    expect(field(page, "number")).to_have_value("4000 1111 1111 1115")
    page.get_by_role("button", name="1111 pays").click()
    expect(field(page, "number")).to_have_value("4111 1111 1111 1111")
    expect(field(page, "expirationDate")).to_have_value("12 / 34")
    expect(page.locator("#state")).to_have_text("Visa")
    press(page, "tokenize")
    assert sell(told(page, "token Visa 1111 Ann Example")).transaction.status == "submitted_for_settlement"
