"""Processors' accounts and events in a real browser: with the keyboard, without scripts, readable in light and dark."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from ballast.ids import to_uuid
from tests.browser.people import Merchant
from tests.browser.test_pages import check
from tests.stack import Stack, await_value

pytestmark = [pytest.mark.browser, pytest.mark.stack]

LIST = "/admin/settings/processors"
STRIPE = "Ballast demo (sandbox)"
# The event that says a payment succeeded; the page shows what is there when it is opened.
APPLIED = """
select 1 from inbox_events as e join attempts as a on a.external_id = e.subject_id
where a.payment_id = '{}' and e.type = 'payment_intent.succeeded' and e.status = 'applied'"""


def open_account(page: Page, name: str = STRIPE) -> str:
    """From the list to an account, by keyboard; its address."""
    page.goto(LIST)
    page.get_by_role("link", name=name, exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    return page.url


def test_the_pages_of_an_account_are_readable(merchant: Callable[..., Merchant]) -> None:
    page = merchant("owner").page
    address = open_account(page)
    for path in ("", "/keys", "/routing", "/archive"):
        page.goto(address + path)
        expect(page.get_by_role("main")).to_be_visible()
        check(page)
        page.set_viewport_size({"width": 1280, "height": 800})


def test_the_connection_is_tested_in_place_and_the_focus_stays(merchant: Callable[..., Merchant], stack: Stack) -> None:
    page = merchant("owner").page
    open_account(page)
    button = page.get_by_role("button", name="Test connection")
    stack.fault(kind="error_before", operation="accounts.retrieve_current")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#connection")).to_contain_text("Stripe did not answer (http_500).")
    expect(button).to_be_focused()
    stack.forget_faults()
    page.keyboard.press("Enter")
    expect(page.locator("#connection")).to_contain_text("The keys work")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_account_is_connected_shared_and_put_away(merchant: Callable[..., Merchant], scripts: bool) -> None:
    page = merchant("owner", java_script_enabled=scripts).page
    name = f"Second {'with' if scripts else 'without'}"
    page.goto(LIST)
    page.get_by_role("link", name="Add account").click()
    page.get_by_role("link", name="Square").click()
    page.get_by_label("Application ID").fill("sq0idp-live")
    page.get_by_label("Access token").fill(f"EAAAEsecond_{scripts}-EUR")
    page.get_by_label("Location ID").fill(f"Lsecond_{scripts}-EUR")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Test and add").click()
    expect(page.get_by_role("main")).to_contain_text("This is a live application ID.")
    page.get_by_label("Application ID").fill(f"sandbox-sq0idb-second_{scripts}-EUR")
    page.get_by_label("Access token").fill(f"EAAAEsecond_{scripts}-EUR")
    page.get_by_role("button", name="Test and add").click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    page.get_by_role("link", name="Change where new cards go").click()
    page.get_by_label("Currencies").fill("EUR")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("main")).to_contain_text("EUR, all amounts")
    page.get_by_role("link", name="Archive this account").click()
    page.get_by_role("button", name="Archive this account").click()
    expect(page.get_by_role("button", name="Bring it back")).to_be_visible()


def test_an_event_is_found_read_and_replayed(merchant: Callable[..., Merchant], stack: Stack) -> None:
    payment_id = stack.pay().json()["id"]
    await_value(lambda: stack.query(APPLIED.format(to_uuid(payment_id, "pay"))))
    page = merchant("admin").page
    page.goto("/admin/processor-events?type=payment_intent.succeeded")
    row = page.get_by_role("row").filter(has_text=payment_id[-4:])
    row.get_by_role("link", name="payment_intent.succeeded").click()
    expect(page.locator("#event")).to_contain_text("Applied")
    expect(page.get_by_role("link", name=re.compile(f"^Payment .*{payment_id[-4:]}$"))).to_be_visible()
    check(page)
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("status")).to_contain_text("What is true already stays as it is.")
    expect(page.locator("#event")).to_contain_text("what is true is recorded")
    assert len(stack.charges(payment_id)) == 1
