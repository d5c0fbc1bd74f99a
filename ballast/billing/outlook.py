"""What is due today and what later, as the cart, the checkout, the receipt and the mail show it. Amounts in minor units.

An order that starts a subscription keeps its own as it was agreed to; see `due_dates` for how it is drawn up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ballast.models import Order


@dataclass(frozen=True)
class Entry:
    """Something that is due today; less than nothing for what comes off."""

    label: str
    amount: int


@dataclass(frozen=True)
class Coming:
    """Something that is due later. `every`: how often it comes again from then on, such as "per month"; empty for once."""

    on: date
    label: str
    amount: int
    every: str = ""

    @property
    def often(self) -> str:
        """As it reads after "then": every month."""
        return self.every.replace("per ", "every ")


@dataclass(frozen=True)
class Outlook:
    """Both, with their sums. `later`: by day."""

    currency: str
    today: tuple[Entry, ...]
    later: tuple[Coming, ...]

    @property
    def due(self) -> int:
        return sum(entry.amount for entry in self.today)

    @property
    def once_later(self) -> int:
        """What is left once today's is paid, of what does not come again and again."""
        return sum(coming.amount for coming in self.later if not coming.every)

    @property
    def repeating(self) -> list[Coming]:
        """What comes again and again."""
        return [coming for coming in self.later if coming.every]

    @property
    def parts(self) -> list[Coming]:
        """What comes once each: the payments of a plan."""
        return [coming for coming in self.later if not coming.every]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "today": [{"label": one.label, "amount": one.amount} for one in self.today],
            "later": [
                {"on": one.on.isoformat(), "label": one.label, "amount": one.amount, "every": one.every}
                for one in self.later
            ],
        }


def made(currency: str, today: Iterable[Entry], later: Iterable[Coming]) -> Outlook:
    """An outlook, with what comes in the order of its days."""
    return Outlook(currency, tuple(today), tuple(sorted(later, key=lambda coming: coming.on)))


def of(order: Order) -> Outlook | None:
    """What the shopper was shown and agreed to; None for an order of goods alone."""
    return _read(order.currency, order.outlook) if order.outlook else None


def _read(currency: str, kept: Mapping[str, Any]) -> Outlook:
    later = [Coming(**(one | {"on": date.fromisoformat(one["on"])})) for one in kept["later"]]
    return made(currency, [Entry(**one) for one in kept["today"]], later)
