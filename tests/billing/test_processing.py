"""Calls are repeated in one place: the very same call under the same key, and only where it cannot charge twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import requests

from ballast.billing import accounts, new_payments, payments, processing, refunds
from ballast.billing.new_payments import NewPayment
from ballast.billing.processing import Account
from ballast.clock import real_time, shifted
from ballast.db import db, organization, transaction
from ballast.models import Refund
from ballast.processors.base import Charge, Lookup, NotSent, UnavailableError, Unknown
from tests.billing.acts import attempts, rows, taken
from tests.billing.test_accounts import connect
from tests.world import World


@dataclass(frozen=True)
class Desk:
    """Acme's account at one processor. `asks`: the sandbox's name of the call that takes the money; `reads`: of one that reads."""

    world: World
    processor: str
    account_id: str
    card: str
    asks: str
    reads: str

    def fault(self, kind: str, operation: str | None = None, **rule: Any) -> None:
        self.world.fault(processor=self.processor, kind=kind, operation=operation or self.asks, **rule)

    def pay(self) -> str:
        """A payment of $20.00 here; its id."""
        with organization(self.world.acme.id):
            with transaction():
                asked = NewPayment(2000, "USD", account_id=self.account_id, payment_method=self.card)
                payment_id = new_payments.create(self.world.acme.id, asked).id
            payments.confirm(self.world.acme.id, payment_id)
        return payment_id

    def said(self, operation: str | None = None) -> list[dict[str, Any]]:
        """What was said to the processor in one kind of call, oldest first."""
        url = f"{self.world.sandbox_url}/_sandbox/wire"
        lines = requests.get(url, params={"processor": self.processor}, timeout=5).text.splitlines()
        return [one for one in map(json.loads, lines) if one["operation"] == (operation or self.asks)]

    def account(self) -> Account:
        with organization(self.world.acme.id):
            opened = processing.open_account(accounts.find(self.world.acme.id, self.account_id))
        db.session.rollback()
        return opened


CARDS = {
    "stripe": ("pm_card_visa", "payment_intents.confirm", "accounts.retrieve_current"),
    "braintree": ("fake-valid-nonce", "transactions.create", "merchant_accounts.list"),
    "square": ("cnon:card-nonce-ok", "payments.create", "locations.get"),
}


@pytest.fixture(params=CARDS)
def desk(world: World, request: pytest.FixtureRequest) -> Iterator[Desk]:
    processor = request.param
    with organization(world.acme.id):
        account_id = world.acme.account_id if processor == "stripe" else connect(world.acme, processor)
    db.session.rollback()
    yield Desk(world, processor, account_id, *CARDS[processor])
    world.forget_faults()


def keys(said: list[dict[str, Any]]) -> set[str]:
    """What the processor would tell calls apart by: its key, where one is sent."""
    return {one["idempotency_key"] or one["body"] for one in said}


def test_one_who_is_turned_away_for_a_second_comes_again_under_the_same_key(desk: Desk) -> None:
    desk.fault("rate_limit", seconds=1, count=1)
    payment_id = desk.pay()
    said = desk.said()
    assert [one["fault"] for one in said] == ["rate_limit", None]
    assert said[1]["at"] - said[0]["at"] >= 1
    assert len(keys(said)) == 1
    assert desk.world.payment(payment_id).status == "succeeded"
    assert len(taken(desk.world)) == 1


def test_one_who_is_turned_away_for_long_does_not_wait(desk: Desk) -> None:
    desk.fault("rate_limit", seconds=30, count=1)
    began = real_time()
    desk.pay()
    assert real_time() - began < timedelta(seconds=5)
    assert len(desk.said()) == 1
    assert taken(desk.world) == []


def test_one_who_is_turned_away_again_and_again_gives_up(desk: Desk) -> None:
    desk.fault("rate_limit", seconds=1)
    desk.pay()
    assert 2 <= len(desk.said()) <= processing.TRIES
    assert taken(desk.world) == []


@pytest.mark.parametrize("kind", ["reset_after", "error_after", "reset_before", "error_before", "truncate"])
def test_a_charge_whose_answer_was_lost_is_never_sent_again(desk: Desk, kind: str) -> None:
    desk.fault(kind, count=1)
    desk.pay()
    assert len(desk.said()) == 1
    assert [one.status for one in attempts(desk.world)] == ["unknown"]
    assert len(taken(desk.world)) == (0 if kind.endswith("before") else 1)


def test_a_refund_whose_answer_was_lost_is_never_sent_again(world: World) -> None:
    world.fault(kind="reset_after", operation="refunds.create", count=1)
    with organization(world.acme.id):
        payment_id = world.api(world.acme.api_key).pay().get_json()["id"]
        with transaction():
            refund_id = refunds.request(world.acme.id, payment_id, 500, "other", None).id
        refunds.send(world.acme.id, refund_id)
    assert [one.status for one in rows(world, Refund)] == ["unknown"]
    assert [one["amount_refunded"] for one in taken(world)] == [500]


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "error_before", "rate_limit", "truncate"])
def test_a_question_that_changes_nothing_is_asked_again(desk: Desk, kind: str) -> None:
    desk.fault(kind, desk.reads, count=1)
    before = len(desk.said(desk.reads))
    found = processing.read(desk.account(), lambda adapter: adapter.check())
    assert found.problem is None
    assert len(desk.said(desk.reads)) - before == 2


def test_a_question_is_asked_three_times_and_no_more(desk: Desk) -> None:
    desk.fault("reset_before", desk.reads)
    before = len(desk.said(desk.reads))
    found = processing.read(desk.account(), lambda adapter: adapter.check())
    assert found.reason == "no_answer"
    assert len(desk.said(desk.reads)) - before == processing.TRIES


def test_a_question_whose_answer_is_an_error_is_asked_again_and_the_error_is_told(world: World) -> None:
    with organization(world.acme.id):
        account_id = connect(world.acme, "braintree", merchant_id="ballast_asked")
        opened = processing.open_account(accounts.find(world.acme.id, account_id))
    db.session.rollback()
    world.fault(processor="braintree", kind="reset_before", operation="client_token.generate", count=2)
    assert processing.read(opened, lambda adapter: adapter.client_config("USD")).values
    world.fault(processor="braintree", kind="reset_before", operation="client_token.generate")
    with pytest.raises(UnavailableError):
        processing.read(opened, lambda adapter: adapter.client_config("EUR"))


def test_nothing_leaves_after_the_moment_it_must_have_left_by(desk: Desk) -> None:
    charge = Charge("att_1", "pay_1", 2000, "USD", desk.card, True, False, external_id="pi_nobody_has")
    outcome = processing.send(
        desk.account(), lambda adapter: adapter.submit(charge), real_time() - timedelta(seconds=1)
    )
    assert isinstance(outcome, NotSent)
    assert outcome.reason == "too_late"
    assert desk.said() == []


def test_a_repetition_does_not_leave_too_late_either(desk: Desk) -> None:
    """Turned away for a second, with half a second left."""
    charge = Charge("att_2", "pay_2", 2000, "USD", desk.card, True, False, external_id="pi_nobody_has")
    desk.fault("rate_limit", seconds=1)
    until = real_time() + timedelta(seconds=0.5)
    outcome = processing.send(desk.account(), lambda adapter: adapter.submit(charge), until)
    assert isinstance(outcome, NotSent | Unknown)
    assert len(desk.said()) == 1


def test_a_question_may_be_asked_at_any_time(desk: Desk) -> None:
    with shifted(timedelta(minutes=10)):
        lookup = Lookup("att_3", None, 2000, "USD", real_time() - timedelta(minutes=5))
        found = processing.read(desk.account(), lambda adapter: adapter.find(lookup))
    assert found == NotSent("absent")


def test_no_call_is_made_while_a_transaction_is_open(desk: Desk) -> None:
    opened = desk.account()
    with organization(desk.world.acme.id), transaction() as session:
        session.connection()
        for ask in (
            lambda: processing.read(opened, lambda adapter: adapter.check()),
            lambda: processing.send(opened, lambda adapter: adapter.check(), real_time()),
            lambda: processing.try_out(opened.credentials),
        ):
            with pytest.raises(RuntimeError, match="transaction is open"):
                ask()
