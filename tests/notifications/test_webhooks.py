"""Signed events on their way to merchants: each arrives, as often as it must, and says what it should."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from standardwebhooks import Webhook, WebhookVerificationError

from ballast import config
from ballast.clock import shifted
from ballast.db import db, organization, transaction
from ballast.ids import new_id
from ballast.local.ports import any_free
from ballast.models import WebhookDelivery, WebhookEndpoint
from ballast.notifications import endpoints, lanes, webhooks
from ballast.notifications.posting import Answer
from ballast.notifications.recording import record, release
from ballast.security import new_webhook_secret, sign
from tests.billing.acts import Died, as_worker, at_once, elsewhere, rows
from tests.notifications.acts import SECRET, deliver, deliveries, listen, only, publish
from tests.notifications.endpoint import Endpoint, answering, serving
from tests.world import World


@pytest.fixture
def endpoint(world: World) -> Iterator[Endpoint]:
    """Acme's only endpoint."""
    only(world)
    with serving() as made:
        listen(world, made.url)
        yield made


def taken(world: World) -> lanes.Parcel:
    """The one delivery, in the hands of a worker whose lease has run out."""
    with world.worker_app.app_context():
        (parcel,) = lanes.claim([])
        with transaction():
            release([parcel])
    return parcel


def test_a_delivery_is_verified_by_the_reference_library(world: World, endpoint: Endpoint) -> None:
    publish(world)
    deliver(world)
    (got,) = endpoint.received
    told = Webhook(SECRET).verify(got.body, got.headers)
    assert told["type"] == "payment_intent.succeeded"
    with pytest.raises(WebhookVerificationError):
        Webhook(new_webhook_secret()).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(got.body.replace(b"succeeded", b"failed!!!"), got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(got.body, got.headers | {"webhook-id": new_id("evt")})
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 30


def test_a_delivery_is_verified_by_our_own_signature_too(world: World, endpoint: Endpoint) -> None:
    publish(world)
    deliver(world)
    (got,) = endpoint.received
    assert got.headers["x-ballast-signature"] == "sha256=" + sign(SECRET.encode(), got.body).hex()
    assert got.headers["x-ballast-signature"] != "sha256=" + sign(b"another", got.body).hex()
    assert got.headers["content-type"] == "application/json"


def test_a_payload_holds_what_it_must_and_stays_small(world: World, endpoint: Endpoint) -> None:
    metadata = {f"{number:02d}{'k' * 38}": "水" * 100 for number in range(20)}
    answer = world.api(world.acme.api_key).pay(description="d" * 500, metadata=metadata)
    assert answer.status_code in (201, 400), answer.get_json()
    publish(world)
    deliver(world)
    for got in endpoint.received:
        told = json.loads(got.body)
        assert set(told) == {"id", "type", "created_at", "timestamp", "sequence", "api_version", "data"}
        assert told["id"] == got.headers["webhook-id"]
        assert told["id"].startswith("evt_")
        assert datetime.fromisoformat(told["created_at"]).tzinfo == UTC
        assert told["api_version"] == "2026-11-01"
        assert len(got.body) < 20_000
    paid = next(json.loads(got.body) for got in endpoint.received)
    assert paid["data"]["object"] == "payment"


def test_a_retry_is_the_same_event_signed_anew(world: World, endpoint: Endpoint) -> None:
    endpoint.manner = answering(500)
    publish(world)
    deliver(world)
    with shifted(timedelta(seconds=31)):
        deliver(world)
    first, second = endpoint.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) in (31, 32)
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    Webhook(SECRET).verify(second.body, second.headers)


def test_a_dead_endpoint_is_tried_on_the_schedule_and_then_no_more(world: World, endpoint: Endpoint) -> None:
    endpoint.manner = answering(500, b"down")
    publish(world)
    deliver(world)
    passed = 0
    for tried, delay in enumerate((30, 120, 600, 3600, 86_400), start=1):
        (row,) = deliveries(world)
        assert (row.status, row.attempts, row.reason, row.response_body) == ("failed", tried, "http_500", "down")
        with shifted(timedelta(seconds=passed + delay - 2)):
            deliver(world)
        assert len(endpoint.received) == tried, "too early"
        passed += delay + 1
        with shifted(timedelta(seconds=passed)):
            deliver(world)
        assert len(endpoint.received) == tried + 1, "not in time"
    assert [(row.status, row.attempts) for row in deliveries(world)] == [("dead_letter", 6)]
    with shifted(timedelta(days=400)):
        deliver(world)
    assert len(endpoint.received) == 6


def test_nobody_there_is_tried_again_as_well(world: World, endpoint: Endpoint) -> None:
    with organization(world.acme.id), transaction() as session:
        session.execute(update(WebhookEndpoint).values(url=f"http://127.0.0.1:{any_free()}/"))
    publish(world)
    deliver(world)
    (row,) = deliveries(world)
    assert (row.status, row.reason, row.response_status) == ("failed", "refused", None)


def test_an_endpoint_that_asks_for_more_time_gets_it(world: World, endpoint: Endpoint) -> None:
    endpoint.manner = answering(429, Retry_After="300")
    publish(world)
    deliver(world)
    with shifted(timedelta(seconds=298)):
        deliver(world)
    assert len(endpoint.received) == 1
    endpoint.manner = answering(503, Retry_After="1")
    with shifted(timedelta(seconds=302)):
        deliver(world)
    assert len(endpoint.received) == 2
    with shifted(timedelta(seconds=302 + 100)):
        deliver(world)
    assert len(endpoint.received) == 2, "less than the schedule is not for the endpoint to ask"
    endpoint.manner = answering(204)
    with shifted(timedelta(seconds=302 + 125)):
        deliver(world)
    assert [row.status for row in deliveries(world)] == ["delivered"]


def test_gone_disables_this_endpoint_alone_and_what_waits_for_it_waits(world: World, endpoint: Endpoint) -> None:
    endpoint.manner = answering(500)
    publish(world, count=3)
    deliver(world)
    twin = listen(world, endpoint.url, "refund.*")
    endpoint.manner = answering(410)
    publish(world)
    deliver(world)
    listening = {row.id: row.enabled for row in rows(world, WebhookEndpoint)}
    assert sorted(listening.values()) == [False, False, True]
    assert listening[twin]
    with shifted(timedelta(days=3)):
        deliver(world)
    assert len(endpoint.received) == 4
    assert sorted(row.status for row in deliveries(world)) == ["dead_letter", "failed", "failed", "failed"]
    with organization(world.acme.id), transaction() as session:
        session.execute(update(WebhookEndpoint).values(enabled=True))
    endpoint.manner = answering(204)
    with shifted(timedelta(days=3)):
        deliver(world)
    assert sorted(row.status for row in deliveries(world)) == ["dead_letter", "delivered", "delivered", "delivered"]


def test_a_redirect_is_a_failure(world: World, endpoint: Endpoint) -> None:
    endpoint.manner = answering(302, Location=endpoint.url + "/elsewhere")
    publish(world)
    deliver(world)
    assert [(row.status, row.reason) for row in deliveries(world)] == [("failed", "http_302")]
    assert len(endpoint.received) == 1


def test_a_slow_endpoint_delays_nobody_elses_record(world: World, endpoint: Endpoint) -> None:
    endpoint.manner = lambda _handler: endpoint.closing.wait(10) and None  # type: ignore[func-returns-value]
    with serving() as quick:
        listen(world, quick.url)
        publish(world)
        working = threading.Thread(target=as_worker(world, webhooks.deliver_due))
        started = time.monotonic()
        working.start()
        while sorted(row.status for row in deliveries(world)) != ["delivered", "pending"]:
            assert time.monotonic() - started < 1.8, "it waited for the slow one"
            time.sleep(0.02)
        working.join(20)
    slow = next(row for row in deliveries(world) if row.status != "delivered")
    assert (slow.status, slow.reason) == ("failed", "timeout")
    assert 1900 <= (slow.duration_ms or 0) < 4000


def test_an_answer_is_kept_to_two_kilobytes(world: World, endpoint: Endpoint) -> None:
    endpoint.manner = answering(500, b"e" * 10_000)
    publish(world)
    deliver(world)
    (row,) = deliveries(world)
    assert row.response_body == "e" * 2048
    assert row.response_status == 500


@pytest.mark.parametrize("round_", range(2))
def test_two_workers_at_once_number_without_gaps_and_send_once(world: World, endpoint: Endpoint, round_: int) -> None:
    publish(world, count=260)
    done = at_once(world.app, *[as_worker(world, webhooks.deliver_due)] * 2)
    assert sum(done) == 260
    told = [json.loads(got.body) for got in endpoint.received]
    assert sorted(event["sequence"] for event in told) == list(range(1, 261))
    assert len({event["id"] for event in told}) == 260
    publish(world)
    deliver(world)
    assert json.loads(endpoint.received[-1].body)["sequence"] == 261


def test_each_endpoint_counts_for_itself_and_gets_what_it_asked_for(world: World, endpoint: Endpoint) -> None:
    with serving() as refunds_only, serving() as exact, serving() as nothing:
        listen(world, refunds_only.url, "refund.*")
        listen(world, exact.url, "payment_intent.succeeded", "refund.failed")
        listen(world, nothing.url, "payment_intent", "refund.succeeded.*", "invoice.*")
        for event_type in ("payment_intent.succeeded", "refund.succeeded", "refund.failed", "refundable.thing"):
            publish(world, event_type)
        deliver(world)
        got = [
            [
                json.loads(one.body)["type"]
                for one in sorted(each.received, key=lambda one: json.loads(one.body)["sequence"])
            ]
            for each in (endpoint, refunds_only, exact, nothing)
        ]
    assert got == [
        ["payment_intent.succeeded", "refund.succeeded", "refund.failed", "refundable.thing"],
        ["refund.succeeded", "refund.failed"],
        ["payment_intent.succeeded", "refund.failed"],
        [],
    ]


def test_a_fact_that_was_taken_back_was_never_told(world: World, endpoint: Endpoint) -> None:
    def taken_back() -> None:
        with organization(world.acme.id), transaction():
            webhooks.publish(world.acme.id, "payment_intent.succeeded", "payment", new_id("pay"), {})
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        taken_back()
    deliver(world)
    assert endpoint.received == []
    assert deliveries(world) == []


def test_the_stranger_hears_nothing(world: World, endpoint: Endpoint) -> None:
    publish(world)
    deliver(world)
    with organization(world.stranger.id):
        assert db.session.query(WebhookDelivery).count() == 0
        db.session.rollback()


def test_what_a_killed_worker_held_is_sent_when_its_lease_runs_out(
    world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(world, count=3)

    def killed(*_given: Any, **_named: Any) -> Any:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(webhooks, "post", killed)
        with pytest.raises(Died):
            deliver(world)
    deliver(world)
    assert endpoint.received == []
    with shifted(timedelta(minutes=5)):
        deliver(world)
    assert sorted(json.loads(got.body)["sequence"] for got in endpoint.received) == [1, 2, 3]
    assert {row.status for row in deliveries(world)} == {"delivered"}


def test_a_lease_outlasts_a_call_that_is_slow_in_every_way() -> None:
    assert lanes.lease() > timedelta(seconds=3 * config.current().webhook_timeout)


def test_a_worker_that_comes_back_late_cannot_take_a_delivery_back(world: World, endpoint: Endpoint) -> None:
    publish(world)
    parcel = taken(world)
    deliver(world)
    with organization(world.acme.id), transaction():
        record([(parcel, Answer(None, "", "timeout", 9))])
    (row,) = deliveries(world)
    assert (row.status, row.attempts, row.reason) == ("delivered", 1, None)
    with shifted(timedelta(days=2)):
        deliver(world)
    assert len(endpoint.received) == 1


def test_a_worker_that_comes_back_late_with_a_success_is_believed(world: World, endpoint: Endpoint) -> None:
    publish(world)
    parcel = taken(world)
    endpoint.manner = answering(500)
    deliver(world)
    with organization(world.acme.id), transaction():
        record([(parcel, Answer(200, "", None, 9))])
    assert [row.status for row in deliveries(world)] == ["delivered"]


def test_a_secret_that_cannot_be_unsealed_stops_no_other_endpoint(world: World, endpoint: Endpoint) -> None:
    broken = listen(world, endpoint.url + "/broken")
    with organization(world.acme.id), transaction() as session:
        session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == broken).values(secret=b"9:nonsense"))
    publish(world)
    deliver(world)
    assert [got.path for got in endpoint.received] == ["/hook"]
    assert sorted((row.status, row.reason) for row in deliveries(world)) == [
        ("delivered", None),
        ("failed", "internal_error"),
    ]


def test_neither_secret_nor_body_is_in_what_a_worker_might_log(
    world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    publish(world, note="of a private nature")
    monkeypatch.setattr(webhooks, "signed_headers", lambda *_given: 1 / 0)
    deliver(world)
    assert "a row of a batch failed" in caplog.text
    assert SECRET not in caplog.text
    assert "private nature" not in caplog.text


def test_a_batch_that_postgres_ended_for_a_deadlock_is_recorded_all_the_same(
    world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(world, count=3)
    real, ended = lanes.take, []

    def take(under_way: Any, **wanted: Any) -> Any:
        if endpoint.received and not ended:
            ended.append(True)
            raise OperationalError("", {}, DeadlockDetected())
        return real(under_way, **wanted)

    monkeypatch.setattr(lanes, "take", take)
    deliver(world)
    assert ended
    assert [(one.status, one.attempts) for one in deliveries(world)] == [("delivered", 1)] * 3
    assert len(endpoint.received) == 3


def test_events_are_told_to_an_endpoint_while_it_is_being_replayed(world: World, endpoint: Endpoint) -> None:
    (found,) = [one for one in rows(world, WebhookEndpoint) if one.enabled]
    with organization(world.acme.id), transaction():
        endpoints.find(world.acme.id, found.id, lock=True)
        elsewhere(world.app, lambda: publish(world))
    assert len(deliveries(world)) == 1
