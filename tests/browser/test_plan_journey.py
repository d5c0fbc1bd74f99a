"""The whole life of a plan in a real browser against the running product, and on the way every number wherever it is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.lending import Borrower, Lender, amounts, disclosed, due, one_amount, told
from tests.browser.looks import check
from tests.stack import CHALLENGED, Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

PRICE, LATE_FEE = 64_000, 1500
NAME, ITEM = "Twelve months", "Espresso machine"
COSTS = {"installments": 12, "rate_bps": 1490, "down_payment_bps": 2000, "fee_bps": 200}
LATENESS = {"late_fee_amount": LATE_FEE, "grace_days": 10}
OTHER_CARD = "5555555555554444"


class Life:
    """A plan with everybody it concerns."""

    def __init__(self, lender: Lender, ada: Borrower, offer_id: str, shelf: str) -> None:
        self.lender = lender
        self.ada = ada
        self.page = ada.page
        self.offer_id = offer_id
        self.shelf = shelf
        self.plan_url = self.agreement_id = ""
        self.quote: dict[str, Any] = {}

    # --- Bought ---------------------------------------------------------------------------------------------------------------

    def read_quote(self) -> None:
        """On the product's page, beside paying at once, what the API quotes."""
        body = {"amount": PRICE, "currency": "USD", "offer": self.offer_id}
        (self.quote,) = self.lender.make("/financing/quotes", **body)["data"]
        self.page.goto(self.shelf)
        plan = self.page.locator(".pay-plan").filter(has_text=NAME)
        assert amounts(plan.locator("small").inner_text()) == self.advertised
        assert f"{self.quote['apr']}%" in plan.locator("small").inner_text()
        assert one_amount(plan.locator("strong").first.inner_text()) == self.quote["payment"]
        plan.get_by_text("Payments and terms").click()
        dates = plan.locator(".plan-dates").inner_text()
        assert amounts(dates) == [self.quote["due_today"], *(one["amount"] for one in self.quote["installments"])]
        assert disclosed(plan) == told(self.quote)
        check(self.page)

    @property
    def advertised(self) -> list[int]:
        """What must stand beside a payment that is advertised (12 CFR 1026.24)."""
        quote, last = self.quote, self.quote["installments"][-1]["amount"]
        return [quote["due_today"], quote["payment"], last, quote["finance_charge"], quote["total_sale_price"]]

    def check_out(self) -> None:
        """From the cart to a form with the plan chosen and read."""
        self.page.get_by_role("button", name="Add to cart").click()
        said = self.page.get_by_label("Total").get_by_text(re.compile("annual percentage rate"))
        assert amounts(said.inner_text()) == self.advertised
        self.page.get_by_role("button", name="Check out").click()
        self.ada.fill_details()
        choice = self.page.locator(".pick").filter(has_text=NAME)
        choice.get_by_role("radio").check()
        box = self.page.get_by_role("region", name="Disclosure of the terms of credit")
        expect(box).to_be_visible()
        assert disclosed(box) == told(self.quote)
        quote, lines = self.quote, [one["amount"] for one in self.quote["installments"]]
        assert amounts(choice.inner_text()) == [lines[0], lines[-1], quote["total_sale_price"], quote["due_today"]]
        summary = amounts(self.page.locator(".co-aside").inner_text())
        assert summary[-6:] == [quote["due_today"], *lines[:3], sum(lines[3:]), quote["total_sale_price"]]
        self.ada.fill_card(CHALLENGED)
        check(self.page)

    def agree_and_confirm(self) -> None:
        """Consent, the bank's question, the receipt."""
        self.page.get_by_role("checkbox", name=re.compile("I agree to pay")).check()
        pay = self.page.get_by_role("button", name=re.compile("start the plan"))
        assert one_amount(pay.inner_text()) == self.quote["due_today"]
        pay.click()
        self.ada.see_challenge()
        asked = self.page.get_by_text(re.compile("only after you approve"))
        assert one_amount(asked.inner_text()) == self.quote["due_today"]
        self.ada.answer_bank("Approve")
        self.ada.see_receipt()
        receipt = self.page.get_by_role("region", name="Receipt")
        sums = amounts(receipt.locator("dl").first.inner_text())
        quote = self.quote
        assert sums == [PRICE, quote["finance_charge"], quote["due_today"], quote["payment"]]
        assert self.ada.schedule() == due(quote["installments"])
        self.page.get_by_role("link", name="See your plan").click()
        self.plan_url = self.page.url
        check(self.page)

    def keep_papers(self) -> None:
        """The agreement by mail, the disclosure as it was consented to, and what the ledger has of it."""
        (agreement,) = self.lender.call("GET", "/financing/agreements")["data"]
        self.agreement_id, quote = agreement["id"], self.quote
        lines = [one["amount"] for one in quote["installments"]]
        sums = ("due_today", "amount", "finance_charge", "amount_financed", "total_of_payments", "total_sale_price")
        assert amounts(self.ada.mail("Your payment plan")) == [*(quote[name] for name in sums), *lines]
        paper = self.page.context.new_page()
        paper.set_content(self.page.request.get(f"{self.plan_url}/disclosure.html").text())
        assert disclosed(paper.locator("body")) == told(quote)
        paper.close()
        agreed = dict(re.findall(r"(?m)^([A-Z].+)\n\n?(\$.+|[\d.]+%)$", self.page.get_by_role("main").inner_text()))
        assert agreed["Annual percentage rate"] == f"{quote['apr']}%"
        names = ("Finance charge", "Amount financed", "Paid at the start", "Total of payments", "Total sale price")
        fields = ("finance_charge", "amount_financed", "due_today", "total_of_payments", "total_sale_price")
        assert [one_amount(agreed[name]) for name in names] == [quote[field] for field in fields]
        assert self.lender.account("financing_fees") == -quote["fee_upfront"]
        assert self.lender.account("sales") == -PRICE

    # --- At every step --------------------------------------------------------------------------------------------------------

    def see_all_agree(self, paid: int, left: int) -> dict[str, Any]:
        """The plan's page, the dashboard, the API, the processor and the ledger say the same; answers what the API says."""
        agreement = self.lender.agreement(self.agreement_id)
        assert (agreement["balance"]["total"], sum(one["left"] for one in agreement["installments"])) == (left, left)
        self.page.goto(self.plan_url)
        assert self.ada.heading() == [left, paid + left]
        assert self.ada.schedule() == due(agreement["installments"])
        desk = self.lender.page
        desk.goto(f"/admin/financing/agreements/{self.agreement_id}")
        assert amounts(desk.get_by_role("heading", level=1).inner_text()) == [left, paid + left]
        balance = desk.locator(".side-block").filter(has_text="Balance").locator("dl").inner_text()
        parts = ("principal", "interest", "late_fee", "total")
        assert amounts(balance) == [agreement["balance"][part] for part in parts]
        assert paid == self.quote["due_today"] + sum(one["paid"] for one in agreement["installments"])
        assert paid == self.lender.account("processor_receivable")
        assert left == self.lender.account("financing_receivable")
        earned, unearned = (-self.lender.account(code) for code in ("interest_income", "unearned_interest"))
        forgiven = sum(one["forgiven"] for one in agreement["installments"])
        assert earned + unearned == agreement["interest"] - forgiven
        return agreement

    def charged(self, number: int, amount: int, card: str) -> None:
        """A mail tells of a payment that came, and the page it leads to of what it is made of."""
        receipt = self.ada.mail("Your receipt", f"Payment {number} of 12")
        assert amounts(receipt) == [amount, amount]
        assert card in receipt
        self.ada.follow(receipt, "Why this amount")
        one = self.lender.agreement(self.agreement_id)["installments"][number - 1]
        made_of = [part for part in (one["principal"], one["interest"], one["late_fee"]) if part]
        assert self.ada.heading() == [amount]
        shown = self.page.get_by_role("region", name="What it is made of").locator("dd").all_inner_texts()
        assert [one_amount(text) for text in shown] == [*made_of, amount]

    def installment(self, number: int) -> dict[str, Any]:
        """As the API has it."""
        found: dict[str, Any] = self.lender.agreement(self.agreement_id)["installments"][number - 1]
        return found

    def live_past(self, number: int, days: int = 1) -> None:
        """Until the evening, so many days after an installment was due."""
        self.lender.live_until_day(self.installment(number)["due_on"], days)

    # --- Collected ------------------------------------------------------------------------------------------------------------

    def be_declined_once(self, paid: int, left: int, each: int) -> None:
        """A soft decline on the day it is due: nothing moves but a mail, and the next day's try brings the money."""
        self.ada.stack.fault(kind="decline", card=CHALLENGED[-4:], count=1)
        self.live_past(2, days=0)
        assert self.see_all_agree(paid, left)["installments"][1]["status"] == "due"
        said = self.ada.mail("We couldn't charge your card", "Payment 2 of 12", "We'll retry on")
        assert one_amount(said) == each
        self.live_past(2)
        self.see_all_agree(paid + each, left - each)
        self.charged(2, each, "Visa 3155")

    def grow_late(self, paid: int, left: int, each: int) -> None:
        """Declined again and again: late, told until when it costs nothing, and then what it costs."""
        self.ada.stack.fault(kind="decline", card=CHALLENGED[-4:])
        self.live_past(3)
        assert self.see_all_agree(paid, left)["status"] == "late"
        warned = self.ada.mail("A payment", "Payment 3 of 12", "to avoid")
        assert amounts(warned) == [each, LATE_FEE]
        self.ada.follow(warned, "Pay now")
        assert amounts(self.page.locator(".alert").inner_text()) == [each, LATE_FEE]
        self.live_past(3, days=12)
        late = self.see_all_agree(paid, left + LATE_FEE)
        assert late["balance"]["late_fee"] == LATE_FEE == -self.lender.account("late_fees")
        fined = self.ada.mail("A payment", "Payment 3 of 12", "was added")
        assert amounts(fined) == [each + LATE_FEE, LATE_FEE]
        self.ada.follow(fined, "Pay now")
        assert self.ada.heading(2) == [left + LATE_FEE, paid + left + LATE_FEE]
        check(self.page)

    def pay_with_another_card(self, owed: int) -> None:
        """On the customer's own page, where the mail led: stored, charged what is late at once, and in use from then on."""
        self.page.get_by_role("link", name="Change card").click()
        assert one_amount(self.page.get_by_role("main").get_by_text(re.compile("at once")).inner_text()) == owed
        self.ada.fill_card(OTHER_CARD)
        check(self.page)
        self.page.get_by_role("button", name="Save card").click()
        expect(self.page.get_by_text("Your new card is in use.")).to_be_visible()

    def pay_off(self, paid: int, left: int) -> int:
        """With a preview, which is the API's to the cent, and then exactly that; what it cost."""
        self.ada.follow(self.ada.mail("Your payment plan"), "Pay early, or change the card")
        assert self.ada.heading(2) == [left, paid + left]
        check(self.page)
        self.page.get_by_role("link", name="Pay off").click()
        seen = self.lender.make(f"/financing/agreements/{self.agreement_id}/payoff/preview")
        cost, saved = seen["charged"], seen["rebated"]
        assert (cost + saved, saved > 0) == (left, True)
        assert self.ada.preview() == [cost, cost, saved, 0, left]
        pay = self.page.get_by_role("button", name=re.compile("^Pay "))
        assert one_amount(pay.inner_text()) == cost
        check(self.page)
        pay.click()
        thanks = self.page.get_by_text(re.compile("charged you once"))
        assert one_amount(thanks.inner_text()) == cost
        assert self.ada.schedule() == due(self.lender.agreement(self.agreement_id)["installments"])
        assert one_amount(self.page.get_by_text(re.compile("in all")).inner_text()) == paid + cost
        return int(cost)

    def see_the_end(self, paid: int, cost: int) -> None:
        """Nothing is owed, by anybody's account; every dollar of the mails is one that the processor has."""
        assert self.see_all_agree(paid, 0)["status"] == "paid_off"
        assert self.lender.account("unearned_interest") == 0
        assert amounts(self.ada.mail("Your receipt", "Payments 7 to 12 of 12")) == [cost, cost]
        assert one_amount(self.ada.mail("Your plan for", "paid")) == paid
        receipts = [mail for mail in self.ada.stack.mails(self.ada.email) if mail["subject"].startswith("Your receipt")]
        assert sum(one_amount(mail["subject"]) for mail in receipts) == paid
        check(self.lender.page)
        self.lender.page.goto("/admin/financing/portfolio")
        check(self.lender.page)


def test_each_number_of_a_plan_is_the_same_on_page_mail_api_and_ledger_from_its_quote_to_its_early_payoff(
    page: Page, profile: Callable[..., BrowserContext], stack: Stack
) -> None:
    lender = Lender(profile().new_page(), stack)
    lender.allow_interest()
    lender.offer(name="Pay in 4", installments=3, down_payment_bps=2500)
    offer_id = lender.offer(name=NAME, **COSTS, **LATENESS)
    life = Life(lender, Borrower(page, stack), offer_id, lender.sell(ITEM, PRICE))
    life.read_quote()
    life.check_out()
    life.agree_and_confirm()
    life.keep_papers()
    paid, left, each = life.quote["due_today"], life.quote["total_of_payments"], life.quote["payment"]
    life.see_all_agree(paid, left)
    life.live_past(1)
    paid, left = paid + each, left - each
    life.charged(1, each, "Visa 3155")
    life.be_declined_once(paid, left, each)
    paid, left = paid + each, left - each
    life.grow_late(paid, left, each)
    life.pay_with_another_card(each + LATE_FEE)
    paid, left = paid + each + LATE_FEE, left - each
    assert life.see_all_agree(paid, left)["status"] == "active"
    life.charged(3, each + LATE_FEE, "Mastercard 4444")
    life.live_past(6, days=10)
    paid, left = paid + 3 * each, left - 3 * each
    life.see_all_agree(paid, left)
    cost = life.pay_off(paid, left)
    life.see_the_end(paid + cost, cost)
