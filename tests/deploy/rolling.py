"""A new release, one process after the other, while the shop is open: `make rolling`, RATE=200 SECONDS=60 RENEWALS=600 PAUSE=5 for
others.

Web servers are restarted in turn behind Caddy, workers and cron in turn beside them, again and again, while requests come at an even
pace and a batch of renewals is charged. Afterwards every request has been answered, and every payment and renewal was charged once.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ballast import queue
from ballast.db import organization
from bench import renewals
from tests.deploy.hand import WEB, WORKERS, ByHand, running
from tests.deploy.load import Load
from tests.local.checkout import wait_for

# What ballast/local/environment.py gives the sandbox's Stripe.
DEMO_KEY = "sk_test_ballast_demo"
PAID = "select count(*) from invoices where status = 'paid' and period = 1"


@dataclass
class Report:
    """What a rolling restart came to."""

    load: Load
    restarts: Counter[str]
    renewed_before_first_restart: int
    renewed_before_last_restart: int
    seconds: float
    findings: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        load = self.load
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(load.counts.items()))
        took = ", ".join(f"p{part} {load.percentile(part / 100):.0f} ms" for part in (50, 95, 99))
        return [
            f"{load.sent} requests in {self.seconds:.0f} s ({load.sent / self.seconds:.0f} a second, {load.rate:g} wanted): {kinds}",
            f"{took}; {len(load.failures)} failed",
            f"restarts: {', '.join(f'{name} {count}' for name, count in sorted(self.restarts.items()))}",
            f"{self.renewed_before_last_restart - self.renewed_before_first_restart} renewals charged meanwhile",
            *(self.findings or ["Every payment and every renewal was charged once."]),
        ]


def roll(stack: ByHand, rate: float, count: int, is_over: Callable[[int], bool], pause: float = 0.0) -> Report:
    """Restart everything in turn under load, `pause` seconds after one the next, until `is_over(rounds)` says that it was enough; and
    look at what came of it.
    """
    stack.await_health()
    due = plant(stack, count)
    before = len(stack.charges())
    began = time.monotonic()
    with Load(stack, rate).running() as load:
        with stack.application():
            queue.wake_now(queue.CHARGE_SUBSCRIPTIONS)
        wait_for(lambda: stack.query(PAID)[0][0] > 0, 60, lambda: stack.tell("worker-1") + stack.tell("worker-2"))
        renewed = int(stack.query(PAID)[0][0])
        restarts, late = _restart_all(stack, is_over, pause)
        meanwhile = int(stack.query(PAID)[0][0])
        seconds = time.monotonic() - began
    wait_for(lambda: stack.query(PAID)[0][0] == due, 60 + count / 4, lambda: _tell_what_waits(stack, due))
    report = Report(load, restarts, renewed, meanwhile, seconds, late)
    report.findings += [f"failed: {one}" for one in load.failures[:20]]
    report.findings += _find_wrong_charges(stack, load, before, due)
    return report


def _tell_what_waits(stack: ByHand, due: int) -> str:
    """Why renewals are not done: what is held, by whom and until when."""
    held = "lease_until > now(), count(*), max(lease_until - now())"
    invoices = f"select status, next_attempt_at <= now(), {held} from invoices group by 1, 2, 3"
    rolling = f"select next_action_at <= now(), {held} from subscriptions group by 1, 2"
    attempts = "select status, count(*) from attempts group by 1"
    found = "\n".join(str(stack.query(one)) for one in (invoices, rolling, attempts))
    return f"{stack.query(PAID)} of {due} renewed\n{found}\n{stack.tell('worker-1')}\n{stack.tell('worker-2')}\n{stack.tell('cron')}"


def plant(stack: ByHand, count: int) -> int:
    """Subscriptions that are due; answers how many."""
    owner = str(stack.local["organization"])
    with stack.application(), organization(owner):
        model, card = renewals._first(stack.local, owner)
        renewals._plant(stack.local, DEMO_KEY, model, card, count)
        renewals._slow(stack.sandbox)
    return count


def _restart_all(stack: ByHand, is_over: Callable[[int], bool], pause: float) -> tuple[Counter[str], list[str]]:
    """Web servers on one side, workers and cron on the other, each one after the other; what overstayed its grace period too."""
    restarts: Counter[str] = Counter()
    findings: list[str] = []

    def turn(names: tuple[str, ...]) -> None:
        rounds = 0
        while not is_over(rounds):
            for name in names:
                left = stack.restart(name)
                restarts[name] += 1
                if left < 0:
                    findings.append(f"{name} took {-left:.0f} s more than its grace period")
                time.sleep(pause)
            rounds += 1

    sides = [threading.Thread(target=turn, args=(names,)) for names in (WEB, (*WORKERS, "cron"))]
    for side in sides:
        side.start()
    for side in sides:
        side.join()
    return restarts, findings


def _find_wrong_charges(stack: ByHand, load: Load, before: int, due: int) -> list[str]:
    """Charges that are missing or too many: of confirmed payments and of renewals, by what the sandbox took."""
    findings = []
    charges = stack.charges()
    doubled = [one for one, times in Counter(charge["reference"] for charge in charges).items() if times > 1]
    if doubled:
        findings.append(f"charged twice: {doubled[:5]}")
    expected = len(load.paid) + due
    if len(charges) - before != expected:
        findings.append(f"{len(charges) - before} charges for {len(load.paid)} payments and {due} renewals")
    kept = stack.query("select count(*) from payments where amount = 3100")[0][0]
    if kept != len(load.paid) + len(load.created):
        findings.append(f"{kept} payments kept of {len(load.paid) + len(load.created)} that were answered")
    per_subscription = stack.query(
        "select 1 from invoices where period = 1 group by subscription_id having count(*) > 1"
    )
    return findings + (["a period was billed twice"] if per_subscription else [])


def main() -> int:
    """Start it all, roll for as long as asked, say what came of it; 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--renewals", type=int, default=600)
    parser.add_argument(
        "--pause", type=float, default=5, help="seconds after each restart; it costs a core two or three"
    )
    parser.add_argument(
        "--renewing", type=float, default=10, help="renewals a second: the batch is not over before the restarts are"
    )
    parser.add_argument("--direct", action="store_true", help="past PgBouncer, with prepared statements")
    asked = parser.parse_args()
    env = {"WEB_PROCESSES": "1", "RATE_LIMIT_DEFAULT_RPM": "1000000"}
    env |= {"STRIPE_CHARGES_PER_SECOND": f"{asked.renewing}"}
    env |= {"DATABASE_PREPARED_STATEMENTS": "true"} if asked.direct else {}
    with (
        tempfile.TemporaryDirectory(prefix="ballast-rolling-") as folder,
        running(Path(folder), is_direct=asked.direct, **env) as stack,
    ):
        os.environ["REQUESTS_CA_BUNDLE"] = str(stack.certificate)
        until = time.monotonic() + asked.seconds
        report = roll(
            stack, asked.rate, asked.renewals, lambda rounds: rounds > 0 and time.monotonic() > until, asked.pause
        )
    print(
        f"{os.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}: server, workers, database, sandbox and clients on them"
    )
    print("\n".join(report.lines()))
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
