"""Who pays during a campaign by program: API clients that insist with their keys."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import requests

from tests.stack import Stack

# What a client may be told and asks again for, with the same key: 0 stands for no answer at all.
AGAIN = (0, 409, 429, 502, 503, 504)
# How long somebody insists; a killed database is back within twenty seconds on a loaded machine, and may be killed again.
INSISTENCE = 300.0
# Of the payments of clients, how many are only authorized at first.
HELD_SHARE = 0.15
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

    def fall_due(self, count: int) -> None:
        """So many renewals more, which nobody has to ask for."""
        with self.lock:
            self.left -= count
            self.counts["renewals"] += count

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def complain(self, said: str) -> None:
        """Said at once too: a long campaign is not to be waited for when something is wrong."""
        print(f"  {said[:500]}", file=sys.stderr, flush=True)
        with self.lock:
            self.problems.append(said)


def key_of(rng: random.Random) -> str:
    """An Idempotency-Key that the seed decides."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def insist(tally: Tally, act: Callable[[], requests.Response]) -> requests.Response | None:
    """Ask until there is an answer that is one. A 500 is a problem; None when there was none in all that time."""
    until = time.monotonic() + INSISTENCE
    while time.monotonic() < until:
        pause = 0.5
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
            pause = float(answer.headers.get("Retry-After", pause))
        time.sleep(pause * random.uniform(1, 2))
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
        key, body = key_of(self.rng), {"payment": payment_id, "amount": self.rng.randrange(1, amount + 1)}
        insist(self.tally, lambda: self.stack.call("POST", "/refunds", key, json=body))
        self.tally.count("refunds")
