"""Who uses the pages: a shopper and a merchant, each with what they do there."""

from __future__ import annotations

import re
from uuid import uuid4

import requests
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.browser.cards import CARDS
from tests.stack import APPROVED, PATIENCE, Stack

TYPED = {
    "Email": "",
    "Full name": "Ada Okafor",
    "Address": "1 Main St",
    "City": "Oslo",
    "Postal code": "0150",
}


class Buyer:
    """A shopper in front of a page."""

    def __init__(self, page: Page, stack: Stack, email: str | None = None) -> None:
        self.page = page
        self.stack = stack
        self.email = email or f"{uuid4().hex[:12]}@example.com"
        self.processor = "stripe"

    @property
    def card(self) -> FrameLocator:
        """The processor's own field, a frame of its origin; Braintree's number, for there each field is a frame."""
        return self.page.frame_locator(
            '#card-field iframe:not([name*="hosted-field"]), iframe[name$="hosted-field-number"]'
        )

    @property
    def card_number(self) -> Locator:
        """Where the card's number goes, in the processor's frame."""
        return self.card.get_by_label(re.compile("^(Credit )?Card number$", re.IGNORECASE))

    @property
    def pay_button(self) -> Locator:
        return self.page.get_by_role("button", name=re.compile("^Pay"))

    @property
    def alert(self) -> Locator:
        """What went wrong, above the form."""
        return self.page.locator("#decline")

    @property
    def address(self) -> str:
        """Of the checkout, whatever part of it is shown."""
        found = re.match(r".*/checkout/[^/?]+", self.page.url)
        assert found, self.page.url
        return found[0]

    def fill_cart(self, product: str = "kettle") -> None:
        """From the storefront to a cart with one product."""
        self.page.goto("/shop/acme/")
        self.page.locator(f'a[href$="/products/{product}"]').first.click()
        self.page.get_by_role("button", name="Add to cart").click()
        expect(self.page.get_by_role("heading", name="Your cart")).to_be_visible()

    def check_out(self, product: str = "kettle") -> None:
        """From the storefront to an empty checkout form."""
        self.fill_cart(product)
        self.page.get_by_role("button", name="Check out").click()
        expect(self.page.get_by_label("Email")).to_be_visible()

    def fill_details(self) -> None:
        """Everything but the card."""
        for label, text in (TYPED | {"Email": self.email}).items():
            self.page.get_by_label(label, exact=True).fill(text)
        self.page.get_by_label("Country").select_option("NO")

    def await_sums(self) -> None:
        """They are looked up again when the country changes."""
        expect(self.page.locator(".htmx-request")).to_have_count(0)

    def fill_card(self, number: str) -> None:
        """The card, a date to come, a code; in the frame or frames of whichever processor it is."""
        place = self.page.locator("#card-field")
        expect(place).not_to_have_attribute("aria-busy", "true")
        self.processor = place.get_attribute("data-processor") or ""
        self.card_number.fill(number)
        if self.processor == "braintree":
            for part, text in (("expirationDate", "12 / 34"), ("cvv", "123")):
                self.page.frame_locator(f'iframe[name$="hosted-field-{part}"]').get_by_role("textbox").fill(text)
            return
        self.card.get_by_label("Expiry").fill("12 / 34")
        self.card.get_by_label("Security code").fill("123")
        if self.processor == "square":
            self.card.get_by_label("Postal code").fill("0150")

    def fill_checkout(self, number: str = APPROVED, product: str = "kettle") -> None:
        """From the storefront to a form that only wants its button pressed."""
        self.check_out(product)
        self.fill_details()
        self.fill_card(number)

    def buy(self, number: str = APPROVED, product: str = "kettle") -> str:
        """The whole way to the receipt; the payment's id."""
        self.fill_checkout(number, product)
        self.pay_button.click()
        self.see_receipt()
        return self.payment_id

    def see_receipt(self) -> None:
        """Paid, and said so."""
        expect(self.page.get_by_role("heading", name="Paid. Thank you.")).to_be_visible()
        expect(self.page).to_have_url(re.compile(r"/receipt$"))

    def see_challenge(self) -> None:
        """The bank asks: on a page of ours that leads there, or in a dialog before anything is sent."""
        if CARDS[self.processor].asks_before:
            expect(self.bank.get_by_role("heading", name="Confirm it is you")).to_be_visible()
        else:
            expect(self.page.get_by_role("heading", name="Confirm with your bank.")).to_be_visible()

    @property
    def bank(self) -> FrameLocator:
        """The bank's question in its dialog."""
        return self.page.frame_locator("dialog iframe")

    def answer_bank(self, decision: str) -> None:
        """Press one of the bank's buttons, wherever it asks."""
        self.see_challenge()
        if CARDS[self.processor].asks_before:
            self.bank.get_by_role("button", name=re.compile(f"^{decision}")).click()
            return
        self.page.get_by_text("Continue to bank").click()
        self.page.get_by_role("button", name=re.compile(f"^{decision}")).click()

    def settle(self) -> None:
        """Have the money of the shopper's latest payment arrive at Braintree now, which tells of it only then."""
        (charge,) = self.stack.charges(self.payment_id)
        address = f"{self.stack.sandbox}/_sandbox/charges/braintree/{charge['id']}/settle"
        assert requests.post(address, json={}, timeout=PATIENCE).ok

    @property
    def payment_id(self) -> str:
        """Of the shopper's latest payment."""
        return self.stack.newest_payment(self.email)


class Merchant:
    """Somebody in front of the dashboard."""

    def __init__(self, page: Page, stack: Stack) -> None:
        self.page = page
        self.stack = stack

    def sign_in(self, role: str) -> None:
        """Through the form."""
        person = self.stack.local[role]
        self.page.goto("/sign-in")
        self.page.get_by_label("Email").fill(person["email"])
        self.page.get_by_label("Password").fill(person["password"])
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Overview")).to_be_visible()

    def open_payment(self, payment_id: str) -> None:
        """Its page."""
        self.page.goto(f"/admin/payments/{payment_id}")

    def open_customer(self, email: str) -> None:
        """Their page, found by their address."""
        self.page.goto(f"/admin/customers?q={email}")
        self.page.get_by_role("link", name=email).click()
        expect(self.page.get_by_role("heading", name="Stored cards")).to_be_visible()

    def charge_stored_card(self, amount: str, button: str) -> None:
        """From a customer's page through the form and the consequence to the payment's page."""
        self.page.get_by_role("link", name="Charge a stored card").click()
        self.page.get_by_label("Amount in USD").fill(amount)
        self.page.get_by_label("What it is for").fill("Beans, December")
        self.page.get_by_role("button", name="Review the charge").click()
        self.page.get_by_role("button", name=button).click()
        expect(self.page).to_have_url(re.compile("/admin/payments/pay_"))

    def refund(self, amount: str) -> None:
        """A part of the payment whose page is open."""
        self.page.get_by_role("link", name="Refund", exact=True).click()
        self.page.get_by_label("Amount in USD").fill(amount)
        self.page.get_by_role("button", name=f"Refund ${amount}").click()

    def section(self, heading: str) -> Locator:
        """A section of a payment's page."""
        return self.page.locator("section").filter(has=self.page.get_by_role("heading", name=heading, exact=True))
