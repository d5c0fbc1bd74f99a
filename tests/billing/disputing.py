"""A shop whose processor can be any of the three, told by its real webhooks; and card holders who contest what they paid."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import requests
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from ballast.billing import dispute_answers, new_payments, payments, processing, sandbox_hooks
from ballast.billing.new_payments import NewPayment
from ballast.db import organization, transaction
from ballast.models import Attempt, Dispute, InboxEvent, ProcessorAccount
from ballast.models.disputes import WITHDRAWN
from ballast.processors import base
from ballast.processors.adapter import Adapter
from tests.billing.acts import balance, rows
from tests.world import ACCOUNTS, World

PROCESSORS = ("stripe", "braintree", "square")
CARD = {"stripe": "pm_card_visa", "braintree": "fake-valid-visa-nonce", "square": "cnon:card-nonce-ok"}
WINNING = {"stripe": "winning_evidence", "braintree": "compelling_evidence", "square": "We delivered it."}
PATIENCE = 20.0


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The web application where processors can reach it."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def connect(world: World, processor: str) -> str:
    """An account of Acme's at the processor, whose events come to us; answers its id."""
    account_id = world.use(processor)
    with organization(world.acme.id):
        sandbox_hooks.listen(world.acme.id, account_id)
    return account_id


@dataclass
class Desk:
    """Acme at one processor."""

    world: World
    processor: str
    account_id: str

    def hold(self, amount: int) -> str:
        """An amount is held and not taken; answers the payment's id."""
        return self.pay(amount, capture_method="manual")

    def parts_of(self, payment_id: str) -> list[str]:
        """Braintree's ids of the parts that were captured of a payment."""
        merchant = self.adapter()._merchant  # type: ignore[attr-defined]
        return [str(one) for one in merchant.load(self.charge_of(payment_id)).partial_settlement_transaction_ids]

    def pay(self, amount: int = 2000, confirm: bool = True, capture_method: str = "automatic") -> str:
        """Somebody pays; answers the payment's id."""
        acme = self.world.acme.id
        with organization(acme):
            with transaction():
                asked = NewPayment(
                    amount,
                    "USD",
                    account_id=self.account_id,
                    payment_method=CARD[self.processor],
                    capture_method=capture_method,
                )
                payment_id = new_payments.create(acme, asked).id
            if confirm:
                payments.confirm(acme, payment_id)
        return payment_id

    def charge_of(self, payment_id: str) -> str:
        """The processor's id of what a payment charged, from the sandbox: we may not know it."""
        ids = {one.id for one in rows(self.world, Attempt) if one.payment_id == payment_id}
        return next(str(one["id"]) for one in self.world.charges() if one["reference"] in ids)

    def contest(self, payment_id: str, reason: str | None = None, charge_id: str | None = None) -> str:
        """The card's holder goes to their bank; answers the processor's id of the dispute."""
        charge = f"{self.world.sandbox_url}/_sandbox/charges/{self.processor}/{charge_id or self.charge_of(payment_id)}"
        if self.processor == "braintree":
            requests.post(f"{charge}/settle", timeout=5)  # only what has settled can be disputed; it may have by itself
        answer = requests.post(f"{charge}/dispute", json={"reason": reason} if reason else {}, timeout=5)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def disputed(self, payment_id: str | None = None, reason: str | None = None) -> Dispute:
        """A payment that is disputed, as soon as Ballast has learned it."""
        self.contest(payment_id or self.pay(), reason)
        self.await_(self.disputes)
        return self.disputes()[0]

    def disputes(self) -> list[Dispute]:
        return rows(self.world, Dispute)

    def await_(self, condition: Callable[[], Any]) -> None:
        """Let the worker work until it is so, or fail."""
        until = time.monotonic() + PATIENCE
        for number in count():
            if condition():
                return
            seen = self.inbox()
            assert time.monotonic() < until, ([one.status for one in self.disputes()], seen)
            # To look for all work takes far longer than to look whether an event came, which is what is waited for mostly.
            if number % 5 == 0 or "received" in str(seen):
                self.world.drain()
            time.sleep(0.05)

    def await_status(self, status: str) -> Dispute:
        self.await_(lambda: self.disputes()[-1].status == status)
        return self.disputes()[-1]

    def await_quiet(self) -> None:
        """Until every event has been applied or ignored, and no other has come for a moment."""
        still, since = "", time.monotonic()
        while time.monotonic() - since < 0.6:
            if (seen := str(self.inbox())) != still or "received" in seen:
                self.world.drain()
                still, since = str(self.inbox()), time.monotonic()
            time.sleep(0.05)

    def inbox(self) -> list[tuple[str, str]]:
        return [(one.type, one.status) for one in rows(self.world, InboxEvent)]

    def answer(self, dispute: Dispute, text: str) -> None:
        with organization(self.world.acme.id):
            dispute_answers.submit_evidence(self.world.acme.id, dispute.id, text)

    def accept(self, dispute: Dispute) -> None:
        with organization(self.world.acme.id):
            dispute_answers.accept(self.world.acme.id, dispute.id)

    def lose(self, dispute: Dispute) -> None:
        """Have the bank find for the card's holder. (Square's sandbox does so only when nothing was written.)"""
        if self.processor == "square":
            place = f"{self.world.sandbox_url}/v2/disputes/{dispute.external_id}/submit-evidence"
            requests.post(
                place, headers={"Authorization": f"Bearer {ACCOUNTS['square']['secret_key']}"}, timeout=5
            ).raise_for_status()
        else:
            self.answer(dispute, "losing_evidence")

    def adapter(self) -> Adapter:
        """What speaks to the processor for Acme."""
        with organization(self.world.acme.id), transaction() as session:
            row = session.scalars(select(ProcessorAccount).where(ProcessorAccount.id == self.account_id)).one()
            return processing.adapter_for(processing.open_account(row).credentials)

    def at_the_bank(self, external_id: str) -> int:
        """Minor units the bank holds for a dispute, as the processor's own books have it."""
        if self.processor == "stripe":
            key = f"{self.world.settings.stripe_secret_key}_{self.world.acme.slug}"
            place = f"{self.world.sandbox_url}/v1/disputes/{external_id}"
            told = requests.get(place, headers={"Authorization": f"Bearer {key}"}, timeout=5).json()
            return -sum(int(one["amount"]) for one in told["balance_transactions"])
        found = self.adapter().find_dispute(external_id)
        assert isinstance(found, base.Dispute)
        return found.amount if found.status in WITHDRAWN and not found.is_inquiry else 0

    def check_books(self) -> None:
        """The ledger holds what the sandbox took, gave back and lost to the bank."""
        lost = sum(self.at_the_bank(one.external_id) for one in self.disputes())
        money = [one for one in self.world.charges() if one["processor"] == self.processor]
        taken = sum(one["amount_captured"] - one["amount_refunded"] for one in money)
        self.await_(lambda: balance(self.world, "disputes") == lost)  # on a loaded machine the last event may be late
        assert balance(self.world, "processor_receivable") == taken - lost - balance(self.world, "processor_fees")
