"""What happens during a campaign, as the seed says: parts killed or paused, a processor that misbehaves, work falling due."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psutil
import psycopg
import requests

from tests.stack import PATIENCE, Stack

KILLED = ("web", "worker", "cron", "postgres", "valkey")
PAUSED = ("web", "worker", "postgres", "valkey")
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "error_before"},
    {"kind": "error_after"},
    {"kind": "bad_gateway_before"},
    {"kind": "bad_gateway_after"},
    {"kind": "truncate"},
    {"kind": "rate_limit", "seconds": 0.5},
    {"kind": "latency", "seconds": 1.5},
    {"kind": "slow", "seconds": 6.0},
    {"kind": "webhook_lost"},
    {"kind": "webhook_duplicate"},
    {"kind": "webhook_late", "seconds": 4.0},
    {"kind": "webhook_reordered", "seconds": 1.0},
)
PROCESSORS = ("stripe", "braintree", "square", "resend")


class Trouble:
    """Makes `kills` kills, and everything else in between, until told that all is paid."""

    def __init__(self, stack: Stack, seed: int, kills: int) -> None:
        self.stack, self.rng, self.kills = stack, random.Random(seed), kills
        self.counts: Counter[str] = Counter()

    def run(self, is_over: Callable[[], bool]) -> None:
        """Until it is over and every kill was made."""
        acts = [self.kill] * 4 + [self.pause] * 2 + [self.misbehave] * 6 + [self.renew]
        while not is_over() or self.counts["kills"] < self.kills:
            act = self.rng.choice(acts if self.counts["kills"] < self.kills else acts[4:])
            act()
            time.sleep(self.rng.uniform(0.1, 1.2))

    def kill(self) -> None:
        """`kill -9`, and wait until the supervisor has started another."""
        name = self.rng.choice(KILLED)
        try:
            before = self.stack.kill(name)
        except ProcessLookupError:  # it has just ended, for want of another part
            return
        self.counts["kills"] += 1
        self.counts[f"kill {name}"] += 1
        self.stack.await_restart(name, before)

    def pause(self) -> None:
        """Stand still (SIGSTOP), for a moment or past every timeout."""
        name, seconds = self.rng.choice(PAUSED), self.rng.choice((0.5, 2.0, 10.0))
        halted = family(self.stack.pid_of(name))
        for process in halted:
            change(process, process.suspend)
        time.sleep(seconds)
        for process in halted:
            change(process, process.resume)
        self.counts[f"pause {name}"] += 1

    def misbehave(self) -> None:
        """A processor, or the mail, does something wrong a few times."""
        rule = {**self.rng.choice(FAULTS), "processor": self.rng.choice(PROCESSORS), "count": self.rng.randrange(1, 4)}
        requests.post(f"{self.stack.sandbox}/_sandbox/faults", json=rule, timeout=PATIENCE)
        self.counts[str(rule["kind"])] += 1

    def renew(self) -> None:
        """Every subscription falls due at once, as if its month were over."""
        act(self.stack, "update subscriptions set next_action_at = now() where status = 'active'")
        self.counts["renewals due"] += 1


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it; none where it has just ended."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def change(process: psutil.Process, do: Callable[[], None]) -> None:
    """Stop or wake it, unless it has ended meanwhile."""
    if process.is_running():
        try:
            do()
        except psutil.NoSuchProcess:
            return


def act(stack: Stack, statement: str) -> None:
    """Change what only time would; where the database is away at that moment, nothing is changed."""
    try:
        with psycopg.connect(stack.local["database_url"], autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)  # type: ignore[arg-type]
    except psycopg.OperationalError:
        time.sleep(0.5)


# Waits that are only long: what is due in ten minutes or an hour is due now. What waits for a call that may still be under way waits.
PASSING = (
    "update attempts set next_probe_at = now() where status = 'unknown' and next_probe_at > now()",
    "update refunds set next_attempt_at = now() "
    "where status in ('unknown', 'processing', 'pending_settlement') and next_attempt_at > now() "
    # Each look at an unknown one may send it, and Braintree calls nothing absent that may have left within the last minute.
    "and (status <> 'unknown' or sent_at < now() - interval '70 seconds')",
    "update emails set next_attempt_at = now() where status = 'failed' and next_attempt_at > now()",
    "update inbox_events set next_attempt_at = now() where status = 'received' and next_attempt_at > now()",
    "update webhook_deliveries set next_attempt_at = now() where status = 'failed' and next_attempt_at > now()",
)


def heal(stack: Stack, is_quiet: Callable[[], bool], seconds: float = 300) -> bool:
    """Everything behaves again and goes on until it is quiet; whether it became so in time."""
    stack.forget_faults()
    stack.await_health()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for statement in PASSING:
            act(stack, statement)
        pause = time.monotonic() + 3
        while time.monotonic() < pause:
            if is_quiet():
                return True
            time.sleep(0.5)
    return False
