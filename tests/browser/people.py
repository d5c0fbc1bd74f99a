"""Who uses the pages: a shopper and a merchant, each with what they do there."""

from __future__ import annotations

import re
from uuid import uuid4

from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.stack import APPROVED, Stack

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

    @property
    def processor(self) -> str:
        """Whose card field the page shows."""
        return self.page.locator("#card-field").get_attribute("data-processor") or ""

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

    def fill_card(self, number: str) -> None:
        """The card, a date to come, a code; in the frame or frames of whichever processor it is."""
        expect(self.page.locator("#card-field")).not_to_have_attribute("aria-busy", "true")
        self.card_number.fill(number)
        if self.processor == "braintree":
            self.page.frame_locator('iframe[name$="hosted-field-expirationDate"]').get_by_role("textbox").fill(
                "12 / 34"
            )
            self.page.frame_locator('iframe[name$="hosted-field-cvv"]').get_by_role("textbox").fill("123")
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

    def answer_bank(self, decision: str) -> None:
        """Go to the bank and press one of its buttons."""
        self.page.get_by_text("Continue to bank").click()
        self.page.get_by_role("button", name=re.compile(f"^{decision}")).click()

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

    def section(self, heading: str) -> Locator:
        """A section of a payment's page."""
        return self.page.locator("section").filter(has=self.page.get_by_role("heading", name=heading, exact=True))
