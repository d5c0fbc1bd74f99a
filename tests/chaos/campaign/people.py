"""Who pays during a campaign: API clients that insist with their keys, shoppers who press twice, subscribers who are renewed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import requests

from tests.stack import APPROVED, DECLINED, Shopper, Stack

# What a client may be told and asks again for, with the same key: 0 stands for no answer at all.
AGAIN = (0, 409, 429, 502, 503, 504)
# How long somebody insists; a killed database is back within twenty seconds on a loaded machine.
INSISTENCE = 150.0
CARDS = {
    "stripe": ("pm_card_visa", "pm_card_visa_chargeDeclined"),
    "braintree": ("fake-valid-visa-nonce", "fake-processor-declined-visa-nonce"),
    "square": ("cnon:card-nonce-ok", "cnon:card-nonce-declined"),
}


@dataclass
class Tally:
    """What everybody counts together. `left`: payments that are still to be made. `problems`: what nobody may be told."""

    left: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def take(self) -> bool:
        """One more payment to make; False when all are made."""
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def complain(self, said: str) -> None:
        with self.lock:
            self.problems.append(said)


def key_of(rng: random.Random) -> str:
    """An Idempotency-Key that the seed decides."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def insist(tally: Tally, act: Callable[[], requests.Response]) -> requests.Response | None:
    """Ask until there is an answer that is one. A 500 is a problem; None when there was none in all that time."""
    until = time.monotonic() + INSISTENCE
    while time.monotonic() < until:
        try:
            answer = act()
        except requests.RequestException:
            tally.count("no answer")
        else:
            if answer.status_code not in AGAIN:
                if answer.status_code >= 500:
                    tally.complain(
                        f"{answer.request.method} {answer.url} answered {answer.status_code}: {answer.text[:300]}"
                    )
                return answer
            tally.count(f"told {answer.status_code}")
        time.sleep(0.3)
    tally.complain("somebody insisted in vain")
    return None


class Client:
    """A program with the API key."""

    def __init__(self, stack: Stack, tally: Tally, seed: int) -> None:
        self.stack, self.tally, self.rng = stack, tally, random.Random(seed)

    def run(self) -> None:
        """Pay until everything is paid."""
        while self.tally.take():
            self.pay_once()

    def pay_once(self) -> None:
        """One payment: charged or declined and tried with another card, asked for again, refunded, as the dice fall."""
        processor = self.rng.choice(list(CARDS))
        good, bad = CARDS[processor]
        card = bad if self.rng.random() < 0.15 else good
        # Below the amounts by which the sandbox is told to do other things.
        body: dict[str, Any] = {"amount": self.rng.randrange(100, 2000), "processor": processor, "payment_method": card}
        key = key_of(self.rng)
        answer = insist(self.tally, lambda: self.stack.pay(key, **body))
        if answer is None:
            return
        told = answer.json()
        payment_id = told.get("id") or told.get("error", {}).get("payment", {}).get("id")
        if payment_id is None:
            self.tally.complain(f"no payment in {answer.status_code}: {answer.text[:300]}")
            return
        self.tally.count("payments of clients")
        if self.rng.random() < 0.2:
            self.repeat(key, body, payment_id)
        if answer.status_code == 402:
            self.confirm(payment_id, good)
        elif told.get("status") == "succeeded" and self.rng.random() < 0.1:
            self.refund(payment_id, body["amount"])

    def repeat(self, key: str, body: dict[str, Any], payment_id: str) -> None:
        """The same request again is the same payment."""
        again = insist(self.tally, lambda: self.stack.pay(key, **body))
        if again is not None and payment_id not in again.text:
            self.tally.complain(f"the key of {payment_id} answered with another payment: {again.text[:300]}")

    def confirm(self, payment_id: str, card: str) -> None:
        key = key_of(self.rng)
        path, body = f"/payments/{payment_id}/confirm", {"payment_method": card}
        insist(self.tally, lambda: self.stack.call("POST", path, key, json=body))

    def refund(self, payment_id: str, amount: int) -> None:
        key, body = key_of(self.rng), {"payment": payment_id, "amount": self.rng.randrange(1, amount + 1)}
        insist(self.tally, lambda: self.stack.call("POST", "/refunds", key, json=body))
        self.tally.count("refunds")


class Buyer:
    """Somebody in the shop, who presses Pay again when nothing seems to happen."""

    def __init__(self, stack: Stack, tally: Tally, seed: int) -> None:
        self.stack, self.tally, self.rng = stack, tally, random.Random(seed)

    def run(self) -> None:
        """Buy until everything is paid."""
        while self.tally.take():
            email = f"{self.rng.getrandbits(48):012x}@example.com"
            with Shopper(self.stack, email) as person:
                self.buy(person)

    def buy(self, person: Shopper) -> None:
        """From the product to the receipt, through whatever comes."""
        number = DECLINED if self.rng.random() < 0.1 else APPROVED
        until = time.monotonic() + INSISTENCE
        while time.monotonic() < until:
            try:
                if not person.publishable_key:
                    person.fill_cart()
                if self.press(person, number):
                    self.tally.count("orders")
                    return
                number = APPROVED
            except (requests.RequestException, AssertionError, KeyError):
                self.tally.count("pages that did not come")
            time.sleep(0.5)
        self.tally.complain(f"{person.email} could not buy")

    def press(self, person: Shopper, number: str) -> bool:
        """Press Pay, now and then twice at once; whether it is paid then."""
        if self.rng.random() < 0.2:
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda _: self.try_pressing(person, number), range(2)))
        else:
            self.try_pressing(person, number)
        return "Already paid" in person.get(person.checkout)

    def try_pressing(self, person: Shopper, number: str) -> None:
        """A click whose answer may get lost."""
        try:
            answer = person.pay(number)
        except (requests.RequestException, AssertionError, KeyError):
            self.tally.count("clicks that were lost")
            return
        if answer.status_code == 500:
            self.tally.complain(f"the checkout answered 500: {answer.text[:300]}")


def subscribe(stack: Stack, count: int) -> None:
    """As many subscriptions, paid for once, before the trouble begins."""
    product = made(stack, "/products", {"name": "Campaign"})
    price = made(stack, "/prices", {"product": product, "amount": 1500, "currency": "USD", "interval": "month"})
    for number in range(count):
        customer = made(stack, "/customers", {"email": f"subscriber{number}@example.com"})
        made(stack, "/subscriptions", {"customer": customer, "price": price, "payment_method": "pm_card_visa"})


def made(stack: Stack, path: str, body: dict[str, Any]) -> str:
    answer = stack.call("POST", path, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
