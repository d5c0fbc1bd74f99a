"""Two workers at the same renewals keep to the one pace of their account, and are done when that pace allows.

`make pace` runs it with 10,000, where the sandbox must not have seen five in a hundred too many in any second.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from contextlib import ExitStack, suppress

import psycopg
import pytest

from ballast.models import Subscription
from bench.renewals import confirmed, fullest_second
from tests.subscriptions.acts import Desk
from tests.subscriptions.fleet import plant, worker
from tests.world import World

COUNT = int(os.environ.get("BALLAST_PACED", "100"))
PACE = 80.0
# A machine that does other things too may hand on late what was sent in time; two that do not share would send twice as many.
MOST = 1.05 if COUNT >= 10_000 else 1.4


@pytest.mark.timeout(180 + COUNT / 4)
def test_two_workers_share_the_pace_of_an_account_and_lose_none_of_it(
    world: World, superuser: psycopg.Connection
) -> None:
    desk = Desk(world)
    desk.start(desk.price(2000), desk.customer())
    desk.at = plant(desk, COUNT)
    world.fault(kind="latency", operation="payment_intents.confirm", seconds=0.3)
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(world, desk.at, shift=0)) for _ in range(2)]
        assert [one.wait(60 + COUNT / 20) for one in analyzing(workers, superuser)] == [0, 0]
    world.forget_faults()
    told = confirmed(world.sandbox_url)[1:]
    took, busiest = told[-1] - told[0], fullest_second(told)
    print(
        f"{len(told)} renewals by two workers: {took:.1f} s, {len(told) / took:.1f}/s, {busiest} in the fullest second"
    )
    per_subscription = Counter(one.subscription_id for one in desk.invoices() if one.period == 1)
    assert per_subscription == Counter(one.id for one in desk.all(Subscription))
    assert len(world.charges()) == COUNT + 2
    assert busiest <= PACE * MOST + 1
    if COUNT >= 10_000:
        assert took <= 1.05 * COUNT / PACE


def analyzing(workers: list[subprocess.Popen[str]], superuser: psycopg.Connection) -> list[subprocess.Popen[str]]:
    """The workers, once they are done or have had their time. Meanwhile tables that fill are analyzed: the tests' server does not."""
    until = time.monotonic() + 60 + COUNT / 20
    while time.monotonic() < until and any(one.poll() is None for one in workers):
        superuser.execute("analyze invoices, invoice_lines, payments, attempts, claims")
        with suppress(subprocess.TimeoutExpired):
            workers[0].wait(10)
    return workers
