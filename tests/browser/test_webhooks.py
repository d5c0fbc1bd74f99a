"""The webhooks pages in a real browser: an endpoint's life without scripts, and every page readable in light, dark and on a phone."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looks import SETTLE, check
from tests.browser.people import Merchant
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def look(page: Page, name: str) -> None:
    """Check the page; with BALLAST_SCREENSHOTS set to a folder, keep pictures of it too."""
    expect(page.get_by_role("main")).to_be_visible()
    size = page.viewport_size
    folder = os.environ.get("BALLAST_SCREENSHOTS")
    if folder and size:
        for scheme, width in (("light", size["width"]), ("dark", size["width"]), ("light", 390)):
            page.set_viewport_size({"width": width, "height": 844})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.evaluate(SETTLE)
            page.screenshot(path=Path(folder) / f"{name}-{scheme}-{width}.png", full_page=True)
    if size:
        page.set_viewport_size(size)
    check(page)
    if size:
        page.set_viewport_size(size)


def test_an_endpoints_life_without_scripts(merchant: Callable[..., Merchant], stack: Stack) -> None:
    page = merchant("admin", java_script_enabled=False).page
    page.goto("/admin/webhooks")
    page.get_by_role("link", name="Add endpoint").first.click()
    page.get_by_label("Address").fill(f"{stack.sandbox}/_sandbox/receiver?mine")
    page.get_by_role("button", name="Add endpoint").click()
    expect(page.get_by_text(re.compile(r"^whsec_"))).to_be_visible()
    page.get_by_role("link", name="I have stored it").click()
    page.get_by_role("button", name="Send test event").click()
    expect(page.get_by_role("heading", name="webhook_endpoint.test")).to_be_visible()
    page.get_by_role("link", name="receiver?mine").click()
    page.get_by_role("link", name="Rotate secret").click()
    page.get_by_role("button", name="Make a new secret").click()
    page.get_by_role("link", name="I have stored it").click()
    expect(page.get_by_text("Two secrets sign")).to_be_visible()
    page.get_by_role("link", name="Disable").click()
    page.get_by_role("button", name="Disable").click()
    page.get_by_role("button", name="Enable").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete this endpoint").click()
    expect(page.get_by_role("cell", name="?mine")).to_have_count(0)


def test_every_page_is_readable_in_light_dark_and_on_a_phone(merchant: Callable[..., Merchant], stack: Stack) -> None:
    page = merchant("owner").page
    stack.pay()
    page.goto("/admin/webhooks")
    look(page, "endpoints")
    page.goto("/admin/webhooks/new")
    look(page, "new")
    page.get_by_label("Address").fill("ftp://nowhere.test/")
    page.get_by_role("button", name="Add endpoint").click()
    look(page, "new-wrong")
    page.get_by_label("Address").fill(f"{stack.sandbox}/_sandbox/receiver?look")
    page.get_by_role("button", name="Add endpoint").click()
    look(page, "secret")
    page.get_by_role("link", name="I have stored it").click()
    home = page.url
    page.get_by_role("button", name="Send test event").click()
    expect(page.get_by_text("Attempt 1")).to_be_visible()
    look(page, "delivery")
    page.goto(home)
    look(page, "endpoint")
    for name in ("edit", "rotate", "disable", "delete", "replay", "lab"):
        page.goto(f"{home}/{name}")
        look(page, name)
    page.get_by_role("button", name="Send all seven").click()
    expect(page.get_by_text("of 5 passed")).to_be_visible()
    look(page, "lab-after")
    page.goto("/admin/webhooks/deliveries")
    look(page, "deliveries")
    page.goto("/admin/webhooks/deliveries?type=nothing")
    look(page, "deliveries-none")
    page.goto(f"{home}/delete")
    page.get_by_role("button", name="Delete this endpoint").click()
