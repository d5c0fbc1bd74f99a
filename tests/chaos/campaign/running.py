"""A campaign from its beginning to what is found at its end."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.chaos import truth
from tests.chaos.campaign import people, trouble
from tests.chaos.truth import STUCK, Truth
from tests.stack import Stack

# Timeouts that a test can wait for. An attempt is looked up after connect + read timeout + 5 s, a delivery is claimed again after
# 4 times its timeout + 30 s.
ENVIRONMENT = {
    "PROCESSOR_CONNECT_TIMEOUT": "1",
    "PROCESSOR_READ_TIMEOUT": "3",
    "BRAINTREE_READ_TIMEOUT": "3",
    "WEBHOOK_TIMEOUT": "1",
    "WEBHOOK_RETRY_DELAYS": "1,1,2,2,2",
}


@dataclass(frozen=True)
class Plan:
    """How much of everything. The seed decides who pays what and what breaks when; how threads meet it does not."""

    seed: int
    payments: int
    kills: int
    clients: int = 6
    buyers: int = 2
    subscriptions: int = 5


@dataclass
class Report:
    """What a campaign came to."""

    plan: Plan
    truth: Truth
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def findings(self) -> list[str]:
        return self.truth.findings

    def lines(self) -> list[str]:
        """For people, the seed first."""
        plan, found = self.plan, self.truth
        head = f"seed {plan.seed}: {found.payments:,} payments paid, {found.charges:,} charges, {self.seconds:.0f} s"
        late = ", ".join(f"{count} {answer}" for answer, count in found.late.items()) or "none"
        counted = [f"  {what}: {count:,}" for what, count in sorted(self.counts.items())]
        return [head, f"late successes: {late}", *counted, *(found.findings or ["No finding."])]


def run(stack: Stack, plan: Plan) -> Report:
    """Everybody pays while everything breaks; then all heals, and it is looked at."""
    began = time.monotonic()
    stack.await_health()
    stack.settle_after(1)
    people.subscribe(stack, plan.subscriptions)
    rng = random.Random(plan.seed)
    tally = people.Tally(plan.payments)
    crowd = [people.Client(stack, tally, rng.getrandbits(32)).run for _ in range(plan.clients)]
    crowd += [people.Buyer(stack, tally, rng.getrandbits(32)).run for _ in range(plan.buyers)]
    threads = [threading.Thread(target=guarded(tally, one), daemon=True) for one in crowd]
    maker = trouble.Trouble(stack, rng.getrandbits(32), plan.kills)
    for thread in threads:
        thread.start()
    maker.run(lambda: not any(thread.is_alive() for thread in threads))
    is_healed = trouble.heal(stack, lambda: is_quiet(stack))
    found = truth.find(stack.query, stack.charges(), stack.all_mails())
    found.findings += tally.problems
    found.expect(is_healed, "It did not become quiet in time.")
    return Report(plan, found, {**tally.counts, **maker.counts}, time.monotonic() - began)


def guarded(tally: people.Tally, work: Callable[[], None]) -> Callable[[], None]:
    """Somebody whose own program breaks is a problem too, and not a silent one."""

    def act() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001
            tally.complain(f"somebody's program broke: {type(error).__name__}: {error}")

    return act


def is_quiet(stack: Stack) -> bool:
    """Nothing waits any more; False too while the database is away."""
    try:
        due = (
            "select 1 from invoices where status = 'open' and next_attempt_at is not null and next_attempt_at <= now()"
        )
        rolling = "select 1 from subscriptions where status = 'active' and next_action_at <= now()"
        found: list[Any] = [stack.query(f"{one} limit 1") for one in (*STUCK.values(), due, rolling)]
    except psycopg.OperationalError:
        return False
    return not any(found)
