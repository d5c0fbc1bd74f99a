"""The stand-in of Stripe.js in a real browser, on a page whose policy allows nothing inline."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.sandbox.conftest import NO_REDIRECTS, Sandbox, catch

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
FRAME = "iframe[title='Secure card payment input frame']"
BANK = "iframe[title='Confirm with your bank']"


class Shop:
    """Serves `host_page.html` and `host_page.js` from an origin of its own, under a strict policy."""

    def __init__(self, sandbox_url: str) -> None:
        policy = (
            f"default-src 'none'; script-src 'self' {sandbox_url}; frame-src {sandbox_url}; connect-src {sandbox_url}; "
            "style-src 'self'; form-action 'self'"
        )
        page = (HERE / "host_page.html").read_text().replace("SANDBOX", sandbox_url)
        script = (HERE / "host_page.js").read_text()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_script = self.path.startswith("/host_page.js")
                self.send_response(200)
                self.send_header("Content-Type", "text/javascript" if is_script else "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write((script if is_script else page).encode())

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def shop(sandbox: Sandbox) -> Any:
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
def open_shop(page: Page, shop: Shop, account: str, api: Any) -> Any:
    """Open the page with a fresh intent of 10.00 USD, and return the intent."""

    def open_page(element: str = "card", dark: bool = False, query: str = "", **params: Any) -> Any:
        wanted = {"amount": 1000, "currency": "usd", "automatic_payment_methods": NO_REDIRECTS}
        intent = api.payment_intents.create(wanted | params)
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.goto(f"{shop.url}?key=pk_test_{account}&secret={intent.client_secret}&element={element}{query}")
        expect(page.locator("#state")).to_contain_text("ready")
        return intent

    return open_page


def type_card(page: Page, number: str, expiry: str = "1234", cvc: str = "123") -> None:
    frame = page.frame_locator(FRAME)
    frame.get_by_label("Card number").press_sequentially(number)
    frame.get_by_label("Expiry date").press_sequentially(expiry)
    frame.get_by_label("Security code").press_sequentially(cvc)


def press(page: Page, action: str) -> None:
    page.locator(f"button[value={action}]").click()


def test_a_card_is_typed_formatted_and_paid_with(page: Page, open_shop: Any, api: Any) -> None:
    intent = open_shop()
    type_card(page, "4242424242424242")
    frame = page.frame_locator(FRAME)
    expect(frame.get_by_label("Card number")).to_have_value("4242 4242 4242 4242")
    expect(frame.get_by_label("Expiry date")).to_have_value("12 / 34")
    expect(page.locator("#state")).to_contain_text("complete visa")
    press(page, "confirmCardPayment")
    expect(page.locator("#result")).to_have_text("paymentIntent succeeded")
    assert api.payment_intents.retrieve(intent.id).status == "succeeded"


def test_a_one_time_token_reaches_the_page_and_never_the_number(page: Page, open_shop: Any, pay: Any) -> None:
    open_shop()
    type_card(page, "5555555555554444")
    press(page, "createPaymentMethod")
    expect(page.locator("#result")).to_contain_text("paymentMethod pm_")
    method = page.locator("#result").inner_text().split()[-1]
    assert pay(method).status == "succeeded"
    assert "5555" not in page.content()


def test_a_confirmation_token_is_confirmed_by_the_server(page: Page, open_shop: Any, api: Any) -> None:
    intent = open_shop("payment", setup_future_usage="off_session")
    type_card(page, "4242424242424242")
    press(page, "createConfirmationToken")
    expect(page.locator("#result")).to_contain_text("confirmationToken ctoken_")
    token = page.locator("#result").inner_text().split()[-1]
    assert api.confirmation_tokens.retrieve(token).payment_method_preview.card.last4 == "4242"
    assert api.payment_intents.confirm(intent.id, {"confirmation_token": token}).status == "succeeded"
    assert api.confirmation_tokens.retrieve(token).payment_intent == intent.id
    other = api.payment_intents.create({"amount": 500, "currency": "usd", "automatic_payment_methods": NO_REDIRECTS})
    error = catch(lambda: api.payment_intents.confirm(other.id, {"confirmation_token": token}))
    assert error.param == "confirmation_token"


def test_an_old_token_pays_once(page: Page, open_shop: Any, api: Any, pay: Any) -> None:
    open_shop()
    type_card(page, "5555555555554444")
    press(page, "createToken")
    expect(page.locator("#result")).to_contain_text("token tok_")
    token = page.locator("#result").inner_text().split()[-1]
    assert api.tokens.retrieve(token).card.name == "Ann Example"
    made = api.payment_methods.create({"type": "card", "card": {"token": token}})
    assert pay(made.id).status == "succeeded"
    error = catch(lambda: api.payment_methods.create({"type": "card", "card": {"token": token}}))
    assert error.code == "token_already_used"


def test_a_decline_is_told_in_an_error(page: Page, open_shop: Any) -> None:
    open_shop()
    type_card(page, "4000000000000002")
    press(page, "confirmCardPayment")
    expect(page.locator("#result")).to_have_text("error card_declined requires_payment_method")


def test_a_half_typed_card_sends_nothing(page: Page, open_shop: Any) -> None:
    open_shop()
    page.frame_locator(FRAME).get_by_label("Card number").press_sequentially("4242")
    press(page, "createPaymentMethod")
    expect(page.locator("#result")).to_have_text("error incomplete_number")
    expect(page.frame_locator(FRAME).get_by_label("Card number")).to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize(
    ("button", "told"),
    [
        ("Approve", "paymentIntent succeeded"),
        ("Fail authentication", "error payment_intent_authentication_failure requires_payment_method"),
        ("Cancel", "error payment_intent_authentication_failure requires_payment_method"),
    ],
)
def test_the_bank_asks_in_a_dialog(page: Page, open_shop: Any, button: str, told: str) -> None:
    open_shop()
    type_card(page, "4000002500003155")
    press(page, "confirmCardPayment")
    page.frame_locator(BANK).get_by_role("button", name=button).click()
    expect(page.locator("#result")).to_have_text(told)
    expect(page.locator(BANK)).to_have_count(0)


def test_escape_cancels_the_banks_question(page: Page, open_shop: Any) -> None:
    open_shop()
    type_card(page, "4000002500003155")
    press(page, "confirmCardPayment")
    expect(page.frame_locator(BANK).get_by_role("button", name="Approve")).to_be_visible()
    page.locator("dialog").press("Escape")
    expect(page.locator("#result")).to_contain_text("payment_intent_authentication_failure")


def test_a_step_begun_by_the_server_is_finished_in_the_browser(page: Page, open_shop: Any) -> None:
    open_shop(payment_method="pm_card_authenticationRequired", confirm=True)
    press(page, "handleNextAction")
    page.frame_locator(BANK).get_by_role("button", name="Approve").click()
    expect(page.locator("#result")).to_have_text("paymentIntent succeeded")


def test_the_payment_element_confirms_and_comes_back(page: Page, open_shop: Any, shop: Shop) -> None:
    intent = open_shop("payment")
    type_card(page, "4242424242424242")
    press(page, "confirmPayment")
    page.wait_for_url(f"{shop.url}back?*redirect_status=succeeded*")
    assert f"payment_intent={intent.id}" in page.url


def test_three_fields_make_one_card(page: Page, open_shop: Any) -> None:
    open_shop("split")
    for label, value in [("Card number", "378282246310005"), ("Expiry date", "1234"), ("Security code", "1234")]:
        for frame in page.frames[1:]:
            field = frame.get_by_label(label)
            if field.is_visible():
                field.press_sequentially(value)
    press(page, "confirmCardPayment")
    expect(page.locator("#result")).to_have_text("paymentIntent succeeded")


def test_a_test_card_is_filled_in_with_one_click(page: Page, open_shop: Any) -> None:
    open_shop()
    page.frame_locator(FRAME).get_by_role("button", name="3155 asks the bank").click()
    expect(page.locator("#state")).to_contain_text("complete visa")


def test_enter_submits_the_form_around_the_field(page: Page, open_shop: Any) -> None:
    open_shop()
    type_card(page, "4242424242424242")
    page.frame_locator(FRAME).get_by_label("Security code").press("Enter")
    expect(page.locator("#result")).to_contain_text("paymentMethod pm_")


def test_the_field_follows_the_dark_scheme(page: Page, open_shop: Any) -> None:
    open_shop(dark=True)
    html = page.frame_locator(FRAME).locator("html")
    expect(html).to_have_attribute("data-scheme", "dark")
    page.emulate_media(color_scheme="light")
    expect(html).to_have_attribute("data-scheme", "light")


def test_a_lost_connection_is_an_error_and_no_exception(page: Page, open_shop: Any, sandbox: Sandbox) -> None:
    open_shop()
    type_card(page, "4242424242424242")
    sandbox.fault("reset_before", operation="payment_methods.create", count=5)
    press(page, "createPaymentMethod")
    expect(page.locator("#result")).to_contain_text("error api_connection_error")
