"""Whether late successes were unavoidable, read from the sandbox's log of what it was asked.

A charge that the processor made after it had told us that there was none could not be known of; one that it had made before it was
asked was given up wrongly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from ballast.ids import from_uuid
from tests.stack import Stack

CHARGING = ("payment_intents.confirm", "transactions.create", "payments.create")
ASKING = (
    *("payment_intents.retrieve", "payment_intents.cancel"),
    *("transactions.search", "transactions.search_page", "transactions.find"),
    *("payments.get", "payments.cancel_by_idempotency_key"),
)

# Faults that strike before anything is charged.
BEFORE = ("rate_limit", "error_before", "bad_gateway_before", "reset_before")


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
