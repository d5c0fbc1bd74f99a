"""Other ways through the shop: without scripts, with the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.browser.people import Buyer
from tests.stack import APPROVED, Stack, await_value

pytestmark = [pytest.mark.browser, pytest.mark.stack]

NEEDS_SCRIPTS = "The card field comes from our payment processor and needs JavaScript."
MOST_STOPS = 40


@pytest.fixture
def plain(profile: Callable[..., BrowserContext], stack: Stack) -> Buyer:
    """A shopper whose browser runs no scripts."""
    return Buyer(profile(java_script_enabled=False).new_page(), stack)


def test_without_scripts_everything_works_down_to_the_card(plain: Buyer, stack: Stack) -> None:
    page = plain.page
    plain.fill_cart("grinder")
    page.get_by_role("button", name="One more Grinder").click()
    expect(page.get_by_label("Total")).to_contain_text("$480.00")
    page.get_by_role("button", name="One less Grinder").click()
    expect(page.get_by_label("Total")).to_contain_text("$240.00")
    page.get_by_role("button", name="Check out").click()
    expect(page.locator("noscript p").first).to_contain_text(NEEDS_SCRIPTS)
    expect(page.locator("noscript p").last).to_have_text(re.compile("^To pay .*240.00, turn on JavaScript"))
    for words in page.locator("noscript p").all():
        expect(words).to_be_visible()
    expect(page.locator("#card-field")).to_be_hidden()
    expect(plain.pay_button).to_be_hidden()
    plain.fill_details()
    page.get_by_label("City").press("Enter")
    expect(page.get_by_role("link", name="Enter your card details.")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(plain.email)
    expect(page.get_by_label("City")).to_have_value("Oslo")
    assert stack.query("select count(*) from orders where email = %s", plain.email) == [(0,)]
    assert page.goto("/shop/acme/cart")
    expect(page.get_by_role("link", name="Grinder")).to_be_visible()
    page.get_by_role("button", name="Remove Grinder").click()
    expect(page.get_by_role("heading", name="Your cart is empty")).to_be_visible()


def test_without_scripts_a_stored_card_pays_all_the_way(buyer: Buyer, plain: Buyer, stack: Stack) -> None:
    buyer.fill_checkout()
    buyer.page.get_by_label("Save this card for next time").check()
    buyer.pay_button.click()
    buyer.see_receipt()
    page = plain.page
    plain.fill_cart()
    page.goto("/shop/acme/account")
    page.get_by_label("Email").fill(buyer.email)
    page.get_by_role("button", name="Mail me the link").click()
    mail = await_value(lambda: [mail for mail in stack.mails(buyer.email) if "/portal/" in mail["text"]])[0]
    (link,) = re.findall(r"http\S+/portal/\S+", mail["text"])
    page.goto(link)
    page.get_by_role("button", name="Shop with your saved cards").click()
    expect(page.get_by_role("heading", name="Your cart")).to_be_visible()
    page.get_by_role("button", name="Check out").click()
    expect(page.get_by_role("radio", name=re.compile("Visa •••• 4242"))).to_be_checked()
    expect(page.locator("#card-field")).to_be_hidden()
    expect(page.get_by_text("turn on JavaScript")).to_have_count(0)
    plain.email = buyer.email
    for label in ("Full name", "Address", "City", "Postal code"):
        page.get_by_label(label, exact=True).fill("Oslo")
    plain.pay_button.click()
    plain.see_receipt()


def test_with_the_keyboard_alone_from_the_shop_to_the_receipt(buyer: Buyer) -> None:
    page = buyer.page
    page.goto("/shop/acme/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    go_to(page, page.locator('a[href$="/products/kettle"]')).press("Enter")
    go_to(page, page.get_by_role("button", name="Add to cart")).press("Enter")
    page.goto("/shop/acme/")
    go_to(page, page.locator('a[href$="/products/beans"]')).press("Enter")
    go_to(page, page.get_by_role("button", name="Add subscription to cart")).press("Enter")
    expect(page.get_by_label("Later")).to_contain_text("then every month, until you cancel")
    go_to(page, page.get_by_role("button", name="Check out")).press("Enter")
    typed = {"Email": buyer.email, "Full name": "Ada Okafor", "Country": "Norway", "Address": "1 Main St"}
    for label, text in (typed | {"City": "Oslo", "Postal code": "0150"}).items():
        go_to(page, page.get_by_label(label, exact=True))
        page.keyboard.type(text)
    expect(page.get_by_label("Country")).to_have_value("NO")
    expect(buyer.card.get_by_label("Card number")).to_be_visible()
    go_to(page, page.get_by_role("radio", name=re.compile("^In full")))
    page.keyboard.press("Tab")
    expect(buyer.card.get_by_label("Card number")).to_be_focused()
    expect(page.locator("#card-field [data-part]")).to_have_class(re.compile("is-focus"))
    for text in (APPROVED, "1234", "123"):
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    buyer.see_receipt()
    (charge,) = buyer.stack.charges(buyer.payment_id)
    today = page.get_by_label("Paid today")
    expect(today).to_contain_text("Kettle")
    expect(today).to_contain_text("Beans")
    expect(today).to_contain_text(f"${charge['amount_captured'] / 100:.2f}")


def go_to(page: Page, wanted: Locator) -> Locator:
    """Press Tab until something has the focus, as somebody without a mouse does."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return wanted
    raise AssertionError(f"{wanted} cannot be reached in {MOST_STOPS} stops")


def test_whoever_goes_on_while_the_sums_are_looked_up_keeps_the_focus_and_what_is_typed(buyer: Buyer) -> None:
    buyer.check_out()
    buyer.fill_details()
    buyer.await_sums()
    held: list[Route] = []
    buyer.page.route(re.compile("/checkout/"), lambda route: held.append(route))  # noqa: PLW0108 - it asks how many arguments
    buyer.page.get_by_label("Country").select_option("DE")
    buyer.page.get_by_label("City").press_sequentially("North ")
    city = buyer.page.get_by_label("City")
    _let_go(buyer, held)
    expect(city).to_be_focused()
    expect(city).to_have_value("North Oslo")
    buyer.page.get_by_label("Country").select_option("NO")
    buyer.page.get_by_label("Postal code", exact=True).focus()
    for _stop in ("the code", "Apply", "Standard"):
        buyer.page.keyboard.press("Tab")
    _let_go(buyer, held)
    expect(buyer.page.get_by_role("radio", name=re.compile("^Standard"))).to_be_focused()


def _let_go(buyer: Buyer, held: list[Route]) -> None:
    """The answer that was held up comes, and is shown."""
    expect(buyer.page.locator(".htmx-request")).not_to_have_count(0)
    while not held:
        buyer.page.wait_for_timeout(20)
    held.pop().continue_()
    buyer.await_sums()


def test_the_focus_can_be_seen_on_every_stop_of_the_checkout(buyer: Buyer) -> None:
    buyer.check_out()
    page = buyer.page
    page.mouse.move(0, 0)
    unseen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop and not stop["seen"]:
            unseen.append(stop["what"])
    assert unseen == []


# The focused element and whether it looks different with the focus than without (an iframe shows it inside itself).
FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body || element.tagName === "IFRAME") return null;
  const look = () => { const s = getComputedStyle(element); return s.outline + s.boxShadow + s.borderColor; };
  const focused = look();
  element.blur();
  const plain = look();
  element.focus({ focusVisible: true });
  return { what: element.outerHTML.slice(0, 80), seen: focused !== plain };
}"""
