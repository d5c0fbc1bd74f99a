"""Who pays during a campaign by program: API clients that insist with their keys."""

from __future__ import annotations

import random
from typing import Any

from tests.chaos.campaign.disputing import contest
from tests.chaos.campaign.tallying import Tally, insist, key_of
from tests.stack import Stack

# Of the payments of clients, how many are only authorized at first.
HELD_SHARE = 0.15
CARDS = {
    "stripe": ("pm_card_visa", "pm_card_visa_chargeDeclined"),
    "braintree": ("fake-valid-visa-nonce", "fake-processor-declined-visa-nonce"),
    "square": ("cnon:card-nonce-ok", "cnon:card-nonce-declined"),
}


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
        if self.rng.random() < HELD_SHARE:
            body["capture_method"] = "manual"
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
        elif told.get("status") == "requires_capture":
            self.decide(payment_id, body["amount"])
        elif told.get("status") == "succeeded":
            self.regret(payment_id, body["amount"], processor)

    def regret(self, payment_id: str, amount: int, processor: str) -> None:
        """Now and then the money is given back, or a part of it; or its card's holder asks their bank for it, or both."""
        what = self.rng.random()
        is_both = what < 0.02 and processor != "braintree"  # whose sandbox disputes all that was charged
        if what < 0.1:
            self.refund(payment_id, self.rng.randrange(1, amount if is_both else amount + 1))
        if is_both or 0.1 <= what < 0.2:
            contest(self.stack, self.tally, payment_id, processor)

    def repeat(self, key: str, body: dict[str, Any], payment_id: str) -> None:
        """The same request again is the same payment."""
        again = insist(self.tally, lambda: self.stack.pay(key, **body))
        if again is not None and payment_id not in again.text:
            self.tally.complain(f"the key of {payment_id} answered with another payment: {again.text[:300]}")

    def confirm(self, payment_id: str, card: str) -> None:
        key = key_of(self.rng)
        path, body = f"/payments/{payment_id}/confirm", {"payment_method": card}
        insist(self.tally, lambda: self.stack.call("POST", path, key, json=body))

    def decide(self, payment_id: str, amount: int) -> None:
        """Take what is held, or a part of it, or let it go; or leave it."""
        what = self.rng.choice(("capture", "part", "cancel", "leave"))
        self.tally.count(f"holds: {what}")
        if what == "leave":
            return
        body = {"amount_to_capture": self.rng.randrange(1, amount + 1)} if what == "part" else {}
        key, path = key_of(self.rng), f"/payments/{payment_id}/{'cancel' if what == 'cancel' else 'capture'}"
        insist(self.tally, lambda: self.stack.call("POST", path, key, json=body))

    def refund(self, payment_id: str, amount: int) -> None:
        key, body = key_of(self.rng), {"payment": payment_id, "amount": amount}
        insist(self.tally, lambda: self.stack.call("POST", "/refunds", key, json=body))
        self.tally.count("refunds")
