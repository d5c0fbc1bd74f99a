"""The merchant's side: signing in, finding payments, giving money back; with scripts and without."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.people import Merchant
from tests.stack import Stack, await_value

pytestmark = [pytest.mark.browser, pytest.mark.stack]

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
PAGE_SIZE = 25


@pytest.fixture
def paid(stack: Stack) -> str:
    """A payment of $20.00."""
    return str(stack.pay().json()["id"])


def give_back(page: Page, amount: str | None, button: str) -> None:
    """Open the confirmation, type an amount (None: keep what it proposes), press."""
    page.get_by_role("link", name="Refund", exact=True).click()
    if amount:
        page.get_by_label("Amount in USD").fill(amount)
    page.get_by_role("button", name=button).click()


@SCRIPTS
def test_a_refund_in_part_and_then_the_rest(
    merchant: Callable[..., Merchant], stack: Stack, paid: str, scripts: bool
) -> None:
    owner = merchant("owner", java_script_enabled=scripts)
    page = owner.page
    owner.open_payment(paid)
    # Without scripts the button keeps the name it came with.
    give_back(page, "5.00", "Refund $5.00" if scripts else "Refund $20.00")
    expect(page.get_by_text("Refund of $5.00 sent.")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("$5.00 went back, $15.00 stays.")
    expect(page.locator(".page-head")).to_contain_text("Partly refunded")

    give_back(page, None, "Refund $15.00")
    expect(page.get_by_text("Refund of $15.00 sent.")).to_be_visible()
    expect(page.locator(".page-head")).to_contain_text("Refunded")
    expect(page.get_by_role("link", name="Refund", exact=True)).to_have_count(0)
    expect(owner.section("Refunds").get_by_role("row")).to_have_count(3)
    expect(owner.section("Ledger").get_by_role("row").filter(has_text="Refund")).to_have_count(2)
    assert [charge["amount_refunded"] for charge in stack.charges(paid)] == [2000]
    told = await_value(lambda: len(stack.received(paid, "refund.succeeded")) == 2)
    assert told


def test_a_payment_keeps_itself_fresh(merchant: Callable[..., Merchant], stack: Stack) -> None:
    owner = merchant("owner")
    with stack.halted("worker"):
        payment_id = str(stack.pay().json()["id"])
        owner.open_payment(payment_id)
        delivery = owner.section("Webhook deliveries").get_by_role("row").filter(has_text="payment_intent.succeeded")
        expect(delivery).to_contain_text("Pending")
    expect(delivery).to_contain_text("Delivered")


@SCRIPTS
def test_more_than_was_paid_is_refused_and_nothing_moves(
    merchant: Callable[..., Merchant], stack: Stack, paid: str, scripts: bool
) -> None:
    owner = merchant("owner", java_script_enabled=scripts)
    owner.page.goto(f"/admin/payments/{paid}/refund")
    owner.page.get_by_label("Amount in USD").fill("20.01")
    owner.page.get_by_role("button", name=re.compile("^Refund")).click()
    expect(owner.page.get_by_text("At most $20.00 can be refunded.")).to_be_visible()
    expect(owner.page.get_by_label("Amount in USD")).to_have_value("20.01")
    assert stack.payment(paid)["amount_refunded"] == 0


def test_a_double_click_refunds_once(merchant: Callable[..., Merchant], stack: Stack, paid: str) -> None:
    owner = merchant("owner")
    owner.page.goto(f"/admin/payments/{paid}/refund")
    owner.page.get_by_label("Amount in USD").fill("5.00")
    owner.page.get_by_role("button", name="Refund $5.00").dblclick()
    expect(owner.page.get_by_text("Refund of $5.00 sent.")).to_be_visible()
    assert [charge["amount_refunded"] for charge in stack.charges(paid)] == [500]


def test_a_viewer_sees_no_refund_and_may_not_send_one(
    merchant: Callable[..., Merchant], stack: Stack, paid: str
) -> None:
    viewer = merchant("viewer")
    viewer.open_payment(paid)
    expect(viewer.page.get_by_text("Charged once, Visa 4242")).to_be_visible()
    expect(viewer.page.get_by_role("link", name="Refund", exact=True)).to_have_count(0)

    answer = viewer.page.goto(f"/admin/payments/{paid}/refund")
    assert answer
    assert answer.status == 403
    expect(viewer.page.get_by_role("heading", name="No access")).to_be_visible()

    viewer.open_payment(paid)
    token = viewer.page.locator('input[name="csrf_token"]').first.get_attribute("value") or ""
    form: dict[str, str | float | bool] = {"csrf_token": token, "amount": "5.00", "reason": "duplicate"}
    refused = viewer.page.request.post(f"/admin/payments/{paid}/refund", form=form)
    assert refused.status == 403
    assert stack.payment(paid)["amount_refunded"] == 0


@SCRIPTS
def test_the_list_filters_and_pages(merchant: Callable[..., Merchant], stack: Stack, scripts: bool) -> None:
    made = [make_unpaid(stack, number) for number in range(PAGE_SIZE + 2)]
    owner = merchant("owner", java_script_enabled=scripts)
    page = owner.page
    page.goto("/admin/payments")
    with_marker = scripts and page.evaluate("document.body.dataset.marker = 'kept'")
    rows = page.locator("#payments tbody tr")
    chips = page.get_by_role("navigation", name="Filter by status")

    chips.get_by_role("link", name="Succeeded").click()
    expect(page).to_have_url(re.compile("status=succeeded"))
    expect(chips.locator("[aria-current]")).to_have_text("Succeeded")
    expect(rows.first).to_contain_text("Succeeded")
    expect(rows.filter(has_not_text=re.compile("Succeeded|efunded"))).to_have_count(0)

    chips.get_by_role("link", name="All").click()
    expect(rows).to_have_count(PAGE_SIZE)
    expect(rows.first).to_contain_text(f"Unpaid {PAGE_SIZE + 1}")
    page.get_by_role("link", name="Older").click()
    expect(page).to_have_url(re.compile("after=pay_"))
    expect(rows.first).to_contain_text("Unpaid 1")
    page.get_by_role("link", name="Newer").click()
    expect(rows.first).to_contain_text(f"Unpaid {PAGE_SIZE + 1}")
    expect(rows.first.get_by_role("link")).to_have_attribute("href", f"/admin/payments/{made[-1]}")
    if with_marker:
        assert page.evaluate("document.body.dataset.marker") == "kept"
        page.go_back()
        expect(rows.first).to_contain_text("Unpaid 1")


def make_unpaid(stack: Stack, number: int) -> str:
    """A payment nobody tries to collect."""
    body = {"amount": 100 + number, "currency": "USD", "description": f"Unpaid {number}"}
    return str(stack.call("POST", "/payments", json=body).json()["id"])


def test_a_row_opens_its_payment_and_the_id_is_copied(merchant: Callable[..., Merchant], paid: str) -> None:
    owner = merchant("owner", permissions=["clipboard-read", "clipboard-write"])
    page = owner.page
    page.goto("/admin/payments")
    page.locator(f'tr[data-href$="{paid}"] td').nth(2).click()
    expect(page).to_have_url(re.compile(f"{paid}$"))
    page.get_by_label("Details").get_by_role("button", name=f"Copy {paid}").click()
    expect(page.locator(".id.is-copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == paid


def test_signing_in_and_out(page: Page, stack: Stack) -> None:
    page.goto("/admin/payments")
    expect(page).to_have_url(re.compile("/sign-in"))
    person: dict[str, Any] = stack.local["admin"]
    page.get_by_label("Email").fill(person["email"])
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Email")).to_have_value(person["email"])

    page.get_by_label("Password").fill(person["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/admin/payments$"))

    page.locator(".sidebar .menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    page.goto("/admin/payments")
    expect(page).to_have_url(re.compile("/sign-in"))


FOCUS_SHOWN = """() => {
  const one = document.activeElement, look = getComputedStyle(one);
  if (one === document.body) return true;
  const isRinged = parseFloat(look.outlineWidth) > 0 && look.outlineStyle !== "none";
  return one.matches(":focus-visible") && (isRinged || look.boxShadow !== "none");
}"""


def tab_to(page: Page, target: Locator, most: int = 60) -> None:
    """Press Tab until it has the focus; wherever the focus is on the way, one sees it."""
    expect(target).to_be_visible()
    for _ in range(most):
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUS_SHOWN), page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if target.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"{most} times Tab do not lead there")


def find_with_keys(page: Page, words: str, name: str) -> None:
    """Open what the palette finds under these words."""
    page.keyboard.press("Control+k")
    expect(page.locator("#palette").get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(words)
    expect(page.locator("#palette-found").get_by_role("link", name=name).first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def test_the_dashboard_is_walked_by_keyboard_alone(merchant: Callable[..., Merchant], stack: Stack, paid: str) -> None:
    stack.pay()  # a list to walk has two rows
    owner = merchant("owner")
    page = owner.page
    page.goto("/admin/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    tab_to(page, page.get_by_role("main").get_by_role("link").first)
    find_with_keys(page, paid, "$20.00")
    page.wait_for_url(f"**/admin/payments/{paid}")
    give_back_with_keys(page)
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/admin/payments")
    walk_a_list(page)
    find_with_keys(page, "settings", "Settings")
    page.wait_for_url("**/admin/settings")
    change_a_setting_with_keys(page)


def give_back_with_keys(page: Page) -> None:
    """A part of a payment, from its page: the form, the amount, the button, and what it came to."""
    tab_to(page, page.get_by_role("link", name="Refund", exact=True))
    page.keyboard.press("Enter")
    amount = page.get_by_label("Amount in USD")
    tab_to(page, amount)
    page.keyboard.press("Control+a")
    page.keyboard.type("5.00")
    tab_to(page, page.get_by_role("button", name="Refund $5.00"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Refund of $5.00 sent.")).to_be_visible()


def walk_a_list(page: Page) -> None:
    """Row by row; a dialog that is closed gives the focus back to the row it was opened from."""
    expect(page.get_by_role("heading", name="Payments", level=1)).to_be_visible()
    first, second = (page.locator("tr[data-href] a").nth(row) for row in (0, 1))
    page.keyboard.press("j")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(second).to_be_focused()
    page.keyboard.press("k")
    expect(first).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    expect(first).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Search")).to_be_visible()
    page.keyboard.press("Escape")
    expect(first).to_be_focused()


def change_a_setting_with_keys(page: Page) -> None:
    """Typed, sent with Enter, and said to be saved."""
    name = page.get_by_label("Name", exact=True)
    tab_to(page, name, most=90)
    page.keyboard.press("End")
    page.keyboard.type(" ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
