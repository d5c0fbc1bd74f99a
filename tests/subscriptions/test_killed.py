"""A worker that is killed while it charges what is due: everything is charged, and nothing twice.

`make renewals` runs it with 10,000.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from datetime import timedelta

import pytest

from ballast.models import Attempt, Payment, Subscription
from tests.subscriptions.acts import Desk
from tests.subscriptions.fleet import plant, worker
from tests.world import World

COUNT = int(os.environ.get("BALLAST_RENEWALS", "160"))
# What a run may take: at the pace a processor allows, and then some for a machine that has other things to do.
PATIENCE = 60 + COUNT / 10


@pytest.mark.timeout(180 + COUNT / 4)
def test_a_run_killed_three_times_charges_each_subscription_once(world: World) -> None:
    desk = Desk(world)
    desk.start(desk.price(2000), desk.customer())
    desk.at = plant(desk, COUNT)
    world.fault(kind="latency", operation="payment_intents.confirm", seconds=0.3)
    began = time.monotonic()
    for kill in range(3):
        with worker(world, desk.at + timedelta(minutes=5 * kill), shift=60 * kill) as process:
            await_charges(world, 1 + COUNT * (kill + 1) // 5)
            process.kill()
        desk.settle()  # What the kill kept from being sent, a hundred perhaps, is due a minute after that is found out.
    for minutes in (15, 20):
        with worker(world, desk.at + timedelta(minutes=minutes), shift=60 * 24 + minutes) as last:
            assert last.wait(PATIENCE) == 0
    took = time.monotonic() - began
    world.forget_faults()
    assert {one.status for one in desk.invoices()} == {"paid"}
    per_subscription = Counter(one.subscription_id for one in desk.invoices() if one.period == 1)
    assert per_subscription == Counter(one.id for one in desk.all(Subscription))
    assert len(world.charges()) == COUNT + 2
    assert {one.status for one in desk.all(Payment)} == {"succeeded"}
    assert Counter(one.status for one in desk.all(Attempt))["approved"] == COUNT + 2
    print(f"{COUNT + 1} renewals, a worker killed three times: {took:.0f} s, {(COUNT + 1) / took / 80:.2f} of the pace")


def await_charges(world: World, charged: int) -> None:
    """Until the sandbox has charged so often."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if len(world.charges()) >= charged:
            return
        time.sleep(COUNT / 10_000)
    pytest.fail("too little was charged")
