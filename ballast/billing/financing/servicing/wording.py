"""A preview in words: labeled lines, the same for every act, for whoever decides and for whoever is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ballast.billing.financing.servicing.previews import Line, Preview
from ballast.money import format_money
from ballast.templating import show_date


@dataclass(frozen=True)
class Row:
    """An installment before and after, either of which may be none: what joins the schedule, what falls out of it."""

    number: int
    before: Line | None
    after: Line | None

    @property
    def due_on(self) -> tuple[date | None, date | None]:
        return self.before.due_on if self.before else None, self.after.due_on if self.after else None

    @property
    def left(self) -> tuple[int, int]:
        """Minor units."""
        return self.before.left if self.before else 0, self.after.left if self.after else 0

    @property
    def is_changed(self) -> bool:
        return self.before != self.after


def rows(seen: Preview) -> list[Row]:
    """Every installment of the schedule, by number."""
    before, after = ({one.number: one for one in lines} for lines in (seen.before, seen.after))
    return [Row(number, before.get(number), after.get(number)) for number in sorted({**before, **after})]


def lines(seen: Preview, card: str = "") -> list[tuple[str, str]]:
    """(label, text) of everything it does. `card`: what is charged, in words ("Visa 4242")."""
    return [(label, text) for label, text in _lines(seen, card) if text]


def _lines(seen: Preview, card: str) -> Iterator[tuple[str, str]]:
    wanted = seen.consequence
    yield "Charged now", _money(seen, wanted.charged) + (f" to {card}" if card and wanted.charged else "")
    yield "Received", f"{_money(seen, wanted.recorded)} on {show_date(wanted.on)}" if wanted.recorded else ""
    for back in wanted.back:
        yield f"Goes back to {back.card}", _money(seen, back.amount)
    yield "Comes off what is owed", _money(seen, seen.credited)
    yield "Interest taken off", _money(seen, seen.rebated)
    yield "Late fees taken off", _money(seen, seen.waived)
    yield "Written off", _money(seen, seen.written_off)
    yield "Becomes the customer’s credit", _money(seen, wanted.credit)
    yield "Paused until", show_date(wanted.paused_until) if wanted.paused_until else ""
    yield "Left of the plan", _change(*(_left(seen, one.total) for one in (seen.balance_before, seen.balance_after)))
    yield "The plan will be", seen.status_after.replace("_", " ").capitalize()


def _left(seen: Preview, amount: int) -> str:
    return format_money(amount, seen.currency)


def _change(before: str, after: str) -> str:
    return before if before == after else f"{after} instead of {before}"


def _money(seen: Preview, amount: int) -> str:
    """Nothing is not worth a line."""
    return format_money(amount, seen.currency) if amount else ""
