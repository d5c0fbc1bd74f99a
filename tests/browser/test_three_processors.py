"""The same journeys at all three processors, followed in the dashboard, the mailbox and at the merchant's server."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.cards import Cards
from tests.browser.looks import check
from tests.browser.people import Buyer, Merchant
from tests.stack import Stack, await_value, inside

pytestmark = [pytest.mark.browser, pytest.mark.stack]

NOT_APPROVED = "Your bank didn't approve this payment. Nothing was charged. Try another card, or try again later."
NOT_CONFIRMED = "Your bank couldn't confirm it was you. Nothing was charged. Try again, or use another card."
NOT_STORED = "Nothing is stored for later charges."
UNAVAILABLE = "The card field did not load. Nothing was charged."


def amounts(stack: Stack, payment_id: str) -> list[int]:
    """What the processor took for a payment."""
    return [charge["amount_captured"] for charge in stack.charges(payment_id)]


def see_in_mailbox(buyer: Buyer, stack: Stack, subject: str, count: int = 1) -> None:
    """The mail arrived, as often as it should, and a person can open it."""
    found = await_value(lambda: [mail for mail in stack.mails(buyer.email) if mail["subject"].startswith(subject)])
    assert len(found) == count
    page = buyer.page.context.new_page()
    page.goto(f"{stack.sandbox}/_sandbox/mailbox/{found[0]['id']}")
    expect(page.get_by_role("heading", name=subject)).to_be_visible()
    page.close()


def test_a_card_is_charged_once_and_everybody_hears_of_it(
    buyer: Buyer, stack: Stack, merchant: Callable[..., Merchant], processor: str, cards: Cards
) -> None:
    buyer.check_out()
    expect(buyer.card_number).to_be_visible()
    check(buyer.page)
    buyer.fill_details()
    buyer.fill_card(cards.approved)
    assert buyer.processor == processor
    buyer.pay_button.click()
    buyer.see_receipt()
    expect(buyer.page.get_by_role("main")).to_contain_text(f"Visa {cards.last4}, charged once")
    check(buyer.page)
    payment_id = buyer.payment_id
    assert amounts(stack, payment_id) == [9000]

    owner = merchant("owner")
    owner.open_payment(payment_id)
    expect(owner.page.get_by_text(f"Charged once, Visa {cards.last4}")).to_be_visible()
    expect(owner.page.get_by_label("Details")).to_contain_text(
        f"Not stored. Its number went to {processor.capitalize()} alone."
    )
    expect(owner.section("Activity")).to_contain_text(f"Attempt 1 at {processor.capitalize()}")
    expect(owner.section("Ledger").get_by_role("row").filter(has_text="Capture")).to_contain_text("$90.00")
    expect(owner.section("Mails").get_by_role("row").filter(has_text=buyer.email)).to_contain_text("Sent")
    delivery = owner.section("Webhook deliveries").get_by_role("row").filter(has_text="payment_intent.succeeded")
    expect(delivery).to_contain_text("Delivered")
    check(owner.page)
    see_in_mailbox(buyer, stack, "Your receipt from Acme Coffee: $90.00")
    assert [one["valid"] for one in stack.received(payment_id, "payment_intent.succeeded")] == [True]


def test_what_is_missing_in_the_card_is_said_beside_it_and_nothing_is_sent(buyer: Buyer, stack: Stack) -> None:
    buyer.check_out()
    buyer.fill_details()
    expect(buyer.page.locator("#card-field")).not_to_have_attribute("aria-busy", "true")
    buyer.pay_button.click()
    expect(buyer.card_number).to_be_focused()
    expect(buyer.pay_button).not_to_have_attribute("aria-disabled", "true")
    shown = [buyer.page.locator(".card-panel .field-error:visible"), buyer.card.locator(".error:not(:empty):visible")]
    assert sum(place.count() for place in shown) > 0
    check(buyer.page)
    assert stack.query("select count(*) from orders where email = %s", buyer.email) == [(0,)]


def test_a_decline_says_why_and_another_card_pays(
    buyer: Buyer, stack: Stack, merchant: Callable[..., Merchant], cards: Cards
) -> None:
    buyer.fill_checkout(cards.declined)
    buyer.pay_button.click()
    expect(buyer.alert).to_have_text(NOT_APPROVED)
    expect(buyer.alert).to_be_focused()
    expect(buyer.page.get_by_label("Email")).to_have_value(buyer.email)
    assert stack.charges(buyer.payment_id) == []
    owner = merchant("owner")
    owner.open_payment(buyer.payment_id)
    expect(owner.page.get_by_text("Declined once. Nothing was charged")).to_be_visible()
    assert stack.mails(buyer.email) == []

    check(buyer.page)
    buyer.fill_card(cards.approved)
    buyer.pay_button.click()
    buyer.see_receipt()
    assert amounts(stack, buyer.payment_id) == [9000]


def test_a_challenge_that_is_approved_ends_at_the_receipt(buyer: Buyer, stack: Stack, cards: Cards) -> None:
    buyer.fill_checkout(cards.challenged)
    buyer.pay_button.click()
    buyer.see_challenge()
    assert stack.query(
        "select count(*) from payments p join orders o on o.id = p.order_id where o.email = %s and p.status = 'succeeded'",
        buyer.email,
    ) == [(0,)]
    check(buyer.page)
    buyer.answer_bank("Approve")
    buyer.see_receipt()
    assert amounts(stack, buyer.payment_id) == [9000]
    see_in_mailbox(buyer, stack, "Your receipt from Acme Coffee: $90.00")


@pytest.mark.parametrize("decision", ["Fail", "Cancel"])
def test_a_challenge_that_is_not_approved_charges_nothing_and_another_card_pays(
    buyer: Buyer, stack: Stack, cards: Cards, decision: str
) -> None:
    buyer.fill_checkout(cards.challenged)
    buyer.pay_button.click()
    buyer.answer_bank(decision)
    if cards.asks_before:
        expect(buyer.page.locator("#card-error")).to_have_text(NOT_CONFIRMED)
        expect(buyer.card_number).to_be_focused()
        assert stack.query("select count(*) from orders where email = %s", buyer.email) == [(0,)]
    else:
        expect(buyer.alert).to_have_text(NOT_CONFIRMED)
        assert stack.charges(buyer.payment_id) == []
    expect(buyer.page.get_by_label("Email")).to_have_value(buyer.email)
    check(buyer.page)
    buyer.fill_card(cards.approved)
    buyer.pay_button.click()
    buyer.see_receipt()
    assert amounts(stack, buyer.payment_id) == [9000]


def test_a_card_that_is_saved_is_charged_again_without_its_holder(
    buyer: Buyer, stack: Stack, merchant: Callable[..., Merchant], processor: str, cards: Cards
) -> None:
    save_card(buyer, cards.approved)
    saved = f"Visa ending {cards.last4}"
    expect(buyer.page.get_by_role("main")).to_contain_text(re.compile(f"{saved} (is|will be) saved"))
    owner = merchant("owner")
    owner.open_payment(buyer.payment_id)
    expect(owner.page.get_by_label("Details")).to_contain_text(f"Stored at {processor.capitalize()} for later charges")
    owner.page.get_by_label("Details").get_by_role("link", name="Ada Okafor").click()
    expect(owner.page.get_by_role("row").filter(has_text=f"Visa {cards.last4}").first).to_contain_text("12 / 2034")
    check(owner.page)
    buyer.page.reload()
    expect(buyer.page.get_by_role("main")).to_contain_text(f"{saved} is saved")

    owner.page.get_by_role("link", name="Charge a stored card").click()
    check(owner.page)
    owner.page.get_by_label("Amount in USD").fill("20")
    owner.page.get_by_label("What it is for").fill("Beans, December")
    owner.page.get_by_role("button", name="Review the charge").click()
    expect(owner.page.get_by_role("heading", name=f"Charge $20.00 to {saved}")).to_be_visible()
    expect(owner.page.get_by_text("Ada will not be asked.")).to_be_visible()
    check(owner.page)
    owner.page.get_by_role("button", name="Charge $20.00").dblclick()
    expect(owner.page.get_by_text("Charged $20.00.")).to_be_visible()
    expect(owner.page.get_by_label("Details")).to_contain_text("charged without its holder")
    payment_id = owner.page.url.rpartition("/")[2]
    assert amounts(stack, payment_id) == [2000]
    see_in_mailbox(buyer, stack, "Your receipt from Acme Coffee: $20.00")
    assert await_value(lambda: stack.received(payment_id, "payment_intent.succeeded"))


def save_card(buyer: Buyer, number: str) -> None:
    """Buy, and tick the box."""
    buyer.fill_checkout(number)
    fine = buyer.page.get_by_text(NOT_STORED)
    expect(fine).to_be_visible()
    buyer.page.get_by_label("Save this card for next time").check()
    expect(fine).to_be_hidden()
    expect(buyer.page.get_by_text("stores your card")).to_be_visible()
    buyer.pay_button.click()
    buyer.see_receipt()


def test_a_stored_card_that_is_declined_later_says_so(
    buyer: Buyer, stack: Stack, merchant: Callable[..., Merchant], processor: str, cards: Cards
) -> None:
    save_card(buyer, cards.approved)
    await_value(
        lambda: stack.query(
            "select 1 from payment_methods where status = 'active' and payment_id = %s", inside(buyer.payment_id)
        )
    )
    owner = merchant("owner")
    owner.open_customer(buyer.email)
    stack.fault(processor=processor, kind="decline", operation=cards.charges, count=1)
    owner.charge_stored_card("20", "Charge $20.00")
    expect(owner.page.locator("#toasts")).to_contain_text("$20.00 wasn't charged.")
    expect(owner.page.get_by_text("Nothing was charged, and the customer was not asked.")).to_be_visible()
    assert stack.charges(owner.page.url.rpartition("/")[2]) == []


def test_two_refunds_in_part(
    buyer: Buyer, stack: Stack, merchant: Callable[..., Merchant], processor: str, cards: Cards
) -> None:
    stack.settle_after(3600)
    payment_id = buyer.buy(cards.approved)
    owner = merchant("owner")
    owner.open_payment(payment_id)
    owner.refund("5.00")
    if processor == "braintree":
        expect(
            owner.page.get_by_text("Refund of $5.00 goes out by itself as soon as the charge has settled.")
        ).to_be_visible()
        expect(owner.section("Refunds")).to_contain_text("Waits for settlement")
        assert [charge["amount_refunded"] for charge in stack.charges(payment_id)] == [0]
        buyer.settle()
    else:
        expect(owner.page.get_by_text("Refund of $5.00 sent.")).to_be_visible()
    expect(owner.page.get_by_role("main")).to_contain_text("$5.00 went back, $85.00 stays.")
    owner.refund("10.50")
    expect(owner.page.get_by_text("Refund of $10.50 sent.")).to_be_visible()
    expect(owner.page.get_by_role("main")).to_contain_text("$15.50 went back, $74.50 stays.")
    expect(owner.section("Ledger").get_by_role("row").filter(has_text="Refund")).to_have_count(2)
    expect(owner.section("Refunds").get_by_text("Refunded")).to_have_count(2)
    check(owner.page)
    assert [charge["amount_refunded"] for charge in stack.charges(payment_id)] == [1550]
    see_in_mailbox(buyer, stack, "We refunded $5.00")
    see_in_mailbox(buyer, stack, "We refunded $10.50")
    assert await_value(lambda: len(stack.received(payment_id, "refund.succeeded")) == 2)
    buyer.page.reload()
    expect(buyer.page.get_by_role("main")).to_contain_text("We refunded $10.50")


def test_with_the_keyboard_alone_through_the_card(buyer: Buyer, cards: Cards, processor: str) -> None:
    buyer.check_out()
    buyer.fill_details()
    buyer.await_sums()
    expect(buyer.card_number).to_be_visible()
    expect(buyer.page.locator("#card-field")).not_to_have_attribute("aria-busy", "true")
    buyer.page.get_by_label("Postal code", exact=True).focus()
    keys = buyer.page.keyboard
    for stop in (buyer.page.locator("#promotion_code"), buyer.page.get_by_role("button", name="Apply")):
        keys.press("Tab")
        expect(stop).to_be_focused()
    keys.press("Tab")
    expect(buyer.page.get_by_role("radio", name=re.compile("^Standard"))).to_be_focused()
    keys.press("Tab")
    expect(buyer.page.get_by_role("radio", name=re.compile("^In full"))).to_be_focused()
    keys.press("Tab")
    expect(buyer.card_number).to_be_focused()
    texts = [cards.approved, "1234", "123"] + (["0150"] if processor == "square" else [])
    for place, text in enumerate(texts):
        # Stripe's field and Square's go on to the next part by themselves; Braintree's wait for the key.
        if place and processor == "braintree":
            keys.press("Tab")
        if place == 3:
            keys.press("Tab")
        keys.type(text)
    keys.press("Enter")
    buyer.see_receipt()


def test_a_library_that_does_not_come_is_said_so(buyer: Buyer, stack: Stack, complaints: list[str]) -> None:
    buyer.page.route(re.compile(re.escape(stack.sandbox) + "/js/"), lambda route: route.abort())
    buyer.check_out()
    expect(buyer.page.locator("#card-error")).to_contain_text(UNAVAILABLE)
    buyer.fill_details()
    buyer.pay_button.click()
    expect(buyer.page.locator("#card-error")).to_contain_text(UNAVAILABLE)
    expect(buyer.pay_button).not_to_have_attribute("aria-disabled", "true")
    check(buyer.page)
    assert all("ERR_FAILED" in one for one in complaints)
    complaints.clear()
