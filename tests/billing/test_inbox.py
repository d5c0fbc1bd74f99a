"""Events from Stripe: believed only when signed, stored once, and a hint only."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from ballast.billing import inbox, payments
from ballast.clock import shifted
from ballast.db import organization
from ballast.ids import new_id
from ballast.models import Email, InboxEvent, LedgerTransfer
from ballast.notifications import drain
from ballast.processors.stripe import StripeAdapter
from tests.billing.acts import (
    Died,
    as_worker,
    at_once,
    attempts,
    break_seal,
    elsewhere,
    event_of,
    hook,
    rows,
    taken,
    wire,
)
from tests.world import Api, World

Patch = pytest.MonkeyPatch


def statuses(world: World) -> list[str]:
    return [event.status for event in rows(world, InboxEvent)]


@pytest.fixture
def charged(world: World, unpaid: str, monkeypatch: Patch) -> str:
    """The PaymentIntent of an attempt that was charged by a process that died before it recorded."""
    real = StripeAdapter.submit

    def dying(self: StripeAdapter, charge: Any) -> Any:
        real(self, charge)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(StripeAdapter, "submit", dying)
        with organization(world.acme.id), pytest.raises(Died):
            payments.confirm(world.acme.id, unpaid)
    return attempts(world)[0].external_id or ""


def test_what_is_not_signed_by_the_processor_is_refused_and_not_kept(world: World) -> None:
    raw = event_of("pi_1")
    bad = world.app.test_client().post(f"/hooks/stripe/{world.acme.account_id}", data=raw)
    assert bad.status_code == 400
    assert hook(world, raw, secret="whsec_of_somebody_else").status_code == 400
    assert hook(world, raw, at=time.time() - 900).status_code == 400
    assert hook(world, raw, at=time.time() - 250).status_code == 204
    assert len(rows(world, InboxEvent)) == 1


@pytest.mark.parametrize(
    "raw",
    [
        event_of("pi_1", event_id="evt_\0"),
        event_of("pi_1", event_id="evt_\ud800"),
        event_of("pi_1", "payment_intent.\0"),
        event_of("pi_\0"),
        event_of("pi_1", event_id="e" * 3_000),
        event_of("pi_1").replace(b'"id": "pi_1"', b'"id": "pi_1", "metadata": {"attempt": "att_\\u0000"}'),
        b"[" * 50_000,
        b'{"a":' * 50_000,
    ],
    ids=range(8),
)
def test_a_signed_event_that_cannot_be_kept_is_refused_with_a_code(world: World, raw: bytes) -> None:
    answer = hook(world, raw)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "event_unreadable")
    assert rows(world, InboxEvent) == []


def test_events_for_an_account_whose_keys_cannot_be_read_are_to_be_sent_again(world: World) -> None:
    raw, client = event_of("pi_1"), world.app.test_client()
    assert hook(world, event_of("pi_0")).status_code == 204, "its account is known now, past Flask too"
    break_seal(world, world.acme.account_id)
    told, asked = hook(world, raw), client.get(f"/hooks/stripe/{world.acme.account_id}?bt_challenge=x")
    for answer in (told, asked):
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "processor_unavailable")
    break_seal(world, world.acme.account_id)
    assert hook(world, raw).status_code == 204
    assert len(rows(world, InboxEvent)) == 2


def test_an_account_of_another_processor_is_not_found(world: World) -> None:
    for processor in ("braintree", "square"):
        address = f"/hooks/{processor}/{world.acme.account_id}"
        assert world.app.test_client().post(address, data=event_of("pi_1")).status_code == 404
        assert world.app.test_client().get(address, query_string={"bt_challenge": "a" * 20}).status_code == 404
    assert hook(world, event_of("pi_1")).status_code == 204


def test_an_account_nobody_has_is_not_found(world: World) -> None:
    for account in (new_id("pac"), "pac_nonsense", "x"):
        assert world.app.test_client().post(f"/hooks/stripe/{account}", data=b"{}").status_code == 404
    assert world.app.test_client().post(f"/hooks/paypal/{world.acme.account_id}", data=b"{}").status_code == 404


def test_an_event_told_often_and_at_once_is_one_row_with_one_effect(world: World, charged: str, unpaid: str) -> None:
    raw = event_of(charged, event_id="evt_the_same")
    assert {hook(world, raw).status_code for _ in range(3)} == {204}
    answers = at_once(world.app, *[lambda: hook(world, raw).status_code] * 5)
    assert set(answers) == {204}
    with shifted(timedelta(seconds=15)):
        world.drain()
    assert hook(world, raw).status_code == 204
    world.drain()
    assert statuses(world) == ["applied"]
    assert world.payment(unpaid).status == "succeeded"
    assert len(rows(world, LedgerTransfer)) == 1


def test_after_a_crash_the_event_alone_tells_the_truth(world: World, charged: str, unpaid: str) -> None:
    assert world.payment(unpaid).status == "processing"
    hook(world, event_of(charged))
    for seconds in (0, 4, 8):
        with shifted(timedelta(seconds=seconds)):
            world.drain()
    assert world.payment(unpaid).status == "succeeded"
    assert statuses(world) == ["applied"]
    assert len(taken(world)) == 1


def test_an_event_that_lies_is_checked_against_the_processor(world: World, api: Api) -> None:
    world.fault(kind="reset_before", operation="payment_intents.confirm", count=1)
    payment_id = api.pay().get_json()["id"]
    hook(world, event_of(attempts(world)[0].external_id or ""))
    with shifted(timedelta(seconds=10)):
        world.drain()
    assert world.payment(payment_id).status == "processing", "not charged, and not ours to give up on a hint"
    assert rows(world, LedgerTransfer) == []


def test_events_out_of_order_come_to_the_same_end(world: World, charged: str, unpaid: str) -> None:
    for event_type in (
        "payment_intent.succeeded",
        "charge.succeeded",
        "payment_intent.processing",
        "payment_intent.created",
    ):
        hook(world, event_of(charged, event_type))
    for seconds in (0, 4, 8):
        with shifted(timedelta(seconds=seconds)):
            world.drain()
    hook(world, event_of(charged, "payment_intent.payment_failed"))
    world.drain()
    assert world.payment(unpaid).status == "succeeded"
    assert Counter(statuses(world)) == {"applied": 5}
    assert len(rows(world, LedgerTransfer)) == 1


def test_an_event_about_nothing_of_ours_is_looked_at_again_and_then_ignored(world: World) -> None:
    hook(world, event_of("pi_of_somebody"))
    hook(world, event_of("", "payout.paid"))
    world.drain()
    assert set(statuses(world)) == {"received"}
    for seconds in (4, 8, 12, 30):
        with shifted(timedelta(seconds=seconds)):
            world.drain()
    assert statuses(world) == ["ignored", "ignored"]
    assert len(wire(world, "", "GET")) == 0


def test_an_event_that_comes_before_our_own_record_waits_for_it(world: World, unpaid: str, monkeypatch: Patch) -> None:
    """Stripe's event may overtake Stripe's answer: while the request is in flight the event is put off."""
    real = StripeAdapter.submit
    seen: list[str] = []

    def overtaken(self: StripeAdapter, charge: Any) -> Any:
        outcome = real(self, charge)
        hook(world, event_of(charge.external_id))
        elsewhere(world.app, as_worker(world, inbox.apply_due))
        seen.extend(elsewhere(world.app, lambda: statuses(world)))
        return outcome

    monkeypatch.setattr(StripeAdapter, "submit", overtaken)
    with organization(world.acme.id):
        payments.confirm(world.acme.id, unpaid)
    assert seen == ["received"]
    assert len(wire(world, "", "GET")) == 0
    assert world.payment(unpaid).status == "succeeded"
    with shifted(timedelta(seconds=4)):
        world.drain()
    assert statuses(world) == ["applied"]
    assert len(rows(world, LedgerTransfer)) == 1


def test_an_event_for_what_is_settled_asks_nobody(world: World, paid: str) -> None:
    hook(world, event_of(attempts(world)[0].external_id or ""))
    world.drain()
    assert statuses(world) == ["applied"]
    assert len(wire(world, "", "GET")) == 0
    assert world.payment(paid).status == "succeeded"
    assert rows(world, Email) == []


def test_a_worker_that_comes_back_after_another_applied_the_event_changes_nothing(world: World, charged: str) -> None:
    hook(world, event_of(charged))
    hook(world, event_of("pi_of_somebody"))
    with shifted(timedelta(seconds=10)), world.worker_app.app_context():
        ours, _told = inbox._read(drain.claim(InboxEvent, (InboxEvent.status == "received",), timedelta(seconds=0)))
    with shifted(timedelta(seconds=20)):
        world.drain()
    before = statuses(world)
    with world.worker_app.app_context(), inbox.transaction():
        for event in ours:
            inbox._mark(event, "applied")
    assert sorted(statuses(world)) == sorted(before) or "applied" in statuses(world)
    assert "failed" not in statuses(world)


def test_a_processor_account_of_another_shop_cannot_speak_for_this_one(world: World, charged: str, unpaid: str) -> None:
    """The stranger's account has the same secret in this world; the event still lands in the stranger's house."""
    raw = event_of(charged)
    moment = int(time.time())
    digest = hmac.new(b"whsec_of_the_tests", f"{moment}.".encode() + raw, hashlib.sha256).hexdigest()
    answer = world.app.test_client().post(
        f"/hooks/stripe/{world.stranger.account_id}", data=raw, headers={"Stripe-Signature": f"t={moment},v1={digest}"}
    )
    assert answer.status_code == 204
    for seconds in (0, 4, 8):
        with shifted(timedelta(seconds=seconds)):
            elsewhere(world.app, as_worker(world, inbox.apply_due))
    assert rows(world, InboxEvent) == []
    assert world.payment(unpaid).status == "processing"


def disputed(world: World) -> None:
    """Stripe tells of a dispute it knows nothing of when asked."""
    subject = {"id": "dp_nobody", "object": "dispute", "payment_intent": "pi_nobody"}
    event = {"id": "evt_dispute", "object": "event", "type": "charge.dispute.created", "data": {"object": subject}}
    assert hook(world, json.dumps(event).encode()).status_code == 204


def drain_for(world: World, tries: int) -> InboxEvent:
    """The one event after so many tries, each when it was due."""
    for number in range(1, tries + 1):
        with shifted(timedelta(hours=number)):
            world.drain()
    (event,) = rows(world, InboxEvent)
    found: InboxEvent = event
    return found


def test_a_dispute_the_processor_does_not_know_is_given_up_after_a_few_tries(world: World) -> None:
    disputed(world)
    assert drain_for(world, 2).status == "received"
    event = drain_for(world, 5)
    assert (event.status, event.reason, event.attempts) == ("failed", "no_such_dispute", 3)
    assert event.next_attempt_at is None
    with organization(world.acme.id):
        inbox.replay(world.acme.id, event.id)
    assert statuses(world) == ["received"]


def test_an_event_nobody_can_say_anything_of_is_given_up_at_last(world: World) -> None:
    disputed(world)
    world.fault(kind="error_before", operation="disputes.retrieve", count=1000)
    with organization(world.acme.id), inbox.transaction() as session:
        session.execute(update(InboxEvent).values(attempts=inbox.GIVE_UP_AFTER - 2))
    assert drain_for(world, 1).status == "received"
    event = drain_for(world, 2)
    assert (event.status, event.reason, event.attempts) == ("failed", "no_answer", inbox.GIVE_UP_AFTER)
