"""A shopper pays a checkout that a program opened, and ends on the merchant's own site."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.people import Buyer
from tests.stack import APPROVED, DECLINED, Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def test_a_shopper_pays_a_session_and_is_sent_to_another_origin(buyer: Buyer, stack: Stack) -> None:
    """The page's policy names where its form may lead in the end: a browser asks of redirects too."""
    body = {
        "lines": [{"name": "Consultation", "amount": 12_000}],
        "customer_email": buyer.email,
        "success_url": f"{stack.sandbox}/_sandbox/health?paid={{CHECKOUT_SESSION_ID}}",
    }
    session = stack.call("POST", "/checkout_sessions", json=body).json()
    page = buyer.page
    page.goto(session["url"])
    expect(page.get_by_label("Email")).to_have_value(buyer.email)
    expect(page.get_by_label("Email")).not_to_be_editable()
    for label, text in (("Full name", "Nora Vik"), ("Address", "Kaia 1"), ("City", "Oslo"), ("Postal code", "0150")):
        page.get_by_label(label, exact=True).fill(text)
    buyer.fill_card(DECLINED)
    buyer.pay_button.click()
    expect(buyer.alert).to_be_visible()
    buyer.fill_card(APPROVED)
    buyer.pay_button.click()
    expect(page).to_have_url(re.compile(rf"{re.escape(stack.sandbox)}/_sandbox/health\?paid={session['id']}$"))
    assert [charge["amount"] for charge in stack.charges(buyer.payment_id)] == [12_000]
