"""Every page: readable by everybody in light and dark, whole on a narrow screen, quiet in the console, without dead links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.people import Buyer, Merchant
from tests.stack import APPROVED, CHALLENGED, CONTESTED, DECLINED, Shopper, Stack, await_value

pytestmark = [pytest.mark.browser, pytest.mark.stack]

BAD = ("serious", "critical")
# Frames of another origin are looked at one by one: axe cannot reach into them.
OPTIONS = {"resultTypes": ["violations"], "iframes": False}
# A frame is see-through and cannot know the color of the page behind it.
WITHOUT_BACKDROP = {"rules": {"color-contrast": {"enabled": False}}}
# The change between light and dark takes a moment; colors are measured after it.
SETTLE = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  do { await frame(); await frame(); } while (document.getAnimations().some((one) => one.playState === "running"));
}"""
PHONE: ViewportSize = {"width": 390, "height": 844}

SHOP_PAGES = {
    "storefront": "/shop/acme/",
    "product": "/shop/acme/products/espresso-machine",
    "empty cart": "/shop/acme/cart",
    "sign in": "/sign-in",
    "sign up": "/sign-up",
    "forgot password": "/forgot-password",
    "start page": "/",
    "error page": "/shop/acme/products/nothing",
}
ADMIN_PAGES = {
    "overview": "/admin/",
    "payments": "/admin/payments",
    "no payments like this": "/admin/payments?status=failed",
    "nothing to answer": "/admin/disputes",
    "no disputes like this": "/admin/disputes?status=won",
    "processors": "/admin/settings/processors",
    "add a processor account": "/admin/settings/processors/new?processor=square",
    "processor events": "/admin/processor-events",
    "settings": "/admin/settings",
    "members": "/admin/settings/members",
    "invite": "/admin/settings/members/invite",
    "API keys": "/admin/settings/api-keys",
    "create a key": "/admin/settings/api-keys/new",
    "your account": "/admin/account",
    "second factor": "/admin/account/second-factor",
    "organizations": "/organizations",
    "style": "/admin/style",
    "error page": "/admin/payments/nothing",
}


def check(page: Page) -> None:
    """No serious violation in light or dark, and nothing to scroll sideways on a phone."""
    found = {scheme: violations(page, scheme) for scheme in ("light", "dark")}
    assert found == {"light": [], "dark": []}
    check_width(page)


def check_width(page: Page) -> None:
    """Nothing to scroll sideways on a phone."""
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def violations(page: Page, scheme: Any) -> list[str]:
    """What axe finds serious or critical, with where it is, in the page and the frames in it."""
    page.emulate_media(color_scheme=scheme)
    page.evaluate(SETTLE)
    found = []
    for frame in page.frames:
        options = OPTIONS if frame == page.main_frame else OPTIONS | WITHOUT_BACKDROP
        for one in Axe().run(frame, options=options).response["violations"]:
            if one["impact"] in BAD:
                found += [f"{one['id']}: {node['html'][:120]} {node['failureSummary']}" for node in one["nodes"]]
    return found


@pytest.mark.parametrize("name", SHOP_PAGES)
def test_a_page_of_the_shop(page: Page, name: str) -> None:
    page.goto(SHOP_PAGES[name])
    expect(page.get_by_role("main")).to_be_visible()
    check(page)


def test_the_api_reference_is_quiet_and_fits(page: Page) -> None:
    page.goto("/api/docs")
    expect(page.get_by_role("button", name="Create a payment").first).to_be_visible()
    check_width(page)


@pytest.mark.parametrize("name", ADMIN_PAGES)
def test_a_page_of_the_dashboard(merchant: Callable[..., Merchant], name: str) -> None:
    page = merchant("owner").page
    page.goto(ADMIN_PAGES[name])
    expect(page.get_by_role("main")).to_be_visible()
    check(page)


def test_the_cart(buyer: Buyer) -> None:
    buyer.fill_cart()
    check(buyer.page)


def test_the_checkout_before_and_after_a_mistake(buyer: Buyer) -> None:
    buyer.check_out()
    expect(buyer.card.get_by_label("Card number")).to_be_visible()
    check(buyer.page)
    buyer.fill_details()
    buyer.page.get_by_label("Email").fill("ada@nowhere")
    buyer.fill_card(APPROVED)
    buyer.pay_button.click()
    expect(buyer.page.get_by_role("link", name="Enter an email address such as ada@example.com.")).to_be_visible()
    check(buyer.page)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (DECLINED, "Your bank didn't approve this payment."),
        (CHALLENGED, "Confirm with your bank."),
        (APPROVED, "Paid."),
    ],
    ids=["declined", "challenged", "paid"],
)
def test_the_checkout_after_a_try(page: Page, stack: Stack, number: str, said: str) -> None:
    with Shopper(stack) as shopper:
        shopper.fill_cart()
        shopper.pay(number)
    page.goto(shopper.checkout + ("/receipt" if number == APPROVED else ""))
    expect(page.get_by_role("main")).to_contain_text(said)
    check(page)
    if number == APPROVED:
        page.goto(shopper.checkout)
        expect(page.get_by_role("main")).to_contain_text("Already paid.")
        check(page)


def test_the_checkout_while_nobody_knows(page: Page, stack: Stack) -> None:
    stack.fault(kind="webhook_late", seconds=20)
    stack.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    with Shopper(stack) as shopper:
        shopper.fill_cart()
        shopper.pay()
    page.goto(shopper.checkout)
    expect(page.get_by_role("main")).to_contain_text("We're checking with your bank.")
    check(page)


def test_a_payment_and_its_refund(merchant: Callable[..., Merchant], stack: Stack) -> None:
    with Shopper(stack) as shopper:
        shopper.fill_cart("espresso-machine")
        shopper.pay()
    owner = merchant("owner")
    owner.open_payment(stack.newest_payment(shopper.email))
    expect(owner.section("Mails")).to_contain_text("Sent")
    check(owner.page)
    owner.page.get_by_role("link", name="Refund", exact=True).click()
    expect(owner.page.get_by_role("heading", name="Refund $640.00")).to_be_visible()
    check(owner.page)


def test_a_dispute_from_its_payment_to_its_answer(merchant: Callable[..., Merchant], stack: Stack) -> None:
    with Shopper(stack) as shopper:
        shopper.fill_cart("espresso-machine")
        shopper.pay(CONTESTED)
    owner = merchant("owner")
    payment_id = stack.newest_payment(shopper.email)
    await_value(lambda: stack.received(payment_id, "dispute.created"))
    owner.open_payment(payment_id)
    page = owner.page
    expect(page.get_by_role("main")).to_contain_text("There is no refund meanwhile")
    expect(page.get_by_role("link", name="Refund", exact=True)).to_have_count(0)
    check(page)
    page.get_by_role("link", name="Answer the dispute").click()
    text = page.get_by_label("What the bank should know")
    text.fill("We shipped it on Monday.")
    expect(page.get_by_text("24 of 20,000 characters")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Accept the dispute").click()
    expect(page.get_by_role("button", name="Give up $640.00")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Back to the dispute").click()
    text.fill("We shipped it on Monday. winning_evidence")
    page.get_by_role("button", name="Send the answer").click()
    expect(page.get_by_role("main")).to_contain_text("Answered.")
    check(page)
    await_value(lambda: stack.received(payment_id, "dispute.closed"))
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("Closed in your favor. $640.00 is yours.")


def test_every_link_of_the_start_page_leads_somewhere(merchant: Callable[..., Merchant], stack: Stack) -> None:
    with Shopper(stack) as shopper:
        shopper.fill_cart()
        shopper.pay()
    page = merchant("owner").page
    page.goto("/")
    links = page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
    places = sorted({link.partition("#")[0] for link in links})
    assert f"{stack.web}/admin/payments/{stack.newest_payment(shopper.email)}" in places
    assert len(places) > 8
    assert {place: page.request.get(place).status for place in places} == dict.fromkeys(places, 200)
