"""The second solver: reads the cash flows back from a disclosure as rendered, and computes its APR anew with another's code.

Nothing here knows the engine's schedule. What the customer gets, what is paid when, and how often are read from the page's words; the
rate is pyxirr's. Its `xirr` would give a yearly effective rate by days of the calendar, which is not an APR; so its periodic `irr` is
asked for the rate of a unit-period, and that is multiplied by how many of them a year has.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from html.parser import HTMLParser
from math import gcd
from typing import Final

import pyxirr

from ballast.billing.financing.quotes import Quote
from ballast.errors import Conflict

TOLERANCE: Final = Decimal("0.125")  # 12 CFR 1026.22(a)(2): 1/8 of a percentage point
_TIMING: Final = re.compile(r"every (?:(?P<count>\d+) )?(?P<unit>day|week|month)s?(?: on day (?P<day>\d+).*)?")
_VOID: Final = frozenset(["meta", "link", "br", "hr", "img", "input"])
ROUNDS: Final = 80


@dataclass(frozen=True)
class Shown:
    """What a disclosure says: minor units, percent, days."""

    start: date
    apr: Decimal
    advance: int
    sums: dict[str, int]
    groups: tuple[tuple[int, int], ...]
    payments: tuple[tuple[date, int], ...]
    unit: str
    count: int
    day: int


def check(rendered: str, quote: Quote) -> Decimal:
    """The second solver's APR of a rendered disclosure, in percent.

    Raises Conflict(`disclosure_disagrees`) when it cannot be read, does not add up, shows other payments than the quote's, or another
    rate than the second solver finds, by more than 1/8 point.
    """
    shown = read(rendered)
    if shown.payments != tuple((line.due_on, line.amount) for line in quote.lines) or shown.start != quote.start:
        raise _disagrees("it shows other payments than would be charged")
    for problem in _problems(shown):
        raise _disagrees(problem)
    found = apr_of(shown)
    if max(abs(found - shown.apr), abs(found - quote.apr)) > TOLERANCE:
        raise _disagrees(f"it says {shown.apr}% a year, and its payments are {found:.2f}%")
    return found


def read(rendered: str) -> Shown:
    """What stands in a rendered disclosure. Raises Conflict(`disclosure_disagrees`) where something is missing or cannot be read."""
    page = _Fields()
    page.feed(rendered)
    page.close()
    try:
        return _shown(page)
    except (KeyError, ValueError, ArithmeticError) as error:
        raise _disagrees("it cannot be read") from error


def apr_of(shown: Shown) -> Decimal:
    """The APR in percent of what is shown, by pyxirr. Raises Conflict(`disclosure_disagrees`) where it finds none."""
    grid = _grid(shown)
    of_slot = _rate(shown.advance, [amount for _, amount in shown.payments], grid)
    return Decimal(((1 + of_slot) ** (1 / grid.units) - 1) * grid.per_year * 100)


# --- Reading -------------------------------------------------------------------------------------------------------------------


class _Fields(HTMLParser):
    """The text of every element that has `data-field`, by its name, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._open: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        name = dict(attrs).get("data-field")
        self._open.append(name)
        if name:
            self.found.setdefault(name, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if self._open and tag not in _VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1]:
            self.found[self._open[-1]][-1] += data

    def one(self, name: str) -> str:
        (text,) = self.found[name]
        return text.strip()

    def money(self, name: str) -> int:
        return _money(self.one(name)) if name in self.found else 0

    def many(self, name: str) -> list[str]:
        return [text.strip() for text in self.found[name]]


def _shown(page: _Fields) -> Shown:
    timing = _TIMING.fullmatch(page.one("timing"))
    if timing is None:
        raise ValueError("no timing")
    dates = [_day(text) for text in page.many("due_on")]
    amounts = [_money(text) for text in page.many("amount")]
    counts = [int(text) for text in page.many("group_count")]
    each = [_money(text) for text in page.many("group_amount")]
    names = (
        "amount_financed",
        "finance_charge",
        "total_of_payments",
        "total_sale_price",
        "interest",
        "fee_paid",
        "fee_financed",
    )
    sums = {name: page.money(name) for name in (*names, "price", "down_payment", "fee_upfront")}
    return Shown(
        start=_day(page.one("start")),
        apr=Decimal(page.one("apr").removesuffix("%")),
        advance=sums["price"] - sums["down_payment"] - sums["fee_upfront"],
        sums=sums,
        groups=tuple(zip(counts, each, strict=True)),
        payments=tuple(zip(dates, amounts, strict=True)),
        unit=timing["unit"],
        count=int(timing["count"] or 1),
        day=int(timing["day"] or 0),
    )


def _money(text: str) -> int:
    """Minor units: every decimal of the currency is shown, so the digits are the amount. A minus is a matter of the column."""
    return int("".join(char for char in text if char.isdigit()))


def _day(text: str) -> date:
    return datetime.strptime(text, "%b %d, %Y").date()  # noqa: DTZ007  a day, no instant


def _problems(shown: Shown) -> list[str]:
    """What does not add up, in words."""
    sums, paid = shown.sums, sum(amount for _, amount in shown.payments)
    fees = sums["fee_paid"] + sums["fee_financed"]
    rules = {
        "the amount financed is not the price less what is paid today": sums["amount_financed"] == shown.advance,
        "the payments do not add up to their total": paid == sums["total_of_payments"],
        "the schedule does not list the payments": _listed(shown),
        "the finance charge is not what the payments cost": paid - shown.advance == sums["finance_charge"],
        "the finance charge is not interest and fees": sums["interest"] + fees == sums["finance_charge"],
        "the fees are not the same everywhere": sums["fee_paid"] == sums["fee_upfront"],
        "the total sale price is not the price and the finance charge": sums["total_sale_price"]
        == sums["price"] + sums["finance_charge"],
    }
    return [problem for problem, holds in rules.items() if not holds]


def _listed(shown: Shown) -> bool:
    return [amount for count, amount in shown.groups for _ in range(count)] == [amount for _, amount in shown.payments]


def _disagrees(why: str) -> Conflict:
    return Conflict(
        "disclosure_disagrees", f"The disclosure does not agree with its own payments: {why}. Nothing was sold."
    )


# --- Solving -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grid:
    """The slot of each payment, counted from the start; the odd fraction of one before them. `units`: unit-periods in a slot."""

    slots: Sequence[int]
    odd: float
    per_year: float
    units: int = 1


def _grid(shown: Shown) -> Grid:
    if shown.unit == "month":
        return _monthly(shown)
    if shown.unit == "week" or shown.count % 7 == 0:
        return _weekly(shown, shown.count * (7 if shown.unit == "week" else 1))
    return _daily(shown)


def _rate(advance: int, amounts: Sequence[int], grid: Grid) -> float:
    """The rate of a slot: pyxirr's IRR of whole periods, after an odd fraction of one with simple interest.

    The advance grows to advance · (1 + odd · rate) before the first whole period, and the rate is what comes out: a fixed point. Going
    only half the way each time makes it settle whatever the fraction; without a fraction the first answer is final.
    """
    flows = [0.0] * (grid.slots[-1] + 1)
    for amount, slot in zip(amounts, grid.slots, strict=True):
        flows[slot] += amount
    first, rate = flows[0], 0.0
    for _ in range(ROUNDS):
        flows[0] = first - advance * (1 + grid.odd * rate)
        found = pyxirr.irr(flows)
        if found is None:
            raise _disagrees("no rate fits its payments")
        if not grid.odd or abs(found - rate) < 1e-12:
            return found
        rate = (rate + found) / 2
    return rate


def _monthly(shown: Shown) -> Grid:
    """Months are equal and counted back from the first due date; odd days before them are thirtieths of one (Appendix J (b)(5))."""
    months = [on.year * 12 + on.month for on, _ in shown.payments]
    regular = all(month == months[0] + number * shown.count for number, month in enumerate(months))
    if not regular or any(on != _on_day(on, shown.day) for on, _ in shown.payments):
        raise _disagrees("its dates are not those it describes")
    whole = months[0] - (shown.start.year * 12 + shown.start.month)
    begin = _on_day(shown.start, shown.day)
    if begin < shown.start:
        whole -= 1
        begin = _on_day(shown.start.replace(day=28) + timedelta(days=4), shown.day)
    slots, odd = _spread(whole * 30 + (begin - shown.start).days, 30 * shown.count, len(months))
    return Grid(slots, odd, 12 / shown.count)


def _weekly(shown: Shown, days: int) -> Grid:
    """Every so many days, which are whole weeks."""
    waits = [(on - shown.start).days for on, _ in shown.payments]
    if any(wait != waits[0] + number * days for number, wait in enumerate(waits)):
        raise _disagrees("its dates are not those it describes")
    slots, odd = _spread(waits[0], days, len(waits))
    return Grid(slots, odd, 52 * 7 / days)


def _daily(shown: Shown) -> Grid:
    """The unit-period is a day; so that few of them are empty, slots are the longest time into which every wait divides."""
    waits = [(on - shown.start).days for on, _ in shown.payments]
    unit = reduce(gcd, waits)
    return Grid([wait // unit for wait in waits], 0.0, 365, unit)


def _spread(first: int, unit: int, count: int) -> tuple[list[int], float]:
    """The slots of payments a unit apart whose first comes after `first` days, and the odd fraction before the whole units."""
    whole, odd = divmod(first, unit)
    return [whole + number for number in range(count)], odd / unit


def _on_day(month: date, day: int) -> date:
    return month.replace(day=min(day, monthrange(month.year, month.month)[1]))
