"""Take the README's two pictures from a stack of their own: `.venv/bin/python -m scripts.screenshots`.

Run by hand when a page has changed its looks. Starts the whole product with its state in a temporary folder, buys something in a
real Chromium, refunds a part of it, and writes docs/images/storefront.png and docs/images/dashboard.png (1280 × 860).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from ballast.local.chromium import require_chromium
from tests.browser.people import Buyer, Merchant
from tests.stack import ROOT, Stack

IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 200_000


def main() -> int:
    """Start, buy, refund, take both pictures; the exit code is 1 when one is too large for a README."""
    place = require_chromium()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ballast-screenshots-") as folder:
        stack = Stack(Path(folder))
        try:
            stack.start()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"])
                taken = [take_storefront(browser, stack), take_dashboard(browser, stack)]
                browser.close()
        finally:
            stack.stop()
    for picture in taken:
        print(f"{picture.relative_to(ROOT)}  {picture.stat().st_size / 1000:.0f} kB")
    return int(any(picture.stat().st_size > MOST_BYTES for picture in taken))


def take_storefront(browser: Browser, stack: Stack) -> Path:
    """The shop as it greets a shopper."""
    page = open_page(browser, stack)
    page.goto("/shop/acme/", wait_until="networkidle")
    return take(page, "storefront")


def take_dashboard(browser: Browser, stack: Stack) -> Path:
    """A payment that was bought and partly given back, when everything about it has gone out."""
    buyer = Buyer(open_page(browser, stack), stack, "noor.haddad@example.com")
    buyer.fill_checkout(product="espresso-machine")
    buyer.page.get_by_label("Full name").fill("Noor Haddad")
    buyer.pay_button.click()
    buyer.see_receipt()
    payment_id = buyer.payment_id

    owner = Merchant(open_page(browser, stack), stack)
    owner.sign_in("owner")
    owner.open_payment(payment_id)
    owner.page.get_by_role("link", name="Refund", exact=True).click()
    owner.page.get_by_label("Amount in USD").fill("160.00")
    owner.page.get_by_role("button", name="Refund $160.00").click()
    expect(owner.section("Mails").get_by_text("Sent")).to_have_count(2, timeout=30_000)
    expect(owner.page.locator("#payment[hx-get]")).to_have_count(0, timeout=30_000)
    owner.page.reload(wait_until="networkidle")
    return take(owner.page, "dashboard")


def open_page(browser: Browser, stack: Stack) -> Page:
    """A page of a fresh profile, in light colors and at rest."""
    context = browser.new_context(
        base_url=stack.web,
        viewport={"width": 1280, "height": 860},
        device_scale_factor=1,
        color_scheme="light",
        reduced_motion="reduce",
    )
    return context.new_page()


def take(page: Page, name: str) -> Path:
    """Write a picture of what is in the window."""
    path = IMAGES / f"{name}.png"
    page.evaluate("document.fonts.ready")
    page.screenshot(path=path, animations="disabled")
    return path


if __name__ == "__main__":
    sys.exit(main())
