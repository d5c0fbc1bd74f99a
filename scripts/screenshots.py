"""Take pictures of the main screens, in light, in dark and on a phone: `make screenshots`.

Starts the whole product with its state in a temporary folder and a year of history in it, buys things in a real Chromium, and writes
every screen to screenshots/ (not kept in the repository). Six of them, the README's, go to docs/images/ too.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, expect, sync_playwright

from ballast.billing.demo_shop import CODE
from ballast.local.chromium import require_chromium
from tests.browser.people import Buyer, Merchant
from tests.browser.test_portal import Subscriber, made
from tests.stack import ROOT, Stack

PICTURES = ROOT / "screenshots"
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 200_000
# Screen → the name of the README's picture.
IN_README: Final = {
    "storefront": "storefront",
    "checkout": "checkout",
    "overview": "overview",
    "payment": "dashboard",
    "agreement": "plan",
    "subscription": "subscription",
}
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "device_scale_factor": 2},
}
# Screen → its address; {…} is filled in with what was bought.
SHOP: Final = {
    "storefront": "/shop/acme/",
    "product": "/shop/acme/products/espresso-machine",
    "cart": "/shop/acme/cart",
    "checkout": "{checkout}",
    "receipt": "{receipt}",
    "portal": "{portal}",
}
ADMIN: Final = {
    "overview": "/admin/",
    "payments": "/admin/payments",
    "payment": "/admin/payments/{payment}",
    "refund": "/admin/payments/{payment}/refund",
    "customers": "/admin/customers",
    "orders": "/admin/orders",
    "subscription": "/admin/subscriptions/{subscription}",
    "invoices": "/admin/invoices",
    "agreement": "/admin/financing/agreements/{agreement}",
    "portfolio": "/admin/financing/portfolio",
    "agreements": "/admin/financing/agreements",
    "products": "/admin/products",
    "webhooks": "/admin/webhooks",
    "ledger": "/admin/ledger",
    "settings": "/admin/settings",
    "clock": "/admin/clock",
}


@dataclass(frozen=True)
class Shown:
    """What the screens show: ids and addresses by the names in the addresses above."""

    names: dict[str, str]

    def address(self, pattern: str) -> str:
        return pattern.format(**self.names)


def main() -> int:
    """Start, buy, take all pictures; the exit code is 1 when one of the README's is too large for it."""
    place = require_chromium()
    IMAGES.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(PICTURES, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="ballast-screenshots-") as folder:
        stack = Stack(Path(folder))
        try:
            stack.start()
            for what in ("events", "plans"):
                stack.run("flask", "seed", what, BALLAST_STATE_DIR=str(stack.state))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"])
                taken = list(take_all(browser, stack))
                browser.close()
        finally:
            stack.stop()
    kept = [IMAGES / f"{name}.png" for name in IN_README.values()]
    print(f"{len(taken)} pictures in {PICTURES.relative_to(ROOT)}/")
    for picture in kept:
        print(f"{picture.relative_to(ROOT)}  {picture.stat().st_size / 1000:.0f} kB")
    return int(any(picture.stat().st_size > MOST_BYTES for picture in kept))


def take_all(browser: Browser, stack: Stack) -> Iterator[Path]:
    """Every screen in every look."""
    shown = buy(browser, stack)
    for look in LOOKS:
        buyer = Buyer(open_page(browser, stack, look), stack)
        choose(buyer)
        shown.names["checkout"] = buyer.address
        yield from take_each(buyer.page, look, SHOP, shown)
        owner = Merchant(open_page(browser, stack, look), stack)
        owner.sign_in("owner")
        yield from take_each(owner.page, look, ADMIN, shown)


def choose(buyer: Buyer) -> None:
    """A checkout with tax and the demo's code."""
    buyer.check_out("grinder")
    buyer.page.get_by_label("Country").select_option("DE")
    expect(buyer.page.get_by_text("VAT 19%").first).to_be_attached()
    buyer.page.locator("#promotion_code").fill(CODE)
    buyer.page.get_by_role("button", name="Apply").click()
    expect(buyer.page.get_by_text("Discount, Welcome").first).to_be_attached()


def take_each(page: Page, look: str, screens: dict[str, str], shown: Shown) -> Iterator[Path]:
    """These screens, one after the other."""
    for name, pattern in screens.items():
        page.goto(shown.address(pattern), wait_until="networkidle")
        yield take(page, name, look)


def buy(browser: Browser, stack: Stack) -> Shown:
    """A payment that was partly given back, a subscription that runs, a plan that runs."""
    noor = Buyer(open_page(browser, stack), stack, "noor.haddad@example.com")
    noor.fill_checkout(product="espresso-machine")
    noor.page.get_by_label("Full name").fill("Noor Haddad")
    noor.pay_button.click()
    noor.see_receipt()
    names = {"receipt": noor.page.url, "payment": noor.payment_id}
    made(stack, "/refunds", payment=noor.payment_id, amount=16000, reason="requested_by_customer")
    ada = Subscriber(open_page(browser, stack), stack)
    ada.open_page()
    names |= {"portal": ada.page.url, "subscription": ada.subscription}
    return Shown(names | {"agreement": agree(Buyer(open_page(browser, stack), stack, "lena.berg@example.com"))})


def agree(buyer: Buyer) -> str:
    """A plan: the ready-made one, 0 % in four; its id."""
    buyer.fill_checkout(product="espresso-machine")
    page = buyer.page
    page.get_by_role("radio", name=re.compile("Pay in 4")).check()
    expect(page.get_by_role("region", name="Disclosure of the terms of credit")).to_be_visible()
    page.get_by_role("checkbox", name=re.compile("I agree to pay")).check()
    page.get_by_role("button", name=re.compile("start the plan")).click()
    buyer.see_receipt()
    found = buyer.stack.call("GET", "/financing/agreements").json()["data"]
    return str(found[0]["id"])


def open_page(browser: Browser, stack: Stack, look: str = "light") -> Page:
    """A page of a fresh profile, at rest."""
    context = browser.new_context(base_url=stack.web, reduced_motion="reduce", **LOOKS[look])
    return context.new_page()


def take(page: Page, name: str, look: str) -> Path:
    """Write a picture of what is in the window; the README's once more where it looks for them."""
    path = PICTURES / look / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=path, animations="disabled")
    if look == "light" and name in IN_README:
        shutil.copyfile(path, IMAGES / f"{IN_README[name]}.png")
    return path


if __name__ == "__main__":
    sys.exit(main())
