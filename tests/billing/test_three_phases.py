"""The process may die, pause or be overtaken at any line around the processor: there is one charge or none, and we know which."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import requests
from sqlalchemy import text

from ballast import queue
from ballast.billing import outcomes, payments, processing, refunds, resolver
from ballast.clock import real_time, shifted
from ballast.db import assert_no_transaction, db, organization, transaction
from ballast.errors import Conflict
from ballast.local.postgres import Postgres
from ballast.models import Email, Event, LedgerTransfer, ProcessorAccount, Refund
from ballast.notifications import webhooks
from ballast.notifications.posting import post
from ballast.processors.base import ActionRequired, Approved, Card, Declined, Lookup, NotSent, Outcome, Unknown
from ballast.processors.stripe import StripeAdapter
from tests.billing.acts import (
    Died,
    Shopper,
    answer_challenge,
    as_worker,
    at_once,
    attempts,
    balance,
    die,
    elsewhere,
    event_of,
    hook,
    late_successes,
    pause,
    rows,
    stripe,
    taken,
    wire,
)
from tests.world import Api, World

Patch = pytest.MonkeyPatch
NOBODYS = Lookup("att_1", "pi_1", 100, "USD", real_time())
AN_HOUR_LATER = timedelta(hours=1)
LATER = timedelta(minutes=5)


def confirm(world: World, payment_id: str, payment_method: str | None = None) -> None:
    with organization(world.acme.id):
        payments.confirm(world.acme.id, payment_id, payment_method)


def record(world: World, attempt_id: str, outcome: Outcome) -> None:
    with organization(world.acme.id):
        outcomes.record(world.acme.id, attempt_id, outcome)


def after(method: str) -> Callable[[Patch], None]:
    """Die when the adapter's `method` has done its work and the answer has not been used."""

    def arrange(patch: Patch) -> None:
        real = getattr(StripeAdapter, method)

        def dying(self: StripeAdapter, *args: Any) -> Any:
            real(self, *args)
            raise Died

        patch.setattr(StripeAdapter, method, dying)

    return arrange


def before(owner: Any, name: str) -> Callable[[Patch], None]:
    """Die when `name` is called."""
    return lambda patch: patch.setattr(owner, name, die)


LINES = {
    "after begin committed": (before(payments, "run"), 0),
    "before the processor heard of it": (before(StripeAdapter, "prepare"), 0),
    "during prepare": (after("prepare"), 0),
    "before its id is committed": (before(payments, "mark_submitted"), 0),
    "after its id is committed": (before(StripeAdapter, "submit"), 0),
    "after the charge": (after("submit"), 1),
    "while recording": (before(outcomes, "_tell"), 1),
    "in the commit of the record": (before(outcomes.receipts, "send_receipt"), 1),
    "after recording, before the wake-up": (before(queue, "wake_now"), 1),
}


@pytest.mark.parametrize("line", LINES)
def test_a_process_that_dies_leaves_one_charge_or_none_and_the_truth(
    world: World, unpaid: str, monkeypatch: Patch, line: str
) -> None:
    arrange, charged = LINES[line]
    with monkeypatch.context() as patch:
        arrange(patch)
        if line == "after recording, before the wake-up":
            patch.undo()
            real = outcomes.receipts.send_receipt
            patch.setattr(
                outcomes.receipts, "send_receipt", lambda *given: (real(*given), patch.setattr(queue, "wake_now", die))
            )
        with pytest.raises(Died):
            confirm(world, unpaid)
    assert_no_transaction()
    if world.payment(unpaid).status == "processing":
        with pytest.raises(Conflict, match="payment_in_progress"):
            confirm(world, unpaid, "pm_card_mastercard")
        world.drain()
        assert world.payment(unpaid).status == "processing", "a lease still runs: nobody may touch it"
    with shifted(LATER):
        world.drain()
    assert world.payment(unpaid).status == ("succeeded" if charged else "requires_confirmation")
    assert [attempt.status for attempt in attempts(world)] == (["approved"] if charged else ["not_sent"])
    assert len(taken(world)) == charged
    assert balance(world, "processor_receivable") == 2000 * charged
    if not charged:
        confirm(world, unpaid)
        assert world.payment(unpaid).status == "succeeded"
        assert len(taken(world)) == 1


@pytest.mark.parametrize("kind", ["reset_after", "error_after", "truncate", "reset_before", "error_before"])
def test_a_lost_answer_is_asked_for_and_never_sent_again(world: World, api: Api, kind: str) -> None:
    world.fault(kind=kind, operation="payment_intents.confirm", count=1)
    made = api.pay().get_json()
    assert made["status"] == "processing"
    assert [attempt.status for attempt in attempts(world)] == ["unknown"]
    assert api.post(f"/payments/{made['id']}/confirm").status_code == 409
    charged = len(taken(world))
    with shifted(timedelta(seconds=31)):
        world.drain()
    assert world.payment(made["id"]).status == ("succeeded" if charged else "requires_confirmation")
    assert len(taken(world)) == charged
    assert len(wire(world, "/confirm")) == 1
    assert len(wire(world, "/payment_intents")) == 1


@pytest.mark.parametrize("operation", ["payment_intents.create", "payment_intents.confirm"])
def test_a_call_that_was_turned_away_at_the_door_is_made_once_more_under_the_same_key(
    world: World, api: Api, operation: str
) -> None:
    world.fault(kind="rate_limit", operation=operation, count=2)
    assert api.pay().get_json()["status"] == "succeeded"
    asked = [one for one in wire(world, "") if one["operation"] == operation]
    assert [one["status"] for one in asked] == [429, 429, 200]
    assert len({one["idempotency_key"] for one in asked}) == 1
    assert len(taken(world)) == 1


def test_an_outcome_stays_open_while_the_processor_is_away_and_is_probed_ever_more_rarely(
    world: World, api: Api
) -> None:
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    world.fault(kind="error_before", operation="payment_intents.retrieve")
    made = api.pay().get_json()
    asked, passed = [], 0
    for seconds in (31, 121, 601, 3601, 21_601, 86_401, 86_401):
        passed += seconds
        with shifted(timedelta(seconds=passed - 20)):
            world.drain()
        with shifted(timedelta(seconds=passed)):
            world.drain()
        asked.append(len(wire(world, "", "GET")))
        assert world.payment(made["id"]).status == "processing"
    assert asked == [3, 6, 9, 12, 15, 18, 21], "each probe is a read, and a read is tried three times"
    world.forget_faults()
    with shifted(timedelta(seconds=passed + 86_401)):
        world.drain()
    assert world.payment(made["id"]).status == "succeeded"
    assert len(taken(world)) == 1


def test_a_process_that_slept_during_prepare_sends_nothing(world: World, unpaid: str, monkeypatch: Patch) -> None:
    real = StripeAdapter.prepare
    monkeypatch.setattr(StripeAdapter, "prepare", lambda self, charge: (real(self, charge), pause(seconds=14))[0])
    confirm(world, unpaid)
    assert wire(world, "/confirm") == []
    pause(minutes=1)
    world.drain()
    assert world.payment(unpaid).status == "requires_confirmation"
    assert taken(world) == []


def test_a_process_that_slept_before_sending_sends_nothing(world: World, unpaid: str, monkeypatch: Patch) -> None:
    real = payments.mark_submitted
    monkeypatch.setattr(payments, "mark_submitted", lambda *given: (real(*given), pause(seconds=6))[0])
    confirm(world, unpaid)
    assert wire(world, "/confirm") == []
    assert world.payment(unpaid).status == "processing"
    pause(minutes=1)
    world.drain()
    assert world.payment(unpaid).status == "requires_confirmation"
    assert len(wire(world, "/cancel")) == 1
    assert taken(world) == []


def test_a_process_that_wakes_in_the_middle_of_sending_finds_the_charge_canceled(
    world: World, unpaid: str, monkeypatch: Patch
) -> None:
    real = StripeAdapter.submit

    def overtaken(self: StripeAdapter, charge: Any) -> Outcome:
        with shifted(LATER):
            elsewhere(world.app, as_worker(world, resolver.resolve_due))
        return real(self, charge)

    monkeypatch.setattr(StripeAdapter, "submit", overtaken)
    confirm(world, unpaid)
    assert world.payment(unpaid).status == "requires_confirmation"
    assert taken(world) == []


def test_a_process_that_comes_late_with_its_answer_changes_nothing(
    world: World, unpaid: str, monkeypatch: Patch
) -> None:
    real = StripeAdapter.submit

    def overtaken(self: StripeAdapter, charge: Any) -> Outcome:
        outcome = real(self, charge)
        with shifted(LATER):
            elsewhere(world.app, as_worker(world, resolver.resolve_due))
        return outcome

    monkeypatch.setattr(StripeAdapter, "submit", overtaken)
    confirm(world, unpaid)
    assert world.payment(unpaid).status == "succeeded"
    assert len(rows(world, LedgerTransfer)) == 1
    assert [event.type for event in rows(world, Event)].count("payment_intent.succeeded") == 1
    assert late_successes(world) == []


def test_two_resolvers_at_once_ask_once(world: World, api: Api) -> None:
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    payment_id = api.pay().get_json()["id"]
    world.fault(kind="latency", operation="payment_intents.retrieve", seconds=0.3)
    with shifted(LATER):
        at_once(world.app, *[as_worker(world, resolver.resolve_due)] * 3)
    assert len([one for one in wire(world, "", "GET") if "/payment_intents/" in one["path"]]) == 1
    assert world.payment(payment_id).status == "succeeded"
    assert len(rows(world, LedgerTransfer)) == 1


def test_a_processor_that_answers_slowly_holds_up_only_its_own_attempts(
    world: World, api: Api, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(resolver, "THREADS", 1)
    world.use("square")
    square = ("square", "cnon:card-nonce-ok", "payments.create")
    for processor, card, charge in (square, square, ("stripe", "pm_card_visa", "payment_intents.confirm")):
        world.fault(processor=processor, kind="reset_after", operation=charge, count=1)
        assert api.pay(processor=processor, payment_method=card).get_json()["status"] == "processing"
    world.fault(processor="square", kind="latency", operation="payments.list", seconds=0.5)
    with shifted(LATER):
        elsewhere(world.app, as_worker(world, resolver.resolve_due))
    found = sorted(attempts(world), key=lambda attempt: attempt.finished_at or real_time())
    assert [(one.processor, one.status) for one in found] == [("stripe", "approved"), *[("square", "approved")] * 2]


# --- What is recorded twice, or against itself -------------------------------------------------------------------------------

YES = Approved("", 2000, Card("visa", "4242"))
NO = Declined("soft", "generic_decline", "No.")
NEVER = NotSent("canceled")


@pytest.fixture
def submitted(world: World, unpaid: str, monkeypatch: Patch) -> str:
    """The id of an attempt whose process died after the charge."""
    with monkeypatch.context() as patch:
        after("submit")(patch)
        with pytest.raises(Died):
            confirm(world, unpaid)
    return attempts(world)[0].id


def test_the_first_outcome_stays(world: World, submitted: str, unpaid: str) -> None:
    record(world, submitted, YES)
    for second in (YES, NO, NEVER, Unknown("no_answer"), ActionRequired("pi_1", None, None)):
        record(world, submitted, second)
    payment = world.payment(unpaid)
    assert (payment.status, payment.amount_captured) == ("succeeded", 2000)
    assert [attempt.status for attempt in attempts(world)] == ["approved"]
    assert len(rows(world, LedgerTransfer)) == 1
    told = [event.type for event in rows(world, Event)]
    assert told == ["payment_intent.created", "payment_intent.succeeded"]


@pytest.mark.parametrize("round_", range(3))
def test_contradicting_outcomes_at_once_end_in_one_of_them(
    world: World, submitted: str, unpaid: str, round_: int
) -> None:
    told: list[Outcome] = [YES, NO, NEVER, YES, Unknown("no_answer")]
    answers = at_once(world.app, *[lambda one=one: record(world, submitted, one) for one in told])
    assert answers == [None] * 5
    (attempt,) = attempts(world)
    payment = world.payment(unpaid)
    won = attempt.status == "approved"
    assert payment.status == {
        "approved": "succeeded",
        "declined": "requires_payment_method",
        "not_sent": "requires_confirmation",
    }.get(attempt.status)
    assert balance(world, "processor_receivable") == 2000
    assert balance(world, "late_receipts") == (0 if won else -2000)
    assert (len(late_successes(world)), len(rows(world, Refund))) == ((0, 0) if won else (1, 1))


@pytest.mark.parametrize("given_up", [NO, NEVER])
def test_a_late_success_is_alarmed_once_and_leaves_the_payment_as_it_is(
    world: World, submitted: str, unpaid: str, given_up: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    record(world, submitted, given_up)
    status = world.payment(unpaid).status
    with caplog.at_level(logging.ERROR):
        record(world, submitted, YES)
        record(world, submitted, YES)
    assert "late success" in caplog.text
    assert world.payment(unpaid).status == status
    (entry,) = late_successes(world)
    was = "declined" if given_up is NO else "not_sent"
    assert entry.changes == {"attempt": submitted, "was": was, "amount": 2000, "answer": "refund"}
    assert entry.resource_id == unpaid
    assert [(one.kind, one.amount) for one in rows(world, LedgerTransfer)] == [("late_success", 2000)]


def test_money_that_moved_for_a_declined_attempt_is_heard_of_by_its_event(world: World, api: Api) -> None:
    answer = api.pay(payment_method="pm_card_visa_chargeDeclined")
    payment_id = answer.get_json()["error"]["payment"]["id"]
    (attempt,) = attempts(world)
    assert stripe(world, f"payment_intents/{attempt.external_id}/confirm", payment_method="pm_card_visa").ok
    assert attempt.external_id is not None
    world.fault(kind="error_before", operation="payment_intents.retrieve", count=1)
    for event_type in ("charge.succeeded", "payment_intent.succeeded"):
        assert hook(world, event_of(attempt.external_id, event_type)).status_code == 204
    world.drain()
    with shifted(LATER):
        world.drain()
    assert world.payment(payment_id).status == "requires_payment_method"
    late = late_successes(world)
    assert [entry.resource_id for entry in late] == [payment_id]


def test_a_failed_challenge_cannot_be_confirmed_behind_our_back(world: World, shopper: Shopper) -> None:
    token = shopper.buy()
    page = shopper.pay(token, "pm_card_authenticationRequired").get_data(as_text=True)
    answer_challenge(page, "fail")
    shopper.back_from_bank(token)
    (attempt,) = attempts(world)
    assert (attempt.status, attempt.decline_class) == ("declined", "authentication")
    again = stripe(world, f"payment_intents/{attempt.external_id}/confirm", payment_method="pm_card_visa")
    assert again.status_code == 400
    assert taken(world) == []


# --- No transaction while somebody else thinks -------------------------------------------------------------------------------


def test_the_door_to_the_processors_is_shut_while_a_transaction_is_open(world: World) -> None:
    with organization(world.acme.id):
        account = processing.open_account(rows(world, ProcessorAccount)[0])
        with transaction() as session:
            session.execute(text("select 1"))
            with pytest.raises(RuntimeError, match="transaction is open"):
                processing.read(account, lambda adapter: adapter.find(NOBODYS))
        db.session.execute(text("select 1"))
        with pytest.raises(RuntimeError, match="transaction is open"):
            processing.send(account, lambda adapter: adapter.cancel(NOBODYS), real_time())
        db.session.rollback()
        processing.read(account, lambda adapter: adapter.find(NOBODYS))


def test_nothing_in_the_database_waits_while_a_processor_or_an_endpoint_is_asked(
    world: World, api: Api, shopper: Shopper, postgres: Postgres, monkeypatch: Patch
) -> None:
    seen: list[tuple[str, bool]] = []
    asking = psycopg.connect(postgres.superuser_url, autocommit=True)

    def under_way() -> set[Any]:
        ours = "application_name like 'ballast-%' and xact_start is not null"
        return set(asking.execute(f"select pid, xact_start from pg_stat_activity where {ours}"))  # type: ignore[arg-type]

    def watch(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def watched(*given: Any, **named: Any) -> Any:
            found = under_way()
            if found:  # another thread may be recording what it did: that is over in a moment
                time.sleep(0.2)
                found &= under_way()
            seen.append((name, bool(found) or db.session().in_transaction()))
            return real(*given, **named)

        monkeypatch.setattr(owner, name, watched)

    for name in ("prepare", "submit", "find", "cancel", "refund", "find_refund"):
        watch(StripeAdapter, name)
    watch(webhooks, "post")
    world.fault(kind="reset_after", operation="payment_intents.confirm", count=1)
    world.fault(kind="reset_after", operation="refunds.create", count=1)
    token = shopper.buy()
    shopper.pay(token)
    with shifted(LATER):
        world.drain()
    token = Shopper(world).buy()
    shopper.pay(token, "pm_card_authenticationRequired")
    shopper.pay(token, "pm_card_visa")
    payment_id = api.pay().get_json()["id"]
    with organization(world.acme.id):
        with transaction():
            refund_id = refunds.request(world.acme.id, payment_id, 100, None).id
        refunds.send(world.acme.id, refund_id)
    external_id = attempts(world)[-1].external_id
    hook(world, event_of(external_id or "", "refund.updated"))
    db.session.rollback()
    with shifted(AN_HOUR_LATER):
        world.drain()
    asking.close()
    assert {name for name, _is_open in seen} == {"prepare", "submit", "find", "cancel", "refund", "find_refund", "post"}
    assert {name for name, is_open in seen if is_open} == set()
    assert webhooks.post is not post


def test_one_mail_whatever_is_recorded_twice(world: World, shopper: Shopper) -> None:
    shopper.pay(shopper.buy())
    (attempt,) = attempts(world)
    record(world, attempt.id, YES)
    assert hook(world, event_of(attempt.external_id or "")).status_code == 204
    world.drain()
    world.drain()
    assert len(rows(world, Email)) == 1
    assert len([mail for mail in world.mails() if "receipt" in mail["subject"].lower()]) == 1
    assert requests.get(world.sandbox_url, timeout=5).ok
