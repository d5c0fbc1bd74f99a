"""What customers do on their own pages, in a real browser, at all three processors."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.cards import Cards
from tests.browser.looks import check
from tests.browser.people import Buyer
from tests.stack import Stack, await_value

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def made(stack: Stack, path: str, **body: Any) -> dict[str, Any]:
    answer = stack.call("POST", path, json=body)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


class Subscriber(Buyer):
    """Somebody with a subscription at Stripe, started over the API."""

    def __init__(self, page: Page, stack: Stack) -> None:
        super().__init__(page, stack)
        product = made(stack, "/products", name="Coffee club")["id"]
        price = {"product": product, "currency": "USD", "interval": "month"}
        self.small = made(stack, "/prices", **price, amount=1800, nickname="Half a bag")["id"]
        self.large = made(stack, "/prices", **price, amount=3200, nickname="A whole bag")["id"]
        self.customer = made(stack, "/customers", email=self.email, name="Ada Okafor")["id"]
        wanted = {"customer": self.customer, "price": self.small, "payment_method": "pm_card_visa"}
        self.subscription = made(stack, "/subscriptions", **wanted)["id"]

    def open_page(self) -> None:
        """By the link in a mail: the one that tells of a change of quantity."""
        made(self.stack, f"/subscriptions/{self.subscription}/change", quantity=2)
        mail = await_value(lambda: [mail for mail in self.stack.mails(self.email) if "/portal/" in mail["text"]])[0]
        link = re.search(r"http\S+/portal/\S+", mail["text"])
        assert link
        self.page.goto(link[0])
        expect(self.page.get_by_role("heading", name="Your subscriptions")).to_be_visible()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).click()

    def see(self, text: str) -> None:
        expect(self.page.get_by_role("status").filter(has_text=text).first).to_be_visible()


@pytest.fixture
def ada(page: Page, stack: Stack) -> Subscriber:
    return Subscriber(page, stack)


def test_a_customer_changes_plan_pauses_cancels_and_changes_their_mind(ada: Subscriber) -> None:
    ada.open_page()
    check(ada.page)
    ada.follow("Change plan")
    ada.page.get_by_text("A whole bag").click()
    ada.press("Look at the change")
    button = ada.page.get_by_role("button", name=re.compile(r"^Pay \$\d+\.\d\d and change$"))
    expect(button).to_be_visible()
    check(ada.page)
    button.click()
    ada.see("Your plan has changed.")
    expect(ada.page.get_by_role("main")).to_contain_text("$32.00 per month × 2")
    ada.follow("Pause")
    check(ada.page)
    ada.press("Pause subscription")
    ada.see("Paused.")
    ada.press("Resume")
    ada.follow("Cancel")
    check(ada.page)
    ada.press("Cancel subscription")
    ada.see("Canceled.")
    check(ada.page)
    ada.press("Keep subscription")
    ada.see("Good to have you back")


def test_a_bank_that_asks_before_a_card_is_stored_is_answered(ada: Subscriber, stack: Stack) -> None:
    ada.open_page()
    ada.follow("Change card")
    ada.fill_card("4000002500003155")
    ada.press("Save card")
    expect(ada.page.get_by_role("heading", name="Confirm with your bank.")).to_be_visible()
    check(ada.page)
    ada.page.get_by_role("button", name="Continue to bank").click()
    ada.bank.get_by_role("button", name=re.compile("^Approve")).click()
    ada.see("Your new card is in use.")
    expect(ada.page.get_by_role("main")).to_contain_text("Visa 3155")


def test_a_trial_is_begun_from_the_shop_with_a_code(buyer: Buyer, stack: Stack) -> None:
    product = made(stack, "/products", name="Tea club")
    made(stack, "/prices", product=product["id"], amount=2000, currency="USD", interval="month", trial_days=14)
    coupon = made(stack, "/coupons", name="Autumn", percent_bps=2500, duration="once")["id"]
    code = made(stack, "/promotion_codes", coupon=coupon, code=f"TEA{uuid4().hex[:6].upper()}")
    buyer.page.goto(f"/shop/acme/products/{product['slug']}")
    check(buyer.page)
    buyer.page.get_by_role("button", name="Subscribe").click()
    buyer.fill_details()
    buyer.page.get_by_label("Code (optional)").fill(code["code"])
    buyer.page.get_by_role("button", name="Apply").click()
    expect(buyer.page.get_by_label("Your order").locator(".co-aside")).to_contain_text("$15.00")
    expect(buyer.page.get_by_label("Full name")).to_have_value("Ada Okafor")
    check(buyer.page)
    buyer.fill_card("4242424242424242")
    buyer.card.get_by_label("Security code").press("Enter")
    expect(buyer.page.get_by_role("heading", name="Your trial has begun.")).to_be_visible()
    check(buyer.page)
    # While there is a code, every checkout of the shop asks for one, and others look at those.
    assert stack.call("PATCH", f"/promotion_codes/{code['id']}", json={"archived": True}).status_code == 200


def test_an_invoice_is_paid_with_the_keyboard_alone_and_confirmed_at_the_bank(ada: Subscriber, stack: Stack) -> None:
    lines = [{"description": f"Work {uuid4().hex[:4]}", "amount": 4500}]
    invoice = made(stack, "/invoices", customer=ada.customer, currency="USD", lines=lines)
    ada.page.goto(invoice["hosted_url"])
    ada.fill_card("4000002500003155")
    ada.card.get_by_label("Security code").press("Enter")
    ada.answer_bank("Approve")
    expect(ada.page.get_by_role("heading", name="Paid. Thank you.")).to_be_visible()


def test_a_new_card_and_an_invoice_at_each_processor(ada: Subscriber, processor: str, cards: Cards) -> None:
    ada.open_page()
    ada.follow("Change card")
    expect(ada.card_number).to_be_visible()
    check(ada.page)
    ada.fill_card(cards.approved)
    ada.press("Save card")
    ada.see("Your new card is in use.")
    expect(ada.page.get_by_role("main")).to_contain_text(f"Visa {cards.last4}")
    lines = [{"description": "Tasting for two", "amount": 4500}]
    invoice = made(ada.stack, "/invoices", customer=ada.customer, currency="USD", lines=lines)
    ada.page.goto(invoice["hosted_url"])
    expect(ada.card_number).to_be_visible()
    check(ada.page)
    ada.fill_card(cards.declined)
    ada.page.get_by_role("button", name="Pay $45.00 with this card").click()
    expect(ada.alert).to_be_focused()
    ada.fill_card(cards.approved)
    ada.page.get_by_role("button", name="Pay $45.00 with this card").click()
    expect(ada.page.get_by_role("heading", name="Paid. Thank you.")).to_be_visible()
    check(ada.page)
    assert [charge["amount"] for charge in ada.stack.charges(await_payment(ada.stack, invoice["id"]))].count(4500) >= 1
    pdf = ada.page.request.get(f"{invoice['hosted_url']}.pdf")
    assert pdf.body()[:5] == b"%PDF-"


def await_payment(stack: Stack, invoice_id: str) -> str:
    found: str = stack.call("GET", f"/invoices/{invoice_id}").json()["payment"]
    return found
