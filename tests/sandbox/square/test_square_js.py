"""The stand-in of Square's Web Payments SDK in a real browser, on a page whose policy allows nothing inline."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.sandbox.conftest import Sandbox
from tests.sandbox.square.conftest import Seller, code_of

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
FRAME = "iframe[title='Secure card payment input frame']"
BANK = "iframe[title='Confirm with your bank']"


class Shop:
    """Serves `host_page.html` and `host_page.js` from an origin of its own, under a strict policy."""

    def __init__(self, sandbox_url: str) -> None:
        policy = (
            f"default-src 'none'; script-src 'self' {sandbox_url}; frame-src {sandbox_url}; connect-src 'none'; "
            "style-src 'self'; form-action 'self'; require-trusted-types-for 'script'"
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
def open_shop(page: Page, shop: Shop, seller: Seller) -> Any:
    def open_page(state: str = "attached", dark: bool = False, **query: str) -> None:
        said = {"app": f"sandbox-sq0idb-{seller.account}", "location": seller.location} | query
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.goto(f"{shop.url}?{'&'.join(f'{name}={value}' for name, value in said.items())}")
        expect(page.locator("#state")).to_contain_text(state)

    return open_page


def type_card(page: Page, number: str, postal: str = "94103") -> None:
    frame = page.frame_locator(FRAME)
    frame.get_by_label("Card number").fill(number)
    frame.get_by_label("Expiry date").fill("1234")
    frame.get_by_label("Security code").fill("111")
    frame.get_by_label("Postal code").fill(postal)


def press(page: Page, action: str) -> None:
    page.locator(f"button[value={action}]").click()


def token_of(page: Page) -> str:
    expect(page.locator("#result")).to_contain_text("OK cnon:")
    return page.locator("#result").inner_text().split()[1]


def test_a_card_is_typed_and_its_token_paid_with(page: Page, open_shop: Any, seller: Seller) -> None:
    open_shop()
    type_card(page, "5105105105105100")
    expect(page.locator("#state")).to_have_text("attached mastercard")
    press(page, "charge")
    payment = seller.pay(token_of(page))
    assert (payment.status, payment.card_details.card.last4) == ("COMPLETED", "5100")
    expect(page.locator("#result")).to_contain_text("MASTERCARD 5100 false Ann")
    assert "5105" not in page.content()


def test_what_is_half_typed_sends_nothing(page: Page, open_shop: Any) -> None:
    open_shop()
    press(page, "plain")
    expect(page.locator("#result")).to_have_text("Invalid VALIDATION_ERROR cardNumber")
    type_card(page, "4111111111111111", postal="9")
    press(page, "plain")
    expect(page.locator("#result")).to_have_text("Invalid VALIDATION_ERROR postalCode")


def test_a_number_that_is_no_test_card_is_an_error(page: Page, open_shop: Any) -> None:
    open_shop()
    type_card(page, "4242424242424242")
    press(page, "plain")
    expect(page.locator("#result")).to_have_text("Error INVALID_CARD_DATA number")


@pytest.mark.parametrize(
    ("button", "told"),
    [("Fail authentication", "Error VERIFICATION_FAILED"), ("Cancel", "Cancel VERIFICATION_CANCELED")],
)
def test_a_challenge_that_is_not_passed(page: Page, open_shop: Any, button: str, told: str) -> None:
    open_shop()
    type_card(page, "4310000000201019")
    press(page, "charge")
    page.frame_locator(BANK).get_by_role("button", name=button).click()
    expect(page.locator("#result")).to_have_text(told)
    expect(page.locator(BANK)).to_have_count(0)


def test_a_challenge_is_passed_for_one_amount(page: Page, open_shop: Any, seller: Seller) -> None:
    open_shop()
    page.frame_locator(FRAME).get_by_role("button", name="1019 asks the bank").click()
    press(page, "charge")
    bank = page.frame_locator(BANK)
    expect(bank.get_by_role("button", name="Approve 10.00 USD")).to_be_visible()
    bank.get_by_role("button", name="Approve").click()
    token = token_of(page)
    expect(page.locator("#result")).to_contain_text("VISA 1019 true")
    assert code_of(lambda: seller.pay(token, amount=1001)) == (400, "CARD_DECLINED_VERIFICATION_REQUIRED")


def test_escape_cancels_the_banks_question(page: Page, open_shop: Any) -> None:
    open_shop()
    type_card(page, "4310000000201019")
    press(page, "charge")
    expect(page.frame_locator(BANK).get_by_role("button", name="Approve")).to_be_visible()
    page.locator("dialog").press("Escape")
    expect(page.locator("#result")).to_contain_text("Cancel")


def test_a_kept_card_is_confirmed_by_its_holder(page: Page, open_shop: Any, seller: Seller) -> None:
    customer = seller.customer()
    card = seller.keep(customer.id, seller.tokenize("4310000000201019")["token"])
    open_shop(kept=card.id)
    press(page, "kept")
    page.frame_locator(BANK).get_by_role("button", name="Approve").click()
    assert seller.pay(token_of(page), customer_id=customer.id).status == "COMPLETED"


def test_the_page_marks_a_field_as_wrong(page: Page, open_shop: Any) -> None:
    open_shop()
    press(page, "wrong")
    expect(page.locator("#result")).to_have_text("marked true")
    expect(page.frame_locator(FRAME).get_by_label("Postal code")).to_have_attribute("aria-invalid", "true")


def test_a_destroyed_card_is_gone(page: Page, open_shop: Any) -> None:
    open_shop()
    press(page, "destroy")
    expect(page.locator("#result")).to_have_text("true")
    expect(page.locator(FRAME)).to_have_count(0)
    press(page, "plain")
    expect(page.locator("#result")).to_have_text("threw PaymentMethodAlreadyDestroyedError")


@pytest.mark.parametrize("app", ["sq0idp-production", "", "pk_test_1"])
def test_only_a_sandbox_application_is_taken(page: Page, open_shop: Any, app: str) -> None:
    open_shop("threw InvalidApplicationIdError", app=app)


def test_the_field_follows_the_dark_scheme_and_fits(page: Page, open_shop: Any) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    open_shop(dark=True)
    html = page.frame_locator(FRAME).locator("html")
    expect(html).to_have_attribute("data-scheme", "dark")
    assert html.evaluate("root => root.scrollWidth <= root.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_lost_connection_is_an_error_and_no_exception(page: Page, open_shop: Any, sandbox: Sandbox) -> None:
    open_shop()
    type_card(page, "4111111111111111")
    page.route("**/square/tokens", lambda route: route.abort())
    press(page, "plain")
    expect(page.locator("#result")).to_have_text("Error NETWORK_ERROR")
