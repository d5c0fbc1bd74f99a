"""Whether late successes were unavoidable, read from the sandbox's log of what it was asked.

A charge that the processor made after it had told us that there was none could not be known of; one that it had made before it was
asked was given up wrongly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ballast.ids import from_uuid
from tests.chaos.campaign import passing
from tests.chaos.campaign.people import CARDS
from tests.local.checkout import wait_for
from tests.stack import PATIENCE, Stack, inside

CHARGING = ("payment_intents.confirm", "transactions.create", "payments.create")
ASKING = (
    *("payment_intents.retrieve", "payment_intents.cancel"),
    *("transactions.search", "transactions.search_page", "transactions.find"),
    *("payments.get", "payments.cancel_by_idempotency_key"),
)

# Faults that strike before anything is charged.
BEFORE = ("rate_limit", "error_before", "bad_gateway_before", "reset_before")


# A charge is held at the processor until it was given up here, however long that takes; so long at most.
HELD_SECONDS = 300.0
HELD = {"braintree": "transactions.create", "square": "payments.create"}


def meet(stack: Stack) -> None:
    """One charge at each of these processors is made after it was given up: an hour passes for its attempt, and for nothing else."""
    with ThreadPoolExecutor(len(HELD)) as pool:
        list(pool.map(lambda processor: charge_late(stack, processor), HELD))


def charge_late(stack: Stack, processor: str) -> None:
    """Hold a charge, give its attempt up, and let the charge be made. Square tells of it; Braintree's is found by reconciling."""
    held = {"processor": processor, "operation": HELD[processor], "kind": "latency", "seconds": HELD_SECONDS}
    rule = stack.fault(**held)
    try:
        made = stack.pay(amount=1111, processor=processor, payment_method=CARDS[processor][0]).json()["id"]
        wait_for(lambda: has_attempt(stack, made, "unknown"), PATIENCE, stack.read_output)
        passing.pass_an_hour(stack, str(inside(made)))
        wait_for(lambda: has_attempt(stack, made, "not_sent"), PATIENCE, stack.read_output)
    finally:
        stack.forget_faults(rule)
    wait_for(lambda: bool(stack.charges(made)), PATIENCE, stack.read_output)


def has_attempt(stack: Stack, payment_id: str, status: str) -> bool:
    """Whether a payment has an attempt of this status."""
    wanted = "select 1 from attempts where payment_id = %s and status = %s"
    return bool(stack.query(wanted, inside(payment_id), status))


def find_avoidable(stack: Stack, collected: Path) -> list[str]:
    """A finding for each late success whose charge was there when the processor was asked for it."""
    late = stack.query(
        "select a.id, a.external_id from late_successes l join attempts a "
        "on a.organization_id = l.organization_id and a.id = l.attempt_id"
    )
    names = {name: from_uuid(row[0], "att") for row in late for name in (from_uuid(row[0], "att"), row[1]) if name}
    return [f"Given up although it was charged: {one}." for one in sorted(charged_before_asked(names, read(collected)))]


def read(collected: Path) -> Iterator[str]:
    """The lines of every sandbox that ran, in the order in which they ran."""
    for path in sorted(collected.glob("wire-*.jsonl"), key=lambda file: file.stat().st_mtime):
        with path.open(encoding="utf-8") as lines:
            yield from lines


def charged_before_asked(names: dict[str, str], lines: Iterable[str]) -> set[str]:
    """Of the attempts, by any of their names, those whose charge comes before the first question about them."""
    asked: set[str] = set()
    found: set[str] = set()
    for line in lines:
        about = {attempt for name, attempt in names.items() if name in line}
        if not about or not line.endswith("}\n"):  # a line that a kill has torn
            continue
        exchange = json.loads(line)
        if exchange["operation"] in ASKING:
            asked |= about
        elif exchange["operation"] in CHARGING and exchange["fault"] not in BEFORE:
            found |= about - asked
    return found
