"""Disputes at all three processors: opened by the sandbox, told by its own webhooks, answered, accepted, won and lost."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import update

from ballast import clock
from ballast.billing import dispute_answers, disputes, holds, inbox, payments, refunds
from ballast.billing.reconciliation import days
from ballast.clock import real_time, shifted
from ballast.db import organization, transaction
from ballast.errors import Conflict, InvalidRequest, NotFound
from ballast.ids import new_id
from ballast.models import (
    Attempt,
    AuditEntry,
    Dispute,
    Email,
    Event,
    InboxEvent,
    LedgerTransfer,
    Reconciliation,
    Refund,
)
from ballast.processors import base
from ballast.processors.stripe import StripeAdapter
from tests.billing.acts import Died, as_worker, at_once, balance, elsewhere, late_successes, rows, stripe
from tests.billing.disputing import PROCESSORS, WINNING, Desk, connect, serving
from tests.world import World

Patch = pytest.MonkeyPatch
LATER = timedelta(minutes=3)
EVIDENCE_CALL = {
    "stripe": "disputes.update",
    "braintree": "disputes.finalize",
    "square": "disputes.submit_evidence",
}


@pytest.fixture(scope="module")
def address(app: Flask) -> Iterator[str]:
    """Where the processors send their events; one for all tests, so that each takes the place of the last one's."""
    with serving(app) as url:
        yield url


@pytest.fixture
def connected(world: World, address: str, monkeypatch: Patch) -> Callable[[str], Desk]:
    """Acme at a processor of the test's choice."""
    monkeypatch.setattr(world.settings, "public_url", address)
    return lambda processor: Desk(world, processor, connect(world, processor))


@pytest.fixture(params=PROCESSORS)
def desk(request: pytest.FixtureRequest, connected: Callable[[str], Desk]) -> Desk:
    """Acme at each of the processors."""
    return connected(request.param)


@pytest.fixture
def counter(connected: Callable[[str], Desk]) -> Desk:
    """Acme at Stripe, for what does not depend on the processor."""
    return connected("stripe")


def told(world: World) -> list[str]:
    """The types of the events about disputes, oldest first."""
    return [one.type for one in rows(world, Event) if one.type.startswith("dispute.")]


def notices(world: World) -> list[Email]:
    return [one for one in rows(world, Email) if one.kind == "dispute"]


def moved(world: World) -> Counter[str]:
    """How often money moved in the ledger, by kind; what a processor charges for it is left aside."""
    return Counter(str(one.kind) for one in rows(world, LedgerTransfer) if not one.kind.startswith("dispute_fee"))


# --- Learning ----------------------------------------------------------------------------------------------------------------


def test_a_dispute_is_written_down_with_its_ledger_event_mail_and_audit(desk: Desk, world: World) -> None:
    payment_id = desk.pay()
    dispute = desk.disputed(payment_id)
    desk.await_quiet()
    (dispute,) = desk.disputes()
    assert (dispute.payment_id, dispute.amount, dispute.currency) == (payment_id, 2000, "USD")
    assert dispute.status == "needs_response"
    assert dispute.due_at is not None
    assert dispute.due_at > real_time() + timedelta(days=5)
    assert {status for kind, status in desk.inbox() if "dispute" in kind} == {"applied"}
    assert moved(world) == {"capture": 1, "dispute": 1}
    desk.check_books()
    assert told(world) == ["dispute.created"]
    (sent,) = [one for one in world.received() if one["type"] == "dispute.created"]
    for expected in (f'"{dispute.id}"', f'"{payment_id}"', '"needs_response"', '"evidence_submitted":false'):
        assert expected in sent["body"].replace('": ', '":'), expected
    (mail,) = [one for one in world.mails() if "owner@example.com" in one["to"]]
    assert "$20.00 is disputed: answer by" in mail["subject"]
    assert [one.recipient for one in notices(world)] == ["owner@example.com"]
    assert f"/admin/disputes/{dispute.id}" in notices(world)[0].text
    assert [one.action for one in rows(world, AuditEntry) if one.resource_id == dispute.id] == ["dispute.opened"]


def test_a_dispute_whose_events_are_lost_is_found_by_the_days_reconciliation(desk: Desk, world: World) -> None:
    payment_id = desk.pay()
    desk.await_quiet()
    world.fault(processor=desk.processor, kind="webhook_lost", count=20)
    external_id = desk.contest(payment_id)
    reconcile(world, desk)
    (dispute,) = desk.disputes()
    assert (dispute.payment_id, dispute.external_id, dispute.status) == (payment_id, external_id, "needs_response")
    with organization(world.acme.id):
        told = desk.adapter().accept_dispute(external_id)  # by hand, in the processor's own dashboard
    assert isinstance(told, base.Dispute)
    assert desk.disputes()[0].status == "needs_response"
    reconcile(world, desk)
    assert desk.disputes()[0].status == told.status
    reconcile(world, desk)
    assert moved(world)["dispute"] == 1
    assert balance(world, "disputes") == 2000
    desk.check_books()


@pytest.mark.parametrize("broken", ["the list", "one of them"])
def test_a_day_is_compared_whatever_is_wrong_with_its_disputes(
    counter: Desk, world: World, monkeypatch: Patch, broken: str
) -> None:
    def refuse(*_given: Any) -> None:
        raise base.UnavailableError("http_403") if broken == "the list" else RuntimeError("no such case")

    world.fault(processor="stripe", kind="webhook_lost", count=20)
    counter.contest(counter.pay())
    monkeypatch.setattr(*((StripeAdapter, "list_disputes") if broken == "the list" else (disputes, "learn")), refuse)
    reconcile(world, counter)
    (day,) = rows(world, Reconciliation)
    assert (day.status, day.charges) == ("done", 1)


def reconcile(world: World, desk: Desk) -> None:
    with organization(world.acme.id):
        days.run_now(world.acme.id, desk.account_id, real_time().date())


def test_the_fee_of_a_dispute_is_posted_once_and_comes_back_with_the_money(counter: Desk, world: World) -> None:
    dispute = counter.disputed()
    counter.await_quiet()
    assert balance(world, "processor_fees") == 1500
    counter.answer(dispute, WINNING["stripe"])
    counter.await_status("won")
    counter.await_quiet()
    assert balance(world, "processor_fees") == 0
    kinds = sorted(str(one.kind) for one in rows(world, LedgerTransfer) if one.kind.startswith("dispute_fee"))
    assert kinds == ["dispute_fee", "dispute_fee_returned"]
    counter.check_books()


def test_what_convinces_the_bank_brings_the_money_back(desk: Desk, world: World) -> None:
    dispute = desk.disputed()
    desk.answer(dispute, WINNING[desk.processor])
    won = desk.await_status("won")
    desk.await_quiet()
    assert won.finished_at is not None
    assert won.evidence_submitted
    assert moved(world) == {"capture": 1, "dispute": 1, "dispute_returned": 1}
    assert balance(world, "disputes") == 0
    desk.check_books()
    assert told(world)[0] == "dispute.created"
    assert told(world)[-1] == "dispute.closed"
    assert Counter(told(world))["dispute.closed"] == 1
    assert len(notices(world)) == 1


def test_what_does_not_convince_the_bank_is_lost_and_stays_so_in_the_books(desk: Desk, world: World) -> None:
    desk.lose(desk.disputed())
    desk.await_status("lost")
    desk.await_quiet()
    assert moved(world) == {"capture": 1, "dispute": 1}
    assert balance(world, "disputes") == 2000
    desk.check_books()
    assert Counter(told(world))["dispute.closed"] == 1


def test_who_accepts_gives_the_money_up_and_cannot_answer_any_more(desk: Desk, world: World) -> None:
    dispute = desk.disputed()
    desk.accept(dispute)
    (after,) = desk.disputes()
    assert after.status in ("accepted", "lost")
    assert (after.action, after.next_attempt_at, after.message) == (None, None, None)
    desk.await_quiet()
    assert balance(world, "disputes") == 2000
    desk.check_books()
    for action in ("accept", "submit_evidence"):
        with pytest.raises(Conflict) as refused:
            decide(desk, dispute, action)
        assert refused.value.code == "dispute_closed"
    assert "dispute.accepted" in [one.action for one in rows(world, AuditEntry) if one.resource_id == dispute.id]


def test_events_that_come_twice_late_and_in_another_order_change_nothing_false(desk: Desk, world: World) -> None:
    for kind in ("webhook_duplicate", "webhook_reordered"):
        world.fault(processor=desk.processor, kind=kind, operation="webhook", seconds=0.5)
    dispute = desk.disputed()
    desk.answer(dispute, WINNING[desk.processor])
    desk.await_status("won")
    desk.await_quiet()
    assert [one.status for one in desk.disputes()] == ["won"]
    assert moved(world) == {"capture": 1, "dispute": 1, "dispute_returned": 1}
    assert Counter(told(world)) & Counter({"dispute.created": 2, "dispute.closed": 2}) == {
        "dispute.created": 1,
        "dispute.closed": 1,
    }
    before = (told(world), moved(world), len(notices(world)))
    for event in rows(world, InboxEvent):
        with organization(world.acme.id):
            inbox.replay(world.acme.id, event.id)
    desk.await_quiet()
    assert (told(world), moved(world), len(notices(world))) == before
    desk.check_books()


def test_a_dispute_of_a_charge_whose_answer_was_lost_waits_for_it_and_is_not_dropped(
    desk: Desk, world: World, monkeypatch: Patch
) -> None:
    kind = type(desk.adapter())
    real = kind.submit

    def dying(self: Any, charge: Any) -> Any:
        real(self, charge)
        raise Died

    payment_id = desk.pay(confirm=False)
    with monkeypatch.context() as patch, organization(world.acme.id):
        patch.setattr(kind, "submit", dying)
        with pytest.raises(Died):
            payments.confirm(world.acme.id, payment_id)
    desk.contest(payment_id)
    desk.await_(lambda: any("dispute" in kind for kind, _ in desk.inbox()))
    for minutes in range(8):
        with shifted(timedelta(minutes=minutes)):
            world.drain()
    assert world.payment(payment_id).status == "succeeded"
    assert [one.status for one in desk.disputes()] == ["needs_response"]
    assert moved(world) == {"capture": 1, "dispute": 1}
    desk.check_books()


def test_many_who_learn_it_at_once_write_it_down_once(desk: Desk, world: World) -> None:
    external_id = desk.contest(desk.pay())

    def ask() -> str:
        return disputes.learn(world.acme.id, desk.account_id, external_id)

    assert at_once(world.worker_app, *[ask] * 4) == ["applied"] * 4
    desk.await_quiet()
    assert len(desk.disputes()) == 1
    assert moved(world) == {"capture": 1, "dispute": 1}
    assert told(world) == ["dispute.created"]
    assert len(notices(world)) == 1


def test_an_answer_that_was_overtaken_is_not_believed(counter: Desk, world: World, monkeypatch: Patch) -> None:
    """One worker asks and is slow; meanwhile the dispute is answered, and another has written that down."""
    dispute = counter.disputed()
    real = StripeAdapter.find_dispute
    slow = iter([True])

    def overtaken(self: StripeAdapter, external_id: str) -> Any:
        found = real(self, external_id)
        if next(slow, False):
            elsewhere(world.app, lambda: counter.answer(dispute, "We sent it."))
        return found

    monkeypatch.setattr(StripeAdapter, "find_dispute", overtaken)
    verdict = elsewhere(
        world.worker_app, lambda: disputes.learn(world.acme.id, counter.account_id, dispute.external_id)
    )
    assert verdict == "applied"
    assert [one.status for one in counter.disputes()] == ["under_review"]
    assert "dispute.updated" in told(world)


def test_what_the_machine_does_not_allow_is_logged_and_kept_out(
    counter: Desk, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    dispute = counter.disputed()
    counter.await_quiet()
    with organization(world.acme.id), transaction() as session:
        session.execute(update(Dispute).where(Dispute.organization_id == world.acme.id).values(status="lost"))
    with caplog.at_level(logging.ERROR, "ballast.billing.disputes"), organization(world.acme.id):
        assert disputes.learn(world.acme.id, counter.account_id, dispute.external_id) == "applied"
    assert f"dispute {dispute.id} is lost here and needs_response at the processor" in caplog.text
    assert [one.status for one in counter.disputes()] == ["lost"]
    assert told(world) == ["dispute.created"]


def test_a_dispute_of_a_charge_that_is_not_ours_is_ignored(counter: Desk, world: World) -> None:
    """Somebody charged at the same Stripe account, past Ballast."""
    form = {"amount": 2000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
    alone = {"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never"}
    intent = stripe(world, "payment_intents", **form, **alone).json()
    place = f"{world.sandbox_url}/_sandbox/charges/stripe/{intent['id']}/dispute"
    requests.post(place, json={}, timeout=5).raise_for_status()
    counter.await_(lambda: any("dispute.created" in kind for kind, _ in counter.inbox()))
    for seconds in (4, 8, 12):
        with shifted(timedelta(seconds=seconds)):
            world.drain()
    assert {status for kind, status in counter.inbox() if "dispute" in kind} == {"ignored"}
    assert counter.disputes() == rows(world, LedgerTransfer) == []


def test_an_event_is_applied_again_while_the_processor_gives_no_answer(counter: Desk, world: World) -> None:
    world.fault(kind="error_before", operation="disputes.retrieve")
    counter.contest(counter.pay())
    counter.await_(lambda: any("dispute" in kind for kind, _ in counter.inbox()))
    world.drain()
    assert counter.disputes() == []
    world.forget_faults()
    with shifted(LATER):
        world.drain()
    assert [one.status for one in counter.disputes()] == ["needs_response"]


def test_an_inquiry_moves_no_money_until_it_becomes_a_dispute(counter: Desk, world: World) -> None:
    dispute = counter.disputed(reason="inquiry")
    counter.await_quiet()
    assert dispute.status == "warning"
    assert moved(world) == {"capture": 1}
    assert "asks about a payment of $20.00" in notices(world)[0].subject
    counter.answer(dispute, "escalate_inquiry_evidence")
    assert counter.disputes()[0].status == "under_review"
    assert moved(world) == {"capture": 1}
    counter.await_status("needs_response")
    counter.await_quiet()
    assert moved(world) == {"capture": 1, "dispute": 1}
    assert not counter.disputes()[0].evidence_submitted
    assert len(notices(world)) == 2
    counter.check_books()


def test_an_inquiry_that_ends_well_has_moved_nothing(counter: Desk, world: World) -> None:
    counter.answer(counter.disputed(reason="inquiry"), "winning_evidence")
    counter.await_status("won")
    counter.await_quiet()
    assert moved(world) == {"capture": 1}
    counter.check_books()


def test_each_round_of_a_dispute_moves_its_money_once(counter: Desk, world: World) -> None:
    """Some networks go into a second round; no sandbox does, so what a processor would say is said here."""
    dispute = counter.disputed()
    counter.await_quiet()
    seen = "needs_response"
    for status in ("won", "won", "needs_response", "needs_response", "under_review", "lost", "won", "lost"):
        said = base.Dispute(
            external_id=dispute.external_id,
            charge_external_id=rows(world, Attempt)[0].external_id,
            amount=2000,
            currency="USD",
            reason="fraudulent",
            status=status,
            due_at=dispute.due_at,
            created_at=dispute.created_at,
        )
        with organization(world.acme.id):
            assert disputes.record(world.acme.id, counter.account_id, said, seen) == "applied"
        seen = status
    assert moved(world) == {"capture": 1, "dispute": 3, "dispute_returned": 2}
    assert balance(world, "disputes") == 2000
    assert len(notices(world)) == 2, "one a round that asks for an answer"


def test_a_dispute_of_a_charge_that_was_given_up_is_alarmed_and_leaves_nothing_in_the_books(
    counter: Desk, world: World
) -> None:
    """The attempt was closed as not sent, and the bank had been asked all the same."""
    payment_id = counter.pay()
    with organization(world.acme.id), transaction() as session:
        mine = update(Attempt).where(Attempt.organization_id == world.acme.id)
        session.execute(mine.values(status="not_sent"))
    dispute = counter.disputed(payment_id)
    counter.await_quiet()
    assert dispute.status == "needs_response"
    assert moved(world)["late_success"] == moved(world)["dispute"], "it came and went, or is not posted yet"
    assert balance(world, "late_receipts") == balance(world, "disputes") == 0
    assert balance(world, "processor_receivable") == 2000 - balance(world, "processor_fees")
    assert (len(late_successes(world)), len(notices(world))) == (1, 1)


def decide(desk: Desk, dispute: Dispute, action: str) -> None:
    if action == "accept":
        desk.accept(dispute)
    else:
        desk.answer(dispute, "We delivered it.")


def test_a_part_captured_from_an_authorization_is_disputed_as_the_charge_it_came_from(
    connected: Callable[[str], Desk], world: World
) -> None:
    """Braintree disputes the part, a transaction of its own."""
    desk = connected("braintree")
    payment_id = desk.hold(2000)
    at_the_gateway = base.Lookup("", desk.charge_of(payment_id), 2000, "USD", real_time())
    assert isinstance(desk.adapter().capture(at_the_gateway, 300, "by_hand", final=False), base.Approved)
    with organization(world.acme.id):
        holds.capture(world.acme.id, payment_id, 500)
    assert world.payment(payment_id).amount_captured == 800
    desk.contest(payment_id, charge_id=desk.parts_of(payment_id)[1])
    desk.await_(desk.disputes)
    (dispute,) = desk.disputes()
    assert (dispute.payment_id, dispute.amount) == (payment_id, 500)
    desk.accept(dispute)
    desk.await_quiet()
    desk.check_books()


# --- Answering ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("action", ["submit_evidence", "accept"])
def test_a_process_that_dies_around_the_call_leaves_it_to_the_sweeper(
    desk: Desk, world: World, monkeypatch: Patch, moment: str, action: str
) -> None:
    dispute = desk.disputed()
    name = "accept_dispute" if action == "accept" else action
    kind = type(desk.adapter())
    real = getattr(kind, name)

    def dying(self: Any, *told: Any) -> Any:
        if moment == "after":
            real(self, *told)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(kind, name, dying)
        with pytest.raises(Died):
            decide(desk, dispute, action)
    assert [(one.status, one.action) for one in desk.disputes()] == [("needs_response", action)]
    world.drain()
    waiting = desk.disputes()[0]
    assert waiting.action == action or waiting.status != "needs_response", "an event may have told it first"
    with shifted(LATER):
        world.drain()
    (after,) = desk.disputes()
    assert after.status in (("accepted", "lost") if action == "accept" else ("under_review", "won"))
    assert (after.action, after.next_attempt_at, after.message) == (None, None, None)
    desk.await_quiet()
    desk.check_books()


def test_an_answer_that_was_lost_is_asked_for_again(desk: Desk, world: World) -> None:
    dispute = desk.disputed()
    world.fault(processor=desk.processor, kind="webhook_lost", operation="webhook")
    world.fault(processor=desk.processor, kind="reset_after", operation=EVIDENCE_CALL[desk.processor], count=1)
    desk.answer(dispute, "We delivered it.")
    assert [(one.status, one.action) for one in desk.disputes()] == [("needs_response", "submit_evidence")]
    desk.answer(dispute, "We delivered it.")  # the form once more: nothing changes
    with pytest.raises(Conflict) as refused:
        desk.accept(dispute)
    assert refused.value.code == "dispute_action_pending"
    with shifted(LATER):
        world.drain()
    (after,) = desk.disputes()
    assert after.status in ("under_review", "won")
    assert after.evidence_submitted
    assert after.action is None


def test_what_the_processor_refuses_says_why_and_may_be_tried_again(
    counter: Desk, world: World, monkeypatch: Patch
) -> None:
    dispute = counter.disputed()
    counter.await_quiet()
    real = StripeAdapter.submit_evidence
    with monkeypatch.context() as patch:
        # Stripe has no such dispute: the one refusal that can be had for the asking.
        patch.setattr(StripeAdapter, "submit_evidence", lambda self, _id, text: real(self, "dp_nothing", text))
        counter.answer(dispute, "We sent it.")
    (after,) = counter.disputes()
    assert (after.status, after.action, after.next_attempt_at) == ("needs_response", None, None)
    assert "dp_nothing" in (after.message or "")
    assert after.evidence == "We sent it."
    assert not after.evidence_submitted
    counter.answer(dispute, "We sent it.")
    (after,) = counter.disputes()
    assert (after.status, after.message) == ("under_review", None)


def test_a_dispute_that_was_answered_elsewhere_cannot_be_accepted_and_says_so(counter: Desk, world: World) -> None:
    dispute = counter.disputed()
    counter.await_quiet()
    world.fault(kind="webhook_lost", operation="webhook")
    stripe(world, f"disputes/{dispute.external_id}", **{"evidence[uncategorized_text]": "x", "submit": "true"})
    counter.accept(dispute)
    (after,) = counter.disputes()
    assert (after.status, after.action) == ("under_review", None)
    assert after.message == "It had been answered before it could be accepted."
    assert not after.evidence_submitted


def test_a_paused_process_does_not_accept_what_was_answered_meanwhile(
    counter: Desk, world: World, monkeypatch: Patch
) -> None:
    dispute = counter.disputed()
    counter.await_quiet()
    real = StripeAdapter.accept_dispute

    def paused(self: StripeAdapter, external_id: str) -> Any:
        clock._real.set(clock._real.get() + timedelta(minutes=5))
        return real(self, external_id)

    with monkeypatch.context() as patch:
        patch.setattr(StripeAdapter, "accept_dispute", paused)
        counter.accept(dispute)
    found = counter.adapter().find_dispute(dispute.external_id)
    assert isinstance(found, base.Dispute)
    assert found.status == "needs_response", "nothing was sent"
    assert counter.disputes()[0].action == "accept", "and the sweeper will"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "evidence_required"),
        (" \r\n\t", "evidence_required"),
        ("It was paid with 4242 4242 4242 4242.", "card_number_refused"),
        (None, "evidence_too_long"),
    ],
)
def test_a_text_that_cannot_be_sent_is_refused_before_anything_is(
    desk: Desk, world: World, text: str | None, code: str
) -> None:
    dispute = desk.disputed()
    most = dispute_answers.longest(desk.processor)
    with pytest.raises(InvalidRequest) as refused:
        desk.answer(dispute, "x" * (most + 1) if text is None else text)
    assert (refused.value.code, refused.value.param) == (code, "text")
    (after,) = desk.disputes()
    assert (after.action, after.evidence, after.status) == (None, None, "needs_response")


def test_the_longest_text_is_taken_and_line_ends_count_once(desk: Desk) -> None:
    dispute = desk.disputed()
    most = dispute_answers.longest(desk.processor)
    desk.answer(dispute, "\r\n".join(["x"] * (most // 2)))
    (after,) = desk.disputes()
    assert after.evidence_submitted
    assert after.evidence == "\n".join(["x"] * (most // 2))


def test_a_stranger_has_no_such_dispute(counter: Desk, world: World) -> None:
    dispute = counter.disputed()
    with organization(world.stranger.id):
        for dispute_id in (dispute.id, new_id("dp"), "dp_nothing", "x"):
            with pytest.raises(NotFound):
                disputes.find(world.stranger.id, dispute_id)
            with pytest.raises(NotFound):
                dispute_answers.accept(world.stranger.id, dispute_id)
            with pytest.raises(NotFound):
                dispute_answers.submit_evidence(world.stranger.id, dispute_id, "Mine.")
    assert [(one.status, one.action) for one in counter.disputes()] == [("needs_response", None)]


# --- Refunds -----------------------------------------------------------------------------------------------------------------


def refund(world: World, payment_id: str, amount: int | None = None) -> str:
    with organization(world.acme.id):
        with transaction():
            made = refunds.request(world.acme.id, payment_id, amount, None).id
        refunds.send(world.acme.id, made)
    return made


def test_nothing_is_refunded_while_a_dispute_is_open_and_all_is_after_it_was_won(desk: Desk, world: World) -> None:
    payment_id = desk.pay()
    dispute = desk.disputed(payment_id)
    with pytest.raises(Conflict) as refused:
        refund(world, payment_id)
    assert refused.value.code == "payment_disputed"
    desk.answer(dispute, WINNING[desk.processor])
    desk.await_status("won")
    refund(world, payment_id)
    desk.await_(lambda: rows(world, Refund)[0].status == "succeeded")
    desk.check_books()


def test_what_was_lost_in_a_dispute_is_not_given_back_a_second_time(desk: Desk, world: World) -> None:
    payment_id = desk.pay()
    desk.accept(desk.disputed(payment_id))
    with pytest.raises(Conflict) as refused:
        refund(world, payment_id)
    assert refused.value.code == "payment_refunded"
    desk.await_quiet()
    desk.check_books()


def test_what_is_left_beside_a_partial_refund_is_disputed_and_lost(desk: Desk, world: World) -> None:
    payment_id = desk.pay()
    if desk.processor == "braintree":
        place = f"{world.sandbox_url}/_sandbox/charges/braintree/{desk.charge_of(payment_id)}/settle"
        requests.post(place, timeout=5).raise_for_status()
    refund(world, payment_id, 500)
    desk.await_(lambda: rows(world, Refund)[0].status == "succeeded")
    desk.accept(desk.disputed(payment_id))
    desk.await_quiet()
    assert balance(world, "refunds") == 500
    desk.check_books()
    with pytest.raises(Conflict) as refused:
        refund(world, payment_id, 1)
    assert refused.value.code == "payment_refunded"


def test_a_refund_that_waits_for_the_settlement_is_called_off_by_a_dispute(
    connected: Callable[[str], Desk], world: World
) -> None:
    desk = connected("braintree")
    payment_id = desk.pay()
    refund(world, payment_id, 500)
    assert [one.status for one in rows(world, Refund)] == ["pending_settlement"]
    world.fault(processor="braintree", kind="webhook_lost", operation="transaction_settled")
    desk.disputed(payment_id)
    desk.await_quiet()
    (called_off,) = rows(world, Refund)
    assert (called_off.status, called_off.message) == ("canceled", "The payment was disputed.")
    assert elsewhere(world.app, as_worker(world, refunds.submit_due)) == 0
    desk.check_books()
