"""Every page: readable by everybody in light and dark, whole on a narrow screen, quiet in the console, without dead links."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looks import check, check_width
from tests.browser.people import Buyer, Merchant
from tests.stack import APPROVED, CHALLENGED, CONTESTED, DECLINED, Shopper, Stack, await_value

pytestmark = [pytest.mark.browser, pytest.mark.stack]

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
    "customers": "/admin/customers",
    "search": "/admin/search?q=example",
    "refunds": "/admin/refunds",
    "orders": "/admin/orders",
    "ledger": "/admin/ledger",
    "mails": "/admin/mails",
    "lending settings": "/admin/financing/settings",
    "go live": "/admin/settings/go-live",
    "nobody with this address": "/admin/customers?q=nobody-has-this",
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
    "subscriptions": "/admin/subscriptions",
    "invoices": "/admin/invoices",
    "products": "/admin/products",
    "coupons": "/admin/coupons",
    "tax rates": "/admin/tax-rates",
    "payment links": "/admin/payment-links",
    "financing offers": "/admin/financing/offers",
    "a new offer": "/admin/financing/offers/new",
    "agreements": "/admin/financing/agreements",
    "portfolio": "/admin/financing/portfolio",
    "webhooks": "/admin/webhooks",
    "events": "/admin/events",
    "clock": "/admin/clock",
    "audit log": "/admin/audit",
    "transfers": "/admin/ledger/transfers",
    "carts": "/admin/orders/carts",
    "radar": "/admin/radar",
    "unknown outcomes": "/admin/radar/unknown",
    "reconciliation": "/admin/reconciliation",
    "payouts": "/admin/reconciliation/payouts",
    "billing settings": "/admin/settings/billing",
    "card testing": "/admin/settings/card-testing",
    "shipping": "/admin/settings/shipping",
    "lending": "/admin/financing/settings",
    "deliveries": "/admin/webhooks/deliveries",
    "style": "/admin/style",
    "error page": "/admin/payments/nothing",
}


@pytest.mark.parametrize("name", SHOP_PAGES)
def test_a_page_of_the_shop(page: Page, name: str) -> None:
    page.goto(SHOP_PAGES[name])
    expect(page.get_by_role("main")).to_be_visible()
    check(page)


def test_the_api_reference_is_quiet_and_fits(page: Page) -> None:
    page.goto("/api/docs")
    expect(page.get_by_role("button", name="Create a payment").first).to_be_visible()
    check_width(page)


def test_the_address_in_an_error_leads_to_what_it_means(page: Page) -> None:
    page.goto("/api/docs#error-card_declined")
    expect(page.locator(".opblock").first).to_be_attached()  # far from what is looked at few of the calls are drawn
    expect(page.locator("#error-card_declined")).to_be_in_viewport()


@pytest.mark.parametrize("name", ADMIN_PAGES)
def test_a_page_of_the_dashboard(merchant: Callable[..., Merchant], name: str) -> None:
    page = merchant("owner").page
    page.goto(ADMIN_PAGES[name])
    expect(page.get_by_role("main")).to_be_visible()
    check(page)


def test_the_cart(buyer: Buyer) -> None:
    buyer.fill_cart()
    check(buyer.page)


def test_a_mixed_cart_to_its_receipt(buyer: Buyer) -> None:
    page = buyer.page
    buyer.fill_cart()
    page.goto("/shop/acme/products/beans")
    page.get_by_role("button", name="Add subscription to cart").first.click()
    expect(page.get_by_label("Due today")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Check out").click()
    buyer.fill_details()
    check(page)
    buyer.fill_card(APPROVED)
    buyer.pay_button.click()
    buyer.see_receipt()
    check(page)


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


def test_the_checkout_when_the_way_to_pay_has_changed(
    buyer: Buyer, route_to: Callable[[str], None], complaints: list[str]
) -> None:
    buyer.fill_checkout(APPROVED)
    buyer.page.get_by_label("Save this card for next time").check()
    try:
        route_to("square")
        buyer.pay_button.click()
        notice = buyer.page.locator("#notice")
        expect(notice).to_contain_text("Please enter your card again. Nothing was charged.")
        expect(notice).to_be_focused()
        expect(buyer.page.get_by_label("Email")).to_have_value(buyer.email)
        expect(buyer.page.get_by_label("Save this card for next time")).to_be_checked()
        expect(buyer.card_number).to_be_visible()
        check(buyer.page)
        route_to("nobody")
        buyer.page.reload()
        expect(buyer.page.get_by_role("heading", name="We can't take cards right now.")).to_be_visible()
        check(buyer.page)
        assert all("status of 503" in one for one in complaints)
        complaints.clear()
    finally:
        route_to("stripe")
    buyer.page.get_by_role("link", name="Try again").click()
    expect(buyer.card_number).to_be_visible()


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
