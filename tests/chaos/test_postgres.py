"""PostgreSQL is killed while payments are being made."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

import psycopg
import pytest
import requests

from tests.stack import Stack, await_value, inside

pytestmark = pytest.mark.stack

CLIENTS = 6
# From the kill to the last answer that was not a payment; on a quiet machine three seconds.
MOST_SECONDS_OF_TROUBLE = 20


@dataclass
class Load:
    """Clients that pay without a pause until told to stop."""

    stack: Stack
    stopping: threading.Event = field(default_factory=threading.Event)
    answers: list[tuple[float, str, int, dict[str, object]]] = field(default_factory=list)

    def run(self) -> None:
        """One client; 0 stands for no answer at all."""
        while not self.stopping.is_set():
            key = str(uuid4())
            try:
                answer = self.stack.pay(key)
                self.answers.append((time.monotonic(), key, answer.status_code, answer.json()))
            except requests.RequestException:
                self.answers.append((time.monotonic(), key, 0, {}))

    def made(self) -> list[str]:
        """The payments whose answer was 201."""
        return [str(body["id"]) for _, _, status, body in self.answers if status == 201]

    def await_more(self, count: int) -> None:
        """Until that many more payments have been made."""
        wanted = len(self.made()) + count
        await_value(lambda: len(self.made()) >= wanted, explain=lambda: str(self.answers[-20:]))


# What earlier tests on this stack hold belongs to a payment too.
TAKEN = ("succeeded", "requires_capture")


def test_killing_the_database_under_load_loses_and_doubles_nothing(stack: Stack) -> None:
    load = Load(stack)
    clients = [threading.Thread(target=load.run) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        load.await_more(20)
        before = stack.kill("postgres")
        killed_at = time.monotonic()
        stack.await_restart("postgres", before)
        load.await_more(40)
    finally:
        load.stopping.set()
        for client in clients:
            client.join()
    expect_short_trouble(load, killed_at)
    await_value(lambda: settled(stack), explain=stack.read_output)
    expect_one_charge_for_each(stack, load)


def expect_short_trouble(load: Load, killed_at: float) -> None:
    """Before the kill all is well, and soon after it all is well again."""
    trouble = [(at, status) for at, _, status, _ in load.answers if status != 201]
    assert all(at >= killed_at for at, _ in trouble)
    assert max((at for at, _ in trouble), default=killed_at) - killed_at < MOST_SECONDS_OF_TROUBLE
    assert {status for _, status in trouble} <= {503}, "the database is away, which is no fault of the program"


def settled(stack: Stack) -> bool:
    """No attempt is open any more."""
    try:
        rows = stack.query("select 1 from attempts where status in ('created', 'submitted', 'unknown') limit 1")
    except psycopg.OperationalError:
        return False
    return not rows


def expect_one_charge_for_each(stack: Stack, load: Load) -> None:
    """Every 201 is a payment that succeeded; every charge belongs to one payment that says so, or holds its money, and to no other.
    What came too late, in a campaign before, went back.
    """
    status = dict(stack.query("select id, status from payments"))
    owner = dict(stack.query("select id, payment_id from attempts"))
    assert {status[inside(payment_id)] for payment_id in load.made()} == {"succeeded"}
    late = {row[0] for row in stack.query("select attempt_id from late_successes")}
    taken = [inside(charge["reference"]) for charge in stack.charges() if charge["status"] != "canceled"]
    charged = Counter(owner[attempt] for attempt in taken if attempt not in late)
    assert set(charged.values()) == {1}
    assert set(charged) == {payment_id for payment_id, said in status.items() if said in TAKEN}
    keys = stack.query("select idempotency_key from payments where idempotency_key is not null")
    assert len(keys) == len(set(keys))
