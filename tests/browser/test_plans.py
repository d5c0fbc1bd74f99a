"""Buying on a plan in a real browser: the choice, the disclosure, the consent, the bank's question, the receipt."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.looks import check
from tests.browser.people import Buyer
from tests.browser.test_portal import made
from tests.stack import CHALLENGED, Stack, await_value

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def publish(stack: Stack, name: str) -> None:
    """A quarter today, the rest in three months, at 0 %."""
    terms = {"currency": "USD", "installments": 3, "down_payment_bps": 2500}
    offer = made(stack, "/financing/offers", name=name, minimum_amount=5000, maximum_amount=1_000_000, **terms)
    made(stack, f"/financing/offers/{offer['id']}/publish")


def test_a_shopper_chooses_a_plan_reads_it_agrees_and_confirms_with_the_bank(buyer: Buyer, stack: Stack) -> None:
    page, name = buyer.page, "A quarter today"
    publish(stack, name)
    buyer.fill_checkout(CHALLENGED, "espresso-machine")
    page.get_by_role("radio", name=re.compile(name)).check()
    box = page.get_by_role("region", name="Disclosure of the terms of credit")
    expect(box).to_contain_text("Annual percentage rate")
    expect(box).to_contain_text("$480.00")
    expect(page.get_by_role("radio", name=re.compile(name))).to_be_focused()
    expect(page.get_by_label("Email")).to_have_value(buyer.email)
    expect(buyer.card_number).not_to_have_value("")
    check(page)
    pay = page.get_by_role("button", name="Pay $160.00 and start the plan")
    pay.click()
    assert page.get_by_role("checkbox", name=re.compile("I agree to pay")).evaluate("box => !box.validity.valid")
    page.get_by_role("checkbox", name=re.compile("I agree to pay")).check()
    pay.click()
    buyer.see_challenge()
    expect(page.get_by_text("You'll pay $160.00 only after you approve.")).to_be_visible()
    buyer.answer_bank("Approve")
    buyer.see_receipt()
    receipt = page.get_by_role("region", name="Receipt")
    expect(receipt).to_contain_text("Paid today")
    expect(receipt.get_by_role("row").filter(has_text="$160.00")).to_have_count(3)
    check(page)
    page.get_by_role("link", name="See your plan").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("$480.00 left of $640.00")
    check(page)
    agreement = await_value(lambda: [mail for mail in stack.mails(buyer.email) if "/plans/" in mail["text"]])[0]
    assert agreement["text"].count("$160.00") == 4, "today, and three times"
    look_at_the_portal(page, agreement["text"])


def look_at_the_portal(page: Page, mail: str) -> None:
    """The plan's page in the portal, where the mail leads, and what each of its acts begins with."""
    found = re.search(r"\S+/portal/\S+", mail)
    assert found, mail
    for act in ("", "/pay", "/amount", "/date", "/pause", "/card"):
        page.goto(found[0] + act)
        expect(page.get_by_role("main")).to_be_visible()
        check(page)


def test_without_scripts_the_choice_is_a_button_and_the_plan_can_be_read(
    profile: Callable[..., BrowserContext], stack: Stack
) -> None:
    name = "A quarter today, quietly"
    publish(stack, name)
    still = profile(java_script_enabled=False).new_page()
    Buyer(still, stack).check_out("espresso-machine")
    still.get_by_role("radio", name=re.compile(name)).check()
    still.get_by_role("group", name="How to pay").get_by_role("button", name="Update").click()
    expect(still.get_by_role("region", name="Disclosure of the terms of credit")).to_be_visible()
    expect(still.get_by_role("button", name=re.compile("^Pay"))).to_be_hidden()
