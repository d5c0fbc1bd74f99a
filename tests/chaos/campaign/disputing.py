"""Card holders who contest what they paid, and the merchant who answers them: some disputes are won, some lost, some given in to."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import psycopg
import requests

from ballast.ids import from_uuid
from tests.chaos.campaign.tallying import Tally, insist, key_of
from tests.local.checkout import wait_for
from tests.stack import PATIENCE, Stack

# What a merchant writes, and what the bank makes of it; None gives in. Square's bank finds for whoever writes anything.
ANSWERS: dict[str, tuple[str | None, ...]] = {
    "stripe": ("winning_evidence", "losing_evidence", None),
    "braintree": ("compelling_evidence", "losing_evidence", None),
    "square": ("We delivered it.", None),
}
CONTESTED = "disputed already"
# A charge of Braintree's is disputed once it has settled; whoever cannot be reached comes back within this.
PERSISTENCE = 120.0
WAITING = (
    "select d.id, a.processor from disputes d join attempts a on a.organization_id = d.organization_id and a.id = d.attempt_id "
    "where d.status = 'needs_response' and d.action is null order by d.id"
)
OPEN = "select id from disputes where status in ('warning', 'needs_response', 'under_review') or action is not null"
DECIDED_WITHIN = 90.0


def contest(stack: Stack, tally: Tally, payment_id: str, processor: str) -> None:
    """The card's holder goes to their bank over what a payment took, and insists until there is a dispute."""
    until = time.monotonic() + PERSISTENCE
    while time.monotonic() < until:
        try:
            if is_contested(stack, payment_id, processor):
                tally.count(f"disputes: {processor}")
                return
        except (requests.RequestException, psycopg.OperationalError, AssertionError):
            tally.count("banks that were not answered")
        time.sleep(0.5)
    tally.complain(f"{payment_id} at {processor} could not be disputed")


def is_contested(stack: Stack, payment_id: str, processor: str) -> bool:
    """Whether there is a dispute over the charge now; False where the charge is not ready for one."""
    for charge in stack.charges(payment_id):
        place = f"{stack.sandbox}/_sandbox/charges/{processor}/{charge['id']}"
        if processor == "braintree":
            requests.post(f"{place}/settle", json={}, timeout=PATIENCE)
        answer = requests.post(f"{place}/dispute", json={}, timeout=PATIENCE)
        if answer.status_code == 201 or CONTESTED in answer.text:
            return True
    return False


class Merchant:
    """Answers every dispute that Ballast shows, each once, until told that it is over."""

    def __init__(self, stack: Stack, tally: Tally, seed: int) -> None:
        self.stack, self.tally, self.rng, self.is_over = stack, tally, random.Random(seed), threading.Event()

    def run(self) -> None:
        """From the first dispute to the last."""
        while not self.is_over.is_set():
            self.answer_all()
            self.is_over.wait(1.0)

    def answer_all(self) -> None:
        """Answer what waits now; nothing while the database is away."""
        try:
            waiting = self.stack.query(WAITING)
        except psycopg.OperationalError:
            return
        for dispute, processor in waiting:
            self.answer(from_uuid(dispute, "dp"), self.rng.choice(ANSWERS[processor]))

    def answer(self, dispute_id: str, text: str | None) -> None:
        """Say why it is wrong, or give in."""
        path = f"/disputes/{dispute_id}/{'evidence' if text else 'accept'}"
        key, body = key_of(self.rng), {"text": text} if text else {}
        told = insist(self.tally, lambda: self.stack.call("POST", path, key, json=body))
        if told is not None:
            self.tally.count(f"disputes {'answered' if text else 'given in to'}")


def await_decisions(stack: Stack) -> list[str]:
    """Wait for the banks; a finding where a dispute is left open."""
    try:
        wait_for(lambda: not stack.query(OPEN), DECIDED_WITHIN)
    except AssertionError:
        return [f"Disputes are open: {stack.query(OPEN)}."]
    return []


def at_processors(stack: Stack, charges: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every dispute in the sandbox, as its page of the charge shows it, with the charge it is over and its processor."""
    found: list[dict[str, Any]] = []
    for charge in charges:
        if charge["disputed"]:
            place = f"{stack.sandbox}/_sandbox/charges/{charge['processor']}/{charge['id']}"
            shown = requests.get(place, headers={"Accept": "application/json"}, timeout=PATIENCE).json()
            found += [one | {"charge": charge["id"], "processor": charge["processor"]} for one in shown["disputes"]]
    return found
