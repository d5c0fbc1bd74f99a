"""An endpoint that takes nothing: disabled in the end, its owners told, its events kept and sent again when it is back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ballast import config
from ballast.clock import shifted
from ballast.db import organization, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.models import Email, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from ballast.notifications import deliveries, endpoints, recording
from ballast.notifications.deliveries import Range
from tests.billing.acts import rows
from tests.notifications.acts import deliver, listen, only, publish
from tests.notifications.endpoint import Endpoint, answering, serving
from tests.world import World


@pytest.fixture
def endpoint(world: World) -> Iterator[Endpoint]:
    only(world)
    with serving() as made:
        yield made


def state(world: World, endpoint_id: str) -> tuple[bool, str | None]:
    found = next(row for row in rows(world, WebhookEndpoint) if row.id == endpoint_id)
    return (found.enabled, found.disabled_because)


def enable(world: World, endpoint_id: str) -> None:
    with organization(world.acme.id), transaction():
        endpoints.enable(world.acme.id, endpoint_id, True)


def replay(world: World, endpoint_id: str, chosen: Range) -> int:
    with organization(world.acme.id), transaction():
        return deliveries.replay(world.acme.id, endpoint_id, chosen)


def day(number: int) -> Range:
    """From the beginning until so many days from now."""
    return Range(datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=number))


def test_an_endpoint_that_fails_every_event_of_one_a_day_is_off_after_five_days_with_a_mail(
    world: World, endpoint: Endpoint
) -> None:
    failing = listen(world, endpoint.url)
    endpoint.manner = answering(500, b"down")
    for number in range(5):
        with shifted(timedelta(days=number)):
            publish(world)
            deliver(world)
        assert state(world, failing) == (True, None), f"day {number}"
    with shifted(timedelta(days=5, seconds=1)):
        publish(world)
        deliver(world)
    assert state(world, failing) == (False, "failing")
    (mail,) = [row for row in rows(world, Email) if row.kind == "endpoint_disabled"]
    assert mail.recipient == "owner@example.com"
    assert endpoint.url in mail.text
    with shifted(timedelta(days=6)):
        before = len(endpoint.received)
        publish(world)
        deliver(world)
        assert len(endpoint.received) == before


def test_one_success_in_five_days_keeps_it_on(world: World, endpoint: Endpoint) -> None:
    failing = listen(world, endpoint.url)
    for number in range(8):
        endpoint.manner = answering(204 if number == 3 else 500)
        with shifted(timedelta(days=number)):
            publish(world)
            deliver(world)
    assert state(world, failing) == (True, None)


def test_gone_tells_the_owners_too(world: World, endpoint: Endpoint) -> None:
    gone = listen(world, endpoint.url)
    endpoint.manner = answering(410)
    publish(world)
    deliver(world)
    assert state(world, gone) == (False, "gone")
    assert [row.kind for row in rows(world, Email)] == ["endpoint_disabled"]


def test_everything_told_while_it_was_off_is_kept_and_comes_in_sequence(world: World, endpoint: Endpoint) -> None:
    listening = listen(world, endpoint.url, "payment_intent.*")
    publish(world, count=2)
    deliver(world)
    with organization(world.acme.id), transaction():
        endpoints.enable(world.acme.id, listening, False)
    publish(world, count=30)
    publish(world, "refund.created")
    deliver(world)
    with pytest.raises(Conflict):
        replay(world, listening, day(1))
    enable(world, listening)
    deliver(world)
    assert len(endpoint.received) == 2, "nobody has asked yet"
    assert replay(world, listening, day(1)) == 30
    deliver(world)
    told = sorted((json.loads(got.body) for got in endpoint.received), key=lambda one: one["sequence"])
    assert [one["sequence"] for one in told] == list(range(1, 33))
    assert [one["id"] for one in told] == sorted(one["id"] for one in told), "in the order they happened"
    assert {one["type"] for one in told} == {"payment_intent.succeeded"}
    assert replay(world, listening, day(1)) == 0
    assert replay(world, listening, Range(day(1).start, day(1).end, delivered_too=True)) == 32
    deliver(world)
    again = [json.loads(got.body)["sequence"] for got in endpoint.received[32:]]
    assert sorted(again) == list(range(1, 33)), "under the numbers they had"


def test_a_range_begins_before_it_ends_and_holds_so_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    only(world)
    listening = listen(world, "http://127.0.0.1:9/")
    publish(world, count=3)
    with pytest.raises(InvalidRequest) as refused:
        replay(world, listening, Range(day(1).end, day(1).start))
    assert refused.value.code == "range_invalid"
    monkeypatch.setattr(deliveries, "MOST_REPLAYED", 2)
    with pytest.raises(InvalidRequest) as refused:
        replay(world, listening, day(1))
    assert refused.value.code == "range_too_long"


def test_dead_letters_of_the_range_come_again_with_their_attempts_on_record(world: World, endpoint: Endpoint) -> None:
    listening = listen(world, endpoint.url)
    endpoint.manner = answering(410, b"moved")
    publish(world)
    deliver(world)
    enable(world, listening)
    endpoint.manner = answering(200, b"thanks")
    assert replay(world, listening, day(1)) == 1
    deliver(world)
    (row,) = rows(world, WebhookDelivery)
    assert (row.status, row.attempts, row.schedule_from) == ("delivered", 2, 1)
    kept = [(one.number, one.response_status, one.reason, one.response_body) for one in rows(world, WebhookAttempt)]
    assert kept == [(1, 410, "http_410", "moved"), (2, 200, None, "thanks")]


def test_jitter_spreads_retries_and_never_hurries_them(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.setattr(config.current(), "webhook_jitter", 0.5)
    waits = {recording.wait_after(2, None) for _ in range(50)}
    assert len(waits) > 40
    assert all(600 <= (wait or 0) <= 900 for wait in waits)
    monkeypatch.setattr(config.current(), "webhook_jitter", 0.0)
    assert [recording.wait_after(tried, None) for tried in range(6)] == [30, 120, 600, 3600, 86_400, None]
    assert recording.wait_after(0, 300) == 300
