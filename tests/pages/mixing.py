"""Somebody with a browser who buys goods and a subscription together."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.test import TestResponse

from ballast.clock import real_time
from ballast.models import Email, Invoice, Order, Subscription
from tests.financing.acts import IN_FOUR, Lender
from tests.pages.billed import VISA
from tests.shopper import TYPED, Shopper
from tests.world import World


class Mixer(Shopper):
    """Noor, with one kettle at $90.00 and a club in the cart, at a shop that offers a plan."""

    def __init__(self, world: World, processor: str = "stripe", kettle: bool = True, **price: Any) -> None:
        super().__init__(world)
        self.world = world
        self.processor = processor
        self.account_id = world.use(processor)
        self.lender = Lender(world, real_time())
        self.club = self.lender.price(2000, **price)
        if kettle:
            self.add()
        assert self.add(price_id=self.club).status_code == 303
        self.checkout = ""

    def page(self) -> str:
        """The checkout, begun if it was not."""
        self.checkout = self.checkout or self.check_out()
        return self.client.get(self.checkout).get_data(as_text=True)

    def buy_both(self, token: str = "", page: str | None = None, **typed: str) -> TestResponse:
        """Pay in full with a card, with the total the page has said."""
        page = page or self.page()
        form = {"account": self.account_id, "payment_method": token or VISA[self.processor], "shown": shown(page)}
        if 'name="pay_with"' in page:
            form |= {"pay_with": "full", "shown_with": "full"}
        return self.post(self.checkout, {**TYPED, **form, **typed})

    def choose(self, offer_id: str, **typed: str) -> str:
        """What the page says of a plan."""
        self.page()
        form = {**TYPED, "payment_method": "", "intent": "look", "pay_with": offer_id, **typed}
        return self.post(self.checkout, form).get_data(as_text=True)

    def agree(self, offer_id: str, token: str = "", page: str | None = None, **typed: str) -> TestResponse:
        """The kettle with a plan, and the club."""
        page = page or self.choose(offer_id)
        said = {name: hidden(page, name) for name in ("shown_with", "shown_terms", "shown")}
        form = {"pay_with": offer_id, "agree": "yes", "account": self.account_id, **said}
        return self.post(self.checkout, {**TYPED, **form, "payment_method": token or VISA[self.processor], **typed})

    def plan(self, **offer: Any) -> str:
        """A plan on offer; answers its id."""
        return self.lender.offer(offer.pop("terms", IN_FOUR), **offer)

    def charged(self) -> list[int]:
        return [charge["amount"] for charge in self.world.charges() if charge["amount_captured"]]

    def subscriptions(self) -> list[str]:
        return [one.status for one in self.lender.all(Subscription)]

    def invoices(self) -> list[tuple[str, int]]:
        return [(one.status, one.amount_due) for one in self.lender.all(Invoice)]

    def orders(self) -> list[tuple[str, int, int]]:
        return [(one.status, one.amount, one.subscription_amount) for one in self.lender.all(Order)]

    def mails(self) -> list[str]:
        return sorted(mail.kind for mail in self.lender.all(Email))

    def receipt(self) -> str:
        return self.client.get(f"{self.checkout}/receipt").get_data(as_text=True)


def shown(page: str) -> str:
    """The total the page has said, in minor units."""
    return hidden(page, "shown")


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no {name} in this page"
    return found[1]
