"""Whatever a shopper does to the checkout, and whatever the network does: one charge, and the truth on the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.cards import Cards
from tests.browser.people import Buyer
from tests.stack import Stack, await_value, inside

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def expect_one_charge(buyer: Buyer, attempts: int = 1) -> None:
    """The processor charged once, in so many attempts."""
    payment_id = buyer.payment_id
    stack = buyer.stack
    assert [charge["amount_captured"] for charge in stack.charges(payment_id)] == [9000]
    assert stack.payment(payment_id)["status"] == "succeeded"
    assert stack.query("select count(*) from attempts where payment_id = %s", inside(payment_id)) == [(attempts,)]


def expect_checking(buyer: Buyer) -> None:
    """The page that says we do not know yet; nothing on it can pay again."""
    expect(buyer.page.get_by_role("heading", name="We're checking with your bank.")).to_be_visible()
    expect(buyer.pay_button).to_have_count(0)


def test_a_double_click_on_pay_charges_once(buyer: Buyer, cards: Cards) -> None:
    buyer.fill_checkout(cards.approved)
    buyer.pay_button.dblclick()
    buyer.see_receipt()
    expect_one_charge(buyer)


def test_back_after_paying_says_already_paid(buyer: Buyer, cards: Cards) -> None:
    buyer.buy(cards.approved)
    buyer.page.go_back()
    expect(buyer.page.get_by_role("heading", name="Already paid.")).to_be_visible()
    expect(buyer.pay_button).to_have_count(0)
    buyer.page.get_by_role("link", name="View receipt").click()
    buyer.see_receipt()
    expect_one_charge(buyer)


def test_back_after_a_decline_pays_with_another_card(buyer: Buyer, cards: Cards) -> None:
    buyer.fill_checkout(cards.declined)
    buyer.pay_button.click()
    expect(buyer.alert).to_be_visible()
    buyer.page.go_back()
    buyer.page.goto(buyer.address)
    expect(buyer.page.get_by_label("Email")).to_have_value(buyer.email)
    buyer.fill_card(cards.approved)
    buyer.pay_button.click()
    buyer.see_receipt()
    expect_one_charge(buyer, attempts=2)


def test_two_tabs_pay_one_checkout_once(buyer: Buyer, stack: Stack, processor: str, cards: Cards) -> None:
    buyer.fill_checkout(cards.approved)
    other = Buyer(buyer.page.context.new_page(), stack, buyer.email)
    other.page.goto(buyer.address)
    other.fill_details()
    other.fill_card(cards.approved)
    stack.fault(processor=processor, kind="slow", operation=cards.charges, seconds=4, count=1)
    buyer.pay_button.click(no_wait_after=True)
    # The bank has charged the first tab's card and its answer is still on the way when the second tab pays.
    await_value(lambda: stack.charges(buyer.payment_id))
    other.pay_button.click(no_wait_after=True)
    expect_checking(other)
    buyer.see_receipt()
    other.see_receipt()
    expect_one_charge(buyer)


def test_an_answer_that_is_lost_is_looked_up_and_ends_at_the_receipt(
    buyer: Buyer, stack: Stack, processor: str, cards: Cards
) -> None:
    stack.fault(processor=processor, kind="reset_after", operation=cards.charges, count=1)
    stack.fault(processor=processor, kind="webhook_late", seconds=3)
    buyer.fill_checkout(cards.approved)
    buyer.pay_button.click()
    expect_checking(buyer)
    assert stack.payment(buyer.payment_id)["status"] == "processing"
    buyer.page.reload()
    expect_checking(buyer)
    if processor == "braintree":
        buyer.settle()
    buyer.see_receipt()
    expect_one_charge(buyer)
