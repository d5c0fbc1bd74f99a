"""Disputes at the processors held against ours: the same ones, over the same money, decided the same way; and what they cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from ballast.sandbox.stripe.disputes import FEE

Query = Callable[..., list[tuple[Any, ...]]]

# The processors' words for where a dispute stands, and ours. Whatever is not here is the same word.
OUR_WORD = {
    "open": "needs_response",
    "evidence_required": "needs_response",
    "disputed": "under_review",
    "processing": "under_review",
}
# The bank has the money.
WITHDRAWN = ("needs_response", "under_review", "lost", "accepted")
LOST = ("lost", "accepted")
FEES = (
    "select coalesce(sum(case when kind = 'dispute_fee' then amount else -amount end), 0) from ledger_transfers "
    "where kind in ('dispute_fee', 'dispute_fee_returned')"
)


def word(dispute: dict[str, Any]) -> str:
    """How a dispute of the sandbox's stands, in our word."""
    return OUR_WORD.get(dispute["status"], dispute["status"])


def withdrawn(disputes: list[dict[str, Any]]) -> Counter[str]:
    """What the banks have taken back and kept, by currency."""
    found: Counter[str] = Counter()
    for one in disputes:
        if word(one) in WITHDRAWN:
            found[one["currency"].upper()] += one["amount"]
    return found


def find(query: Query, charges: list[dict[str, Any]], disputes: list[dict[str, Any]]) -> list[str]:
    """Each difference in a sentence."""
    theirs = {one["id"]: (word(one), one["amount"]) for one in disputes}
    ours = {row[0]: (row[1], row[2]) for row in query("select external_id, status, amount from disputes")}
    findings = [
        f"Dispute {one} is {theirs.get(one)} at the processor and {ours.get(one)} here."
        for one in sorted(theirs.keys() | ours.keys())
        if theirs.get(one) != ours.get(one)
    ]
    return [*findings, *find_given_twice(charges, disputes), *find_fees(query, disputes)]


def find_given_twice(charges: list[dict[str, Any]], disputes: list[dict[str, Any]]) -> list[str]:
    """Charges of which more went back, by refund and lost dispute together, than was taken."""
    gone: dict[str, int] = defaultdict(int)
    for one in disputes:
        if word(one) in LOST:
            gone[one["charge"]] += one["amount"]
    return [
        f"Given back twice: {one['processor']} {one['id']}, {one['amount_refunded']} refunded, {gone[one['id']]} lost."
        for one in charges
        if one["amount_refunded"] + gone.get(one["id"], 0) > one["amount_captured"]
    ]


def find_fees(query: Query, disputes: list[dict[str, Any]]) -> list[str]:
    """Stripe alone tells what a dispute costs: once each, and given back with the money."""
    due = FEE * sum(1 for one in disputes if one["processor"] == "stripe" and word(one) in WITHDRAWN)
    posted = int(query(FEES)[0][0])
    return [] if posted == due else [f"Fees of disputes: {posted} posted, {due} charged."]
