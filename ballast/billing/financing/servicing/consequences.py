"""What an act comes to, as plain data: entries, dates, what is charged, what goes back. Decided before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ballast.billing.financing.entries import Parts


@dataclass(frozen=True)
class Change:
    """One entry to come. `back`: which of the consequence's refunds is behind it; None for the act itself."""

    kind: str
    number: int
    parts: Parts
    back: int | None = None


@dataclass(frozen=True)
class Added:
    """An installment that joins the schedule; what it comes to is a change of its own."""

    number: int
    due_on: date


@dataclass(frozen=True)
class Back:
    """Minor units of a payment that go back to the card it came from; `card` names it ("Visa 4242")."""

    payment_id: str
    amount: int
    card: str


@dataclass(frozen=True)
class Consequence:
    """`kind`: one of AMENDMENT_KINDS. `on`: the day it counts from. `charged`: minor units taken from a card before anything else of
    it happens; `recorded`: received by another road; `credit`: of what was paid, what becomes the customer's credit. `notes`:
    sentences for whoever decides."""

    kind: str
    on: date
    changes: tuple[Change, ...] = ()
    dates: tuple[tuple[int, date], ...] = ()
    added: tuple[Added, ...] = ()
    charged: int = 0
    recorded: int = 0
    credit: int = 0
    back: tuple[Back, ...] = ()
    status: str | None = None
    paused_until: date | None = None
    card_id: str | None = None
    counts_as_move: bool = False
    notes: tuple[str, ...] = field(default=())

    def total(self, *kinds: str) -> Parts:
        """What the changes of these kinds come to together; of all, where none is named. Signed."""
        return sum((one.parts for one in self.changes if not kinds or one.kind in kinds), Parts())


def merged(changes: Iterable[Change]) -> tuple[Change, ...]:
    """One change for each kind, installment and refund, as entries are written; nothing for what comes to nothing."""
    sums: dict[tuple[str, int, int | None], Parts] = {}
    for one in changes:
        key = (one.kind, one.number, one.back)
        sums[key] = sums.get(key, Parts()) + one.parts
    return tuple(Change(kind, number, parts, back) for (kind, number, back), parts in sums.items() if parts != Parts())


def to_dict(wanted: Consequence) -> dict[str, Any]:
    """As JSON keeps it: in a preview's hash, in an amendment, on an agreement whose payment is under way."""
    return {
        "kind": wanted.kind,
        "on": wanted.on.isoformat(),
        "changes": [
            [one.kind, one.number, one.parts.principal, one.parts.interest, one.parts.late_fee, one.back]
            for one in wanted.changes
        ],
        "dates": [[number, day.isoformat()] for number, day in wanted.dates],
        "added": [[one.number, one.due_on.isoformat()] for one in wanted.added],
        "charged": wanted.charged,
        "recorded": wanted.recorded,
        "credit": wanted.credit,
        "back": [[one.payment_id, one.amount] for one in wanted.back],
        "status": wanted.status,
        "paused_until": wanted.paused_until.isoformat() if wanted.paused_until else None,
        "card": wanted.card_id,
    }


def from_dict(given: dict[str, Any]) -> Consequence:
    """What `to_dict` gave of a consequence that is paid for: its kind, day, amount and changes."""
    changes = tuple(
        Change(kind, number, Parts(principal, interest, late_fee), back)
        for kind, number, principal, interest, late_fee, back in given["changes"]
    )
    return Consequence(given["kind"], date.fromisoformat(given["on"]), changes, charged=given["charged"])
