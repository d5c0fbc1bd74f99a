"""A payment's life in any order, at each processor, with answers that get lost: a model of a few lines says where it must stand, and
at its end the books are held against what the processor took.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import requests
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from ballast.clock import shifted
from ballast.models import Attempt
from tests.billing.acts import event_of, hook, rows, taken
from tests.chaos import truth
from tests.machines import live
from tests.world import World

UNPAID = ("requires_confirmation", "requires_payment_method")
FATES = st.sampled_from([None, None, "reset_before", "error_before", "reset_after", "error_after", "truncate"])
# The processor has not heard of it then.
BEFORE = ("reset_before", "error_before")
# An hour is past every lease, and past the minute after which Braintree may call a charge absent.
LATER = timedelta(hours=1)


@dataclass(frozen=True)
class Processor:
    """Cards that are approved and declined, and the operations that charge, take what is held, let go and give back."""

    good: str
    bad: str
    charge: str
    capture: str
    void: str
    refund: str


PROCESSORS = {
    "stripe": Processor(
        "pm_card_visa",
        "pm_card_visa_chargeDeclined",
        "payment_intents.confirm",
        "payment_intents.capture",
        "payment_intents.cancel",
        "refunds.create",
    ),
    "braintree": Processor(
        "fake-valid-visa-nonce",
        "fake-processor-declined-visa-nonce",
        "transactions.create",
        "transactions.submit_for_settlement",
        "transactions.void",
        "transactions.refund",
    ),
    "square": Processor(
        "cnon:card-nonce-ok",
        "cnon:card-nonce-declined",
        "payments.create",
        "payments.complete",
        "payments.cancel",
        "refunds.create",
    ),
}


@dataclass
class Model:
    """Where a payment must stand. `becomes`: where it will stand once an answer that was lost is known; `given_back`: minor units of
    every refund that was accepted."""

    amount: int
    is_manual: bool
    status: str = "requires_confirmation"
    captured: int = 0
    given_back: int = 0
    becomes: tuple[str, int] | None = None

    def stand(self, status: str, captured: int = 0) -> None:
        self.status, self.captured, self.becomes = status, captured, None


@dataclass
class Said:
    """A request and its answer, for who sends it again."""

    path: str
    key: str
    body: dict[str, Any]
    answer: Any = field(default=None)


class Payments(RuleBasedStateMachine):
    """One payment at one processor, its client, and time."""

    world: World
    start_over: Callable[[], None]
    query: truth.Query

    def __init__(self) -> None:
        super().__init__()
        self.start_over()
        self.api = self.world.api(self.world.acme.api_key)
        self.said: Said | None = None
        self.passed = timedelta()

    @initialize(
        processor=st.sampled_from(sorted(PROCESSORS)),
        amount=st.integers(100, 1900),
        is_manual=st.booleans(),
        card=st.booleans(),
    )
    def begin(self, processor: str, amount: int, is_manual: bool, card: bool) -> None:
        self.world.use(processor)
        self.name, self.at = processor, PROCESSORS[processor]
        body = {"amount": amount, "confirm": False, "capture_method": "manual" if is_manual else "automatic"}
        made = self.api.pay(processor=processor, payment_method=self.at.good if card else self.at.bad, **body)
        assert made.status_code == 201, made.get_data(as_text=True)
        self.id = made.get_json()["id"]
        self.model = Model(amount, is_manual)

    def _ask(self, path: str, body: dict[str, Any], operation: str, fate: str | None) -> int:
        if fate:
            self.world.fault(processor=self.name, kind=fate, operation=operation, count=1)
        self.said = Said(path, str(uuid4()), body)
        self.said.answer = self.api.post(path, body, self.said.key)
        self.world.forget_faults()
        return int(self.said.answer.status_code)

    def _refused(self, status: int) -> bool:
        """Whether it is no moment for it: then it must be refused, and nothing changes."""
        assert self.said is not None
        assert status == 409, (self.model, self.said.path, self.said.answer.get_data(as_text=True))
        return True

    @rule(is_good=st.booleans(), fate=FATES)
    def it_is_confirmed(self, is_good: bool, fate: str | None) -> None:
        card = self.at.good if is_good else self.at.bad
        before = len(self.world.charges())
        told = self._ask(f"/payments/{self.id}/confirm", {"payment_method": card}, self.at.charge, fate)
        if self.model.status not in UNPAID:
            self._refused(told)
            return
        was_charged = len(taken(self.world)) > before
        if was_charged:
            ends = ("requires_capture", 0) if self.model.is_manual else ("succeeded", self.model.amount)
        elif fate in BEFORE:
            ends = ("requires_confirmation", 0)
        else:
            ends = ("requires_payment_method", 0)
        assert was_charged <= is_good
        if self._status() == "processing":
            self._wait(fate, ends)
        else:
            assert told == (200 if was_charged or fate in BEFORE else 402), self.said
            self.model.stand(*ends)

    @rule(percent=st.integers(1, 100), fate=FATES)
    def it_is_captured(self, percent: int, fate: str | None) -> None:
        amount = max(self.model.amount * percent // 100, 1)
        body = {"amount_to_capture": amount}
        told = self._ask(f"/payments/{self.id}/capture", body, self.at.capture, fate)
        if self.model.status != "requires_capture":
            self._refused(told)
        else:
            self._do(fate, ("succeeded", amount))

    @rule(fate=FATES)
    def it_is_canceled(self, fate: str | None) -> None:
        told = self._ask(f"/payments/{self.id}/cancel", {}, self.at.void, fate)
        if self.model.status in UNPAID:
            self.model.stand("canceled")
        elif self.model.status != "requires_capture":
            self._refused(told)
        else:
            self._do(fate, ("canceled", 0))

    def _do(self, fate: str | None, ends: tuple[str, int]) -> None:
        """What was asked for happens in any case, at once or once the processor has been asked again."""
        if self._status() == "processing":
            self._wait(fate, ends)
        else:
            self.model.stand(*ends)

    def _wait(self, fate: str | None, ends: tuple[str, int]) -> None:
        assert fate, "only an answer that was lost leaves it open"
        self.model.status, self.model.becomes = "processing", ends

    @rule(percent=st.integers(1, 120), fate=FATES)
    def a_part_goes_back(self, percent: int, fate: str | None) -> None:
        self._give_back(max(self.model.captured * percent // 100, 1), fate)

    @rule(fate=FATES)
    def all_that_is_left_goes_back(self, fate: str | None) -> None:
        self._give_back(max(self.model.captured - self.model.given_back, 1), fate)

    def _give_back(self, amount: int, fate: str | None) -> None:
        told = self._ask("/refunds", {"payment": self.id, "amount": amount}, self.at.refund, fate)
        if self.model.status == "succeeded" and amount <= self.model.captured - self.model.given_back:
            assert told == 201, (self.model, self.said)
            self.model.given_back += amount
        else:
            assert told in (400, 409, 422), (self.model, self.said)

    @precondition(lambda self: self.said is not None and self.said.answer.status_code < 403)
    @rule()
    def the_same_is_sent_again(self) -> None:
        assert self.said is not None
        again = self.api.post(self.said.path, self.said.body, self.said.key)
        assert (again.status_code, again.get_data()) == (self.said.answer.status_code, self.said.answer.get_data())

    @rule()
    def time_passes(self) -> None:
        self.passed += LATER
        with shifted(self.passed):
            self.world.drain()
        if self.model.becomes:
            self.model.stand(*self.model.becomes)

    @precondition(lambda self: self.name == "stripe")
    @rule(times=st.integers(1, 2))
    def the_processor_tells_how_it_ended(self, times: int) -> None:
        told = [one.external_id for one in rows(self.world, Attempt) if one.external_id]
        if not told or (self.model.becomes and self.model.becomes[0] == "requires_confirmation"):
            return
        event = event_of(told[-1])
        for _ in range(times):
            assert hook(self.world, event).status_code == 204
        self.time_passes()

    @precondition(lambda self: self.name == "braintree")
    @rule()
    def the_day_ends_at_the_processor(self) -> None:
        for charge in taken(self.world):
            path = f"merchants/{charge['account']}/transactions/{charge['id']}/settle"
            keys = ("acme_public", "acme_private")
            requests.put(f"{self.world.sandbox_url}/{path}", auth=keys, timeout=5)

    def _status(self) -> str:
        return self.world.payment(self.id).status

    @invariant()
    def it_stands_where_the_model_says(self) -> None:
        payment = self.world.payment(self.id)
        assert (payment.status, payment.amount_captured) == (self.model.status, self.model.captured)
        assert payment.amount_refunded <= self.model.given_back <= self.model.captured

    @invariant()
    def there_is_one_charge_at_most(self) -> None:
        assert len(taken(self.world)) <= 1

    def teardown(self) -> None:
        """The day ends, lost answers are found, and everything is held against everything."""
        for _ in range(4):
            if self.name == "braintree":
                self.the_day_ends_at_the_processor()
            self.time_passes()
        self.it_stands_where_the_model_says()
        assert self.world.payment(self.id).amount_refunded == self.model.given_back
        found = truth.find(self.query, self.world.charges()).findings
        # What was delivered hours ahead of the receiver's clock has a timestamp that it refuses.
        assert [one for one in found if "deliveries" not in one] == []


def test_whatever_happens_a_payment_stands_where_it_must(
    world: World, start_over: Callable[[], None], superuser: psycopg.Connection
) -> None:
    live(Payments, world, start_over, superuser, lives=10)
