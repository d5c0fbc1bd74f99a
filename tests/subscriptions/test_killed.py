"""A worker that is killed while it charges what is due: everything is charged, and nothing twice."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta

import pytest

from ballast.models import Attempt, Payment, Subscription
from tests.subscriptions.acts import Desk
from tests.subscriptions.fleet import plant, worker
from tests.world import World

COUNT = 36


def test_a_run_killed_three_times_charges_each_subscription_once(world: World) -> None:
    desk = Desk(world)
    desk.start(desk.price(2000), desk.customer())
    desk.at = plant(desk, COUNT)
    world.fault(kind="latency", operation="payment_intents.confirm", seconds=0.3)
    charged = 1
    for kill in range(3):
        with worker(world, desk.at, shift=60 * kill) as process:
            charged = await_more(world, charged)
            process.kill()
    world.forget_faults()
    # What a kill kept from being sent is due a minute later.
    with worker(world, desk.at + timedelta(minutes=5), shift=60 * 24) as last:
        assert last.wait(60) == 0
    assert {one.status for one in desk.invoices()} == {"paid"}
    per_subscription = Counter(one.subscription_id for one in desk.invoices() if one.period == 1)
    assert per_subscription == Counter(one.id for one in desk.all(Subscription))
    assert len(world.charges()) == COUNT + 2
    assert {one.status for one in desk.all(Payment)} == {"succeeded"}
    assert Counter(one.status for one in desk.all(Attempt))["approved"] == COUNT + 2


def await_more(world: World, than: int, patience: float = 30) -> int:
    """Until the sandbox has charged more often than that; answers how often."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        found = len(world.charges())
        if found > than:
            return found
        time.sleep(0.02)
    pytest.fail("nothing was charged")
