"""A shopper buys; the merchant, the mailbox and the merchant's server see it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import Buyer, Merchant
from tests.stack import APPROVED, CHALLENGED, DECLINED, Stack, await_value, inside

pytestmark = [pytest.mark.browser, pytest.mark.stack]

NOT_APPROVED = "Your bank didn't approve this payment. Nothing was charged. Try another card, or try again later."
NOT_CONFIRMED = "Your bank couldn't confirm it was you. Nothing was charged. Try again, or use another card."


def test_a_card_that_works_is_charged_once_and_everybody_hears_of_it(
    buyer: Buyer, stack: Stack, merchant: Callable[..., Merchant]
) -> None:
    payment_id = buyer.buy(APPROVED)
    expect(buyer.page.get_by_role("main")).to_contain_text("Visa 4242")
    assert [charge["amount"] for charge in stack.charges(payment_id)] == [9000]

    owner = merchant("owner")
    owner.page.goto("/admin/")
    owner.page.get_by_role("link", name="Payments", exact=True).click()
    row = owner.page.get_by_role("row").filter(has_text=buyer.email)
    expect(row).to_contain_text("$90.00")
    expect(row).to_contain_text("Succeeded")
    row.get_by_role("link").click()
    expect_everything_of(owner, buyer)
    expect_mail(buyer, stack, merchant)
    expect_webhook(stack, payment_id)


def expect_everything_of(owner: Merchant, buyer: Buyer) -> None:
    """The payment's page: what happened, the money, the webhook that arrived and the mail that went; it keeps itself fresh."""
    page = owner.page
    expect(page.get_by_text("Charged once, Visa 4242")).to_be_visible()
    expect(owner.section("Activity")).to_contain_text("Approved")
    ledger = owner.section("Ledger").get_by_role("row").filter(has_text="Capture")
    expect(ledger).to_contain_text("Processor receivable")
    expect(ledger).to_contain_text("$90.00")
    delivery = owner.section("Webhook deliveries").get_by_role("row").filter(has_text="payment_intent.succeeded")
    expect(delivery).to_contain_text("Delivered")
    expect(delivery).to_contain_text("204")
    mail = owner.section("Mails").get_by_role("row").filter(has_text=buyer.email)
    expect(mail).to_contain_text("Sent")
    expect(owner.section("From the processor")).to_contain_text("payment_intent.succeeded")


def expect_mail(buyer: Buyer, stack: Stack, merchant: Callable[..., Merchant]) -> None:
    """One receipt, in the mailbox a person can open."""
    mails = await_value(lambda: stack.mails(buyer.email))
    assert len(mails) == 1
    page = buyer.page
    page.goto(f"{stack.sandbox}/_sandbox/mailbox/{mails[0]['id']}")
    expect(page.get_by_role("heading", name="Your receipt from Acme Coffee: $90.00")).to_be_visible()
    letter = page.frame_locator("iframe.letter")
    expect(letter.get_by_role("heading", name="Paid. Thank you.")).to_be_visible()
    expect(letter.get_by_text("We charged $90.00 to Visa 4242").last).to_be_visible()


def expect_webhook(stack: Stack, payment_id: str) -> None:
    """The merchant's server got the event once, with signatures that hold."""
    events = await_value(lambda: stack.received(payment_id, "payment_intent.succeeded"))
    assert [event["valid"] for event in events] == [True]
    assert "X-Ballast-Signature".lower() in events[0]["headers"]


def test_a_declined_card_says_why_keeps_everything_and_another_card_pays(buyer: Buyer, stack: Stack) -> None:
    buyer.fill_checkout(DECLINED)
    buyer.await_sums()
    with buyer.page.expect_response(
        lambda answer: answer.request.method == "POST" and "/checkout/" in answer.url
    ) as posted:
        buyer.pay_button.click()
    assert posted.value.status == 422
    expect(buyer.alert).to_have_text(NOT_APPROVED)
    expect(buyer.alert).to_be_focused()
    for label, text in (("Email", buyer.email), ("Full name", "Ada Okafor"), ("City", "Oslo"), ("Country", "NO")):
        expect(buyer.page.get_by_label(label)).to_have_value(text)
    expect(buyer.page.get_by_label("Your order")).to_contain_text("Kettle")
    assert stack.charges(buyer.payment_id) == []
    assert cart_count(buyer.page.context.new_page()) == "Cart, 1 item"

    buyer.fill_card(APPROVED)
    buyer.pay_button.click()
    buyer.see_receipt()
    assert len(stack.charges(buyer.payment_id)) == 1
    assert cart_count(buyer.page) == "Cart, 0 items"


def cart_count(page: Page) -> str | None:
    """What the shop's bag says."""
    page.goto("/shop/acme/")
    return page.get_by_role("link", name=re.compile("^Cart")).get_attribute("aria-label")


def test_the_merchant_sees_the_decline_and_what_the_bank_said(
    buyer: Buyer, stack: Stack, merchant: Callable[..., Merchant]
) -> None:
    buyer.fill_checkout(DECLINED)
    buyer.pay_button.click()
    expect(buyer.alert).to_be_visible()
    owner = merchant("owner")
    owner.page.goto("/admin/payments?status=requires_payment_method")
    owner.page.get_by_role("row").filter(has_text=buyer.email).get_by_role("link").click()
    expect(owner.page.get_by_text("Declined once. Nothing was charged")).to_be_visible()
    expect(owner.section("Activity")).to_contain_text("generic_decline")
    expect(owner.section("Ledger")).to_contain_text("None has yet.")
    failed = owner.section("Webhook deliveries").get_by_role("row").filter(has_text="payment_intent.attempt_failed")
    expect(failed).to_contain_text("Delivered")
    assert stack.mails(buyer.email) == []


def test_a_challenge_that_is_approved_ends_at_the_receipt(
    buyer: Buyer, stack: Stack, merchant: Callable[..., Merchant]
) -> None:
    start_challenge(buyer)
    assert stack.charges(buyer.payment_id) == []
    buyer.answer_bank("Approve")
    buyer.see_receipt()
    payment_id = buyer.payment_id
    assert len(stack.charges(payment_id)) == 1
    owner = merchant("owner")
    owner.open_payment(payment_id)
    expect(owner.section("Activity")).to_contain_text("Approved")
    expect(owner.section("Activity")).to_contain_text("payment_intent.requires_action")
    assert len(await_value(lambda: stack.mails(buyer.email))) == 1
    assert [
        event["valid"] for event in await_value(lambda: stack.received(payment_id, "payment_intent.succeeded"))
    ] == [True]


@pytest.mark.parametrize("decision", ["Fail", "Cancel"])
def test_a_challenge_that_is_not_approved_goes_back_to_the_form_and_another_card_pays(
    buyer: Buyer, stack: Stack, decision: str
) -> None:
    start_challenge(buyer)
    buyer.answer_bank(decision)
    expect(buyer.alert).to_have_text(NOT_CONFIRMED)
    expect(buyer.page.get_by_label("Email")).to_have_value(buyer.email)
    assert stack.charges(buyer.payment_id) == []
    buyer.fill_card(APPROVED)
    buyer.pay_button.click()
    buyer.see_receipt()
    assert len(stack.charges(buyer.payment_id)) == 1


def start_challenge(buyer: Buyer) -> None:
    """Pay with the card whose bank asks back."""
    buyer.fill_checkout(CHALLENGED)
    buyer.pay_button.click()
    expect(buyer.page.get_by_role("heading", name="Confirm with your bank.")).to_be_visible()


def test_two_pages_pay_the_same_mixed_cart_once_and_both_end_on_its_receipt(buyer: Buyer, stack: Stack) -> None:
    page = buyer.page
    buyer.fill_cart()
    page.goto("/shop/acme/products/beans")
    page.get_by_role("button", name="Add subscription to cart").first.click()
    page.get_by_role("button", name="Check out").click()
    other = Buyer(page.context.new_page(), stack, buyer.email)
    other.page.goto(buyer.address)
    for one in (buyer, other):
        one.fill_details()
        one.fill_card(APPROVED)
    stack.fault(kind="slow", operation="payment_intents.confirm", seconds=2, count=1)
    for one in (buyer, other):
        one.pay_button.click(no_wait_after=True)
    for one in (buyer, other):
        one.see_receipt()
    assert other.page.url == page.url
    (charge,) = stack.charges(buyer.payment_id)
    assert charge["amount_captured"] == stack.payment(buyer.payment_id)["amount"]
    mine = "select count(*) from payments where customer_id = (select customer_id from payments where id = %s)"
    assert stack.query(mine, inside(buyer.payment_id)) == [(1,)]
