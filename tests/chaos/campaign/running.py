"""A campaign from its beginning to what is found at its end."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos import truth
from tests.chaos.campaign import (
    books,
    catalog,
    disputing,
    healing,
    lateness,
    people,
    progress,
    shoppers,
    tallying,
    trouble,
)
from tests.chaos.truth import Truth
from tests.stack import Stack

# Timeouts that a test can wait for. An attempt is looked up after connect + read timeout + 5 s, a delivery is claimed again after
# 4 times its timeout + 30 s.
ENVIRONMENT = {
    "PROCESSOR_CONNECT_TIMEOUT": "1",
    "PROCESSOR_READ_TIMEOUT": "3",
    "BRAINTREE_READ_TIMEOUT": "3",
    "WEBHOOK_TIMEOUT": "1",
    # The merchant's server is the sandbox's, which is killed too.
    "WEBHOOK_MAX_RETRIES": "12",
    "WEBHOOK_RETRY_DELAYS": "1,1,2,2,2,5,10,20,30",
    # All clients share one key.
    "RATE_LIMIT_DEFAULT_RPM": "20000",
}


@dataclass(frozen=True)
class Plan:
    """How much of everything. The seed decides who pays what and what breaks when; how threads meet it does not.

    `is_late`: charges may be made so late that they were given up; then at least a minute and a half passes at the end.
    """

    seed: int
    payments: int
    kills: int
    clients: int = 6
    buyers: int = 2
    subscriptions: int = 5
    due_at_once: int = 8
    is_late: bool = False
    is_reconciled: bool = True


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
        ended = ", ".join(f"{count} {how}" for how, count in sorted(found.disputes.items())) or "none"
        return [head, f"late successes: {late}", f"disputes: {ended}", *counted, *(found.findings or ["No finding."])]


def run(stack: Stack, plan: Plan, collected: Path | None = None) -> Report:
    """Everybody pays while everything breaks; then all heals, and it is looked at.

    `collected`: the folder in which the sandbox keeps the whole log of what it was asked.
    """
    began, today = time.monotonic(), datetime.now(UTC).date()
    stack.await_health()
    stack.settle_after(1)
    catalog.subscribe(stack, plan.subscriptions)
    offer = catalog.lend(stack)
    rng = random.Random(plan.seed)
    tally = tallying.Tally(plan.payments)
    crowd = [people.Client(stack, tally, rng.getrandbits(32)).run for _ in range(plan.clients)]
    merchant = disputing.Merchant(stack, tally, rng.getrandbits(32))
    crowd += [shoppers.Buyer(stack, tally, rng.getrandbits(32), offer).run for _ in range(plan.buyers)]
    threads = [threading.Thread(target=guarded(tally, one), daemon=True) for one in crowd]
    answering = threading.Thread(target=guarded(tally, merchant.run), daemon=True)

    def made() -> int:
        return plan.payments - max(tally.left, 0)

    maker = trouble.Trouble(
        stack,
        rng.getrandbits(32),
        plan.kills,
        lambda: made() / plan.payments,
        tally.fall_due,
        plan.due_at_once,
        plan.is_late,
    )
    with progress.told(lambda: f"{made():,} payments, {maker.counts['kills']} kills, {len(tally.problems)} problems"):
        for thread in (*threads, answering):
            thread.start()
        maker.run(lambda: not any(thread.is_alive() for thread in threads))
        print("Everything behaves again.", file=sys.stderr, flush=True)
        wait = trouble.LATE_SECONDS + 5 if maker.counts["charges held up"] else 0
        is_healed = healing.heal(stack, 300 + plan.payments / 20, wait)
        lateness.meet(stack)
    # What was told by an event that got lost, when nobody waited for the answer any more, is found by the books alone.
    drift = books.reconcile(stack, {today, datetime.now(UTC).date()}) if plan.is_reconciled else []
    undecided = disputing.await_decisions(stack) if plan.is_reconciled else []
    merchant.is_over.set()
    answering.join()
    is_healed = is_healed and healing.heal(stack, 120, 0)
    found = look(stack)
    found.findings += tally.problems + maker.problems + drift + undecided
    found.expect(found.late.total() >= len(lateness.HELD), f"Too few charges came late: {dict(found.late)}.")
    found.findings += lateness.find_avoidable(stack, collected) if collected else []
    found.expect(is_healed, "It did not become quiet in time.")
    return Report(plan, found, {**tally.counts, **maker.counts}, time.monotonic() - began)


def look(stack: Stack) -> Truth:
    """What is found; looked at again where something has just come in, such as an event that is sent once more minutes later."""
    for _ in range(3):
        charges = stack.charges()
        found = truth.find(stack.query, charges, stack.all_mails(), disputing.at_processors(stack, charges))
        if not any("are stuck" in one for one in found.findings):
            break
        healing.heal(stack, 60, 0)
    return found


def guarded(tally: tallying.Tally, work: Callable[[], None]) -> Callable[[], None]:
    """Somebody whose own program breaks is a problem too, and not a silent one."""

    def act() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001
            tally.complain(f"somebody's program broke: {type(error).__name__}: {error}")

    return act
