"""No endpoint waits for another: not for one that hangs, not for one that is dead with hundreds of deliveries due."""

from __future__ import annotations

import statistics
import threading
import time
from contextlib import ExitStack
from datetime import timedelta

import pytest

from ballast import config
from ballast.clock import shifted
from ballast.models import WebhookDelivery
from ballast.notifications import drain, lanes, webhooks
from tests.billing.acts import as_worker, at_once, rows
from tests.notifications.acts import deliver, deliveries, listen, only, publish
from tests.notifications.endpoint import Endpoint, serving
from tests.world import World

HEALTHY = 9
SECONDS = 8
PER_SECOND = 50


def hang(endpoint: Endpoint) -> None:
    endpoint.manner = lambda _handler: endpoint.closing.wait(5) and None  # type: ignore[func-returns-value]


def family(number: int) -> str:
    """Types nobody else listens to, so that each endpoint gets its part of the events."""
    return f"invoice_{number}.paid"


def delays(found: list[WebhookDelivery]) -> list[float]:
    """Seconds from the event to its delivery, in order."""
    return sorted((row.delivered_at - row.created_at).total_seconds() for row in found if row.delivered_at)


def publish_evenly(world: World, until: float) -> None:
    """Fifty events a second in turn to the ten endpoints, the hanging one among them."""
    number, began = 0, time.monotonic()
    while time.monotonic() < until:
        publish(world, family(number % (HEALTHY + 1)))
        number += 1
        time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))


def keep_delivering(world: World, until: float) -> None:
    """A worker whose wake-ups come at once."""
    while time.monotonic() < until:
        if not deliver(world):
            time.sleep(0.02)


def test_one_endpoint_that_hangs_five_seconds_on_each_call_delays_none_of_nine_at_fifty_events_a_second(
    world: World,
) -> None:
    only(world)
    settings = config.current()
    before, settings.webhook_timeout = settings.webhook_timeout, 5.0
    with ExitStack() as stack:
        stack.callback(setattr, settings, "webhook_timeout", before)
        hanging, *healthy = [stack.enter_context(serving()) for _ in range(HEALTHY + 1)]
        hang(hanging)
        ill = listen(world, hanging.url, "invoice_0.*")
        for number, endpoint in enumerate(healthy, start=1):
            listen(world, endpoint.url, f"invoice_{number}.*")
        until = time.monotonic() + SECONDS
        at_once(
            world.app,
            lambda: publish_evenly(world, until),
            as_worker(world, lambda: keep_delivering(world, until + 1)),
        )
    found = [row for row in rows(world, WebhookDelivery) if row.endpoint_id != ill]
    taken = delays(found)
    p95 = statistics.quantiles(taken, n=20)[-1]
    assert len(found) > SECONDS * PER_SECOND * 0.5, "the test itself was too slow"
    assert len(taken) == len(found)
    assert p95 < 1.0, f"p95 {p95:.2f} s, worst {taken[-1]:.2f} s"


def test_hundreds_due_for_a_dead_endpoint_do_not_hold_up_one_event_for_another(world: World) -> None:
    only(world)
    with serving() as dead, serving() as alive:
        hang(dead)
        listen(world, dead.url, "refund.*")
        listen(world, alive.url, "payment_intent.*")
        publish(world, "refund.created", count=400)
        working = threading.Thread(target=as_worker(world, webhooks.deliver_due))
        working.start()
        time.sleep(0.5)
        publish(world)
        until = time.monotonic() + 2
        while not alive.received and time.monotonic() < until:
            time.sleep(0.02)
        arrived = bool(alive.received)
        webhooks.stopping.set()
        working.join(30)
        webhooks.stopping.clear()
    assert arrived
    tried = [row for row in deliveries(world) if row.attempts]
    assert len(tried) <= 3 * lanes.PER_LANE, "the dead one was asked a few times, not four hundred"


def test_a_failing_endpoint_is_tried_by_one_call_at_a_time_until_it_answers(world: World) -> None:
    only(world)
    under_way, most = [0], [0]
    lock = threading.Lock()

    with serving() as endpoint:

        def count(handler: object) -> None:
            with lock:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
            time.sleep(0.05)
            with lock:
                under_way[0] -= 1
            handler.send_response(500)  # type: ignore[attr-defined]
            handler.send_header("Content-Length", "0")  # type: ignore[attr-defined]
            handler.end_headers()  # type: ignore[attr-defined]

        endpoint.manner = count
        listen(world, endpoint.url)
        publish(world, count=10)
        deliver(world)
        assert 1 < most[0] <= lanes.PER_LANE
        most[0] = 0
        with shifted(timedelta(minutes=1)):
            while len(endpoint.received) < 20:  # on a busy machine one run's time for endpoints that fail is not enough
                deliver(world)
        assert most[0] == 1
        assert len(endpoint.received) == 20


def test_a_dead_endpoint_with_a_backlog_does_not_keep_a_worker_from_its_other_jobs(world: World) -> None:
    only(world)
    with serving() as dead:
        hang(dead)
        listen(world, dead.url)
        publish(world, count=200)
        for _run in range(2):
            started = time.monotonic()
            deliver(world)
            assert time.monotonic() - started < 3 * config.current().webhook_timeout
    assert len(dead.received) <= 2 * lanes.PER_LANE


def test_a_run_whose_time_is_over_goes_on_for_others_while_a_slow_call_is_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(world)
    monkeypatch.setattr(drain, "BATCH_SECONDS", 0.3)
    monkeypatch.setattr(webhooks, "SLOW_SECONDS", 0.1)
    with serving() as dead, serving() as alive:
        hang(dead)
        listen(world, dead.url, "refund.*")
        listen(world, alive.url, "payment_intent.*")
        publish(world, "refund.created", count=20)
        working = threading.Thread(target=as_worker(world, webhooks.deliver_due))
        working.start()
        time.sleep(0.8)
        publish(world, count=3)
        working.join(20)
        assert not working.is_alive()
        assert len(alive.received) == 3
        assert len(dead.received) <= lanes.PER_LANE
