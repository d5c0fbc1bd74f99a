"""What happens during a campaign, as the seed says: parts killed or paused, clocks that jump, a processor that misbehaves, work that
falls due."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import psutil
import requests

from tests.chaos.campaign import passing
from tests.chaos.campaign.stack import DoubledStack
from tests.local.checkout import wait_for
from tests.stack import PATIENCE, Stack

KILLED = ("web", "worker", "worker2", "cron", "cron2", "postgres", "valkey", "sandbox")
PAUSED = ("web", "worker", "worker2", "cron", "postgres", "valkey", "sandbox")
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
# A charge that is made so long after it was sent that it had to be given up meanwhile: these processors are asked after 30 seconds and
# again after two minutes, and what they do not know then is absent.
LATE_SECONDS = 200.0
LATE: tuple[dict[str, Any], ...] = (
    {"processor": "braintree", "operation": "transactions.create"},
    {"processor": "square", "operation": "payments.create"},
)
# Seconds by which the clocks of web, workers and crons are wrong for a while.
LONGEST_TO_WAIT, CALLS_LAST = 60, 8.0
JUMPS = (-3600, -200, -20, 20, 200, 3600)
# The supervisor waits up to 15 seconds before it starts a part that was killed again and again.
RESTARTED_WITHIN = 180.0
# How many plans fall due at once.
DUE_AT_ONCE = 8
RENEW = """
  update subscriptions set next_action_at = now() where (organization_id, id) in
  (select organization_id, id from subscriptions where status = 'active' and next_action_at > now() order by random() limit {})"""
COLLECT = f"""
  update installments set due_on = current_date, due_at = now(), next_attempt_at = now()
  where status = 'scheduled' and (organization_id, agreement_id, number) in
  (select organization_id, agreement_id, min(number) from installments
   where status = 'scheduled' group by 1, 2 order by random() limit {DUE_AT_ONCE})"""


class Trouble:
    """Makes `kills` kills, spread over all that is paid, and everything else in between, until told that all is paid.

    `progress`: the share of the payments that are made, by now. `fall_due`: told how many renewals were made due, of at most
    `due_at_once`. `is_late`: whether charges may come so late that they were given up.
    """

    def __init__(
        self,
        stack: Stack,
        seed: int,
        kills: int,
        progress: Callable[[], float],
        fall_due: Callable[[int], None],
        due_at_once: int,
        is_late: bool = False,
    ) -> None:
        self.fall_due, self.due_at_once = fall_due, due_at_once
        self.stack, self.rng, self.kills, self.progress = stack, random.Random(seed), kills, progress
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.acts: list[Callable[[], None]] = [self.pause] * 2 + [self.misbehave] * 6 + [self.renew, self.collect]
        if isinstance(stack, DoubledStack) and stack.has_clocks:
            self.acts.append(partial(self.jump, stack))
        if is_late:
            self.acts.append(self.delay)

    def run(self, is_over: Callable[[], bool]) -> None:
        """Until it is over and every kill was made."""
        while not is_over() or self.counts["kills"] < self.kills:
            due = self.counts["kills"] < min(self.kills, 1 + self.progress() * self.kills)
            act = self.rng.choice([self.kill] * 6 + self.acts if due else self.acts)
            act()
            time.sleep(self.rng.uniform(0.1, 1.2))

    def kill(self) -> None:
        """`kill -9`, and wait until the supervisor has started another."""
        name = self.rng.choice(self.those(KILLED))
        process = part(self.stack, name)
        if process is None:  # it has just ended, for want of another part
            return
        process.kill()
        self.counts["kills"] += 1
        self.counts[f"kill {name}"] += 1
        self.await_another(name, process.pid)

    def await_another(self, name: str, before: int) -> None:
        """Until the supervisor has started it again; a problem where that takes longer than a loaded machine explains."""
        try:
            wait_for(lambda: self.stack.is_published() and self.stack.pid_of(name) != before, RESTARTED_WITHIN)
        except AssertionError:
            if isinstance(self.stack, DoubledStack) and self.stack.supervisor:
                self.stack.supervisor.send_signal(signal.SIGUSR1)  # it says where it is
                time.sleep(1)
            self.problems.append(f"{name} was not started again; the supervisor: {self.stack.read_output()[-3000:]}")

    def those(self, names: Sequence[str]) -> list[str]:
        """The parts that this stack has."""
        return [name for name in names if name in self.stack.local["pids"]]

    def pause(self) -> None:
        """Stand still (SIGSTOP), for a moment or past every timeout."""
        name, seconds = self.rng.choice(self.those(PAUSED)), self.rng.choice((0.5, 2.0, 10.0))
        parent = part(self.stack, name)
        halted = family(parent) if parent else []
        for process in halted:
            change(process, process.suspend)
        time.sleep(seconds)
        for process in halted:
            change(process, process.resume)
        self.counts[f"pause {name}"] += 1

    def misbehave(self) -> None:
        """A processor, or the mail, does something wrong a few times."""
        rule = {**self.rng.choice(FAULTS), "processor": self.rng.choice(PROCESSORS), "count": self.rng.randrange(1, 4)}
        self.tell(rule, str(rule["kind"]))

    def delay(self) -> None:
        """One charge is made long after it was sent."""
        rule = {"kind": "latency", "seconds": LATE_SECONDS, "count": 1, **self.rng.choice(LATE)}
        self.tell(rule, "charges held up")

    def tell(self, rule: dict[str, Any], what: str) -> None:
        """Have the sandbox do it, if it is there."""
        try:
            requests.post(f"{self.stack.sandbox}/_sandbox/faults", json=rule, timeout=PATIENCE)
        except requests.RequestException:
            return
        self.counts[what] += 1

    def jump(self, stack: DoubledStack) -> None:
        """The application's clocks are wrong for a while."""
        seconds = self.rng.choice(JUMPS)
        stack.jump(seconds)
        time.sleep(self.rng.uniform(1, 12))
        stack.jump(0)
        self.counts[f"clocks {seconds:+d} s"] += 1
        if seconds > LONGEST_TO_WAIT:
            time.sleep(CALLS_LAST)
            passing.pass_by(stack, seconds)

    def renew(self) -> None:
        """Some subscriptions fall due at once, as if their month were over."""
        self.fall_due(passing.act(self.stack, RENEW.format(self.due_at_once)))
        self.counts["renewals due"] += 1

    def collect(self) -> None:
        """Some plans have their next installment due."""
        passing.act(self.stack, COLLECT)
        self.counts["installments due"] += 1


def part(stack: Stack, name: str) -> psutil.Process | None:
    """A part's process; None where it has ended, whoever has its number now."""
    assert stack.supervisor is not None
    try:
        process = psutil.Process(stack.pid_of(name))
        return process if process.ppid() == stack.supervisor.pid else None
    except (psutil.NoSuchProcess, FileNotFoundError):
        return None


def family(parent: psutil.Process) -> list[psutil.Process]:
    """A process and all below it; none where it has just ended."""
    try:
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
