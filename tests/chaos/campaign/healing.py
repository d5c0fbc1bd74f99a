"""How a campaign ends: everything behaves again and goes on until it is quiet."""

from __future__ import annotations

import time

import psycopg
import requests

from tests.chaos.campaign import passing
from tests.chaos.truth import STUCK
from tests.local.checkout import wait_for
from tests.stack import PATIENCE, Stack

# A call that left before everything behaved again has ended after these.
CALLS_LAST = 10.0
DUE = (
    "select 1 from invoices where status = 'open' and next_attempt_at is not null and next_attempt_at <= now()",
    "select 1 from installments where next_attempt_at is not null and next_attempt_at <= now()",
    "select 1 from subscriptions where status = 'active' and next_action_at <= now()",
    "select 1 from financing_agreements where next_action_at <= now()",
)


def heal(stack: Stack, seconds: float, wait: float) -> bool:
    """Whether it became quiet within `seconds`, once `wait` seconds have passed in which a charge may still arrive."""
    wait_for(lambda: has_forgotten(stack), PATIENCE, stack.read_output)
    stack.await_health()
    time.sleep(max(wait, CALLS_LAST))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        passing.pass_long_waits(stack)
        pause = time.monotonic() + 3
        while time.monotonic() < pause:
            if is_quiet(stack):
                return True
            time.sleep(0.5)
    return False


def has_forgotten(stack: Stack) -> bool:
    """Have the sandbox behave again; False while it is away."""
    try:
        stack.forget_faults()
    except requests.RequestException:
        return False
    return True


def is_quiet(stack: Stack) -> bool:
    """Nothing waits any more; False too while the database is away."""
    try:
        return not any(stack.query(f"{one} limit 1") for one in (*STUCK.values(), *DUE))
    except psycopg.OperationalError:
        return False
