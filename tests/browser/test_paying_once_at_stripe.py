"""Paying once where the charge is made known before the bank is asked, and the bank asks after it: Stripe's way."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.people import Buyer
from tests.browser.test_paying_once import expect_one_charge
from tests.stack import APPROVED, CHALLENGED, Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def test_a_processor_that_cannot_be_reached_charges_nothing_and_says_so(buyer: Buyer, stack: Stack) -> None:
    # Making the charge known is tried three times, as nothing has been asked of the bank yet.
    stack.fault(kind="reset_before", operation="payment_intents.create", count=3)
    buyer.fill_checkout()
    buyer.pay_button.click()
    expect(buyer.alert).to_contain_text("Nothing was charged. Please try again.")
    assert stack.charges(buyer.payment_id) == []
    buyer.fill_card(APPROVED)
    buyer.pay_button.click()
    buyer.see_receipt()
    expect_one_charge(buyer, attempts=2)


def test_a_challenge_left_open_is_found_again_from_the_cart(buyer: Buyer) -> None:
    buyer.fill_checkout(CHALLENGED)
    buyer.pay_button.click()
    expect(buyer.page.get_by_role("heading", name="Confirm with your bank.")).to_be_visible()
    buyer.page.goto("/shop/acme/cart")
    buyer.page.get_by_role("button", name="Check out").click()
    expect(buyer.page.get_by_role("heading", name="Confirm with your bank.")).to_be_visible()
    buyer.answer_bank("Approve")
    buyer.see_receipt()
    expect_one_charge(buyer)
