"""Somebody with a browser who buys on a plan."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.test import TestResponse

from ballast.billing.financing.terms import OfferTerms
from ballast.clock import real_time
from ballast.models import Email, FinancingAgreement, Payment
from tests.financing.acts import IN_FOUR, Lender
from tests.pages.billed import VISA
from tests.shopper import TYPED, Shopper
from tests.world import World


class Buyer(Shopper):
    """Noor, with one kettle at $90.00 in the cart, at a shop that offers a plan."""

    def __init__(self, world: World, terms: OfferTerms = IN_FOUR, processor: str = "stripe", **offer: Any) -> None:
        super().__init__(world)
        self.world = world
        self.processor = processor
        self.account_id = world.use(processor)
        self.lender = Lender(world, real_time())
        self.offer_id = self.lender.offer(terms, **offer)
        self.add()
        self.checkout = self.check_out()

    def page(self) -> str:
        return self.client.get(self.checkout).get_data(as_text=True)

    def choose(self, way: str = "", **typed: str) -> str:
        """What the page says after "Update"."""
        form = {**TYPED, "payment_method": "", "intent": "look", "pay_with": way or self.offer_id, **typed}
        answer = self.post(self.checkout, form)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_data(as_text=True)

    def agree(self, token: str = "", page: str | None = None, **typed: str) -> TestResponse:
        """Choose the plan, tick the box, and pay what is due today with a card."""
        page = self.choose() if page is None else page
        hidden = {name: _hidden(page, name) for name in ("shown_with", "shown_terms")}
        form = {"pay_with": self.offer_id, "agree": "yes", "account": self.account_id, **hidden}
        card = {"payment_method": token or VISA[self.processor]}
        return self.post(self.checkout, {**TYPED, **form, **card, **typed})

    def pay_in_full(self, token: str = "") -> TestResponse:
        form = {"pay_with": "full", "shown_with": "full", "account": self.account_id}
        return self.post(self.checkout, {**TYPED, **form, "payment_method": token or VISA[self.processor]})

    def agreements(self) -> list[FinancingAgreement]:
        return self.lender.all(FinancingAgreement)

    def statuses(self) -> list[str]:
        return [one.status for one in self.agreements()]

    def payments(self) -> list[tuple[int, str]]:
        return [(one.amount, one.status) for one in self.lender.all(Payment)]

    def charged(self) -> list[int]:
        return [charge["amount"] for charge in self.world.charges() if charge["amount_captured"]]

    def mails(self) -> list[str]:
        return sorted(mail.kind for mail in self.lender.all(Email))


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no {name} in this page"
    return found[1]
