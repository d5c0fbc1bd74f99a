"""Who buys in the shop during a campaign: goods, goods with a subscription, goods with a plan; and presses Pay twice."""

from __future__ import annotations

import random
import re
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.chaos.campaign.tallying import INSISTENCE, Tally
from tests.stack import APPROVED, DECLINED, Shopper, Stack, field

# What the page says of a declined card.
REFUSED = "approve this payment"
# What is in the cart beside a kettle, and how the kettle is paid.
KINDS = ("goods",) * 5 + ("mixed",) * 3 + ("plan",) * 2 + ("mixed plan",)


class Cart(Shopper):
    """Somebody with a kettle, perhaps beans every month as well, and perhaps a plan. `offer`: the plan's id, empty to pay in full."""

    def __init__(self, stack: Stack, email: str, offer: str, with_beans: bool) -> None:
        super().__init__(stack, email)
        self.offer, self.with_beans = offer, with_beans
        self.saw = "nothing"

    def fill_cart(self, product: str = "kettle") -> None:
        """Put everything in and go to the checkout."""
        if self.with_beans:
            shop = f"{self.stack.web}/shop/acme"
            price = re.findall(r'name="price_id" value="([^"]+)"', self.get(f"{shop}/products/beans"))[-1]
            assert self.post(f"{shop}/cart/lines", price_id=price, quantity="1").status_code == 303
        super().fill_cart(product)

    def pay(self, number: str = APPROVED) -> requests.Response:
        """Choose how, and press Pay with what the page has said."""
        typed = {"email": self.email, "name": "Ada Okafor", "line1": "1 Main St", "city": "Oslo", "country": "NO"}
        typed |= {"postal_code": "0150", "pay_with": self.offer or "full"}
        looked = self.post(self.checkout, **typed, payment_method="", intent="look")
        page = looked.text if looked.status_code == 200 else self.get(self.checkout)
        said = ("shown", "shown_with", "shown_terms", "account")
        typed |= {name: field(page, name) for name in said if f'name="{name}" value="' in page}
        if self.offer:
            typed["agree"] = "yes"
        return self.post(self.checkout, **typed, payment_method=self._tokenize(number))


class Buyer:
    """Somebody in the shop, who presses Pay again when nothing seems to happen."""

    def __init__(self, stack: Stack, tally: Tally, seed: int, offer: str) -> None:
        self.stack, self.tally, self.rng, self.offer = stack, tally, random.Random(seed), offer

    def run(self) -> None:
        """Buy until everything is paid."""
        while self.tally.take():
            email, kind = f"{self.rng.getrandbits(48):012x}@example.com", self.rng.choice(KINDS)
            with Cart(self.stack, email, self.offer if "plan" in kind else "", "mixed" in kind) as person:
                self.buy(person, kind)

    def buy(self, person: Cart, kind: str) -> None:
        """From the product to the receipt, through whatever comes."""
        number = DECLINED if self.rng.random() < 0.1 else APPROVED
        until = time.monotonic() + INSISTENCE
        while time.monotonic() < until:
            try:
                if not person.publishable_key:
                    person.browser.cookies.clear()  # what got into a cart before something broke would be in it twice
                    person.fill_cart()
                if self.press(person, number):
                    self.tally.count(f"orders: {kind}")
                    return
                if number == DECLINED and REFUSED in person.saw:
                    until = time.monotonic() + INSISTENCE  # a declined card was served; another one has its own time
                number = APPROVED
            except (requests.RequestException, AssertionError, KeyError) as error:
                person.saw = str(error)[:300]
                self.tally.count("pages that did not come")
            time.sleep(self.rng.uniform(0.5, 1.5))
        if "checking with your bank" in person.saw:
            # Told not to pay again and that a mail comes: whether it is found out is for the end to show.
            self.tally.count("shoppers who left while their bank was asked")
            return
        self.tally.complain(f"{person.email} could not buy {kind}, and saw: {person.saw}")

    def press(self, person: Cart, number: str) -> bool:
        """Press Pay, now and then twice at once; whether it is paid then."""
        if self.rng.random() < 0.2:
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda _: self.try_pressing(person, number), range(2)))
        else:
            self.try_pressing(person, number)
        page = person.get(person.checkout)
        person.saw = " ".join(re.sub(r"<[^>]+>", " ", page.partition("<main")[2])[:600].split())
        return "Already paid" in page

    def try_pressing(self, person: Cart, number: str) -> None:
        """A click whose answer may get lost."""
        try:
            answer = person.pay(number)
        except (requests.RequestException, AssertionError, KeyError):
            self.tally.count("clicks that were lost")
            return
        if answer.status_code == 500:
            self.tally.complain(f"the checkout answered 500: {answer.text[:300]}")
