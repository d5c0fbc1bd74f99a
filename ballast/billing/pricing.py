"""What an invoice comes to: lines, one discount, one tax. Plain arithmetic on minor units; nothing here reads a row.

Rounding (docs/subscriptions.md): the discount and the tax are computed once per invoice, rounded half up, and then allocated to the
lines by largest remainder, so the lines always add up to what the invoice says. A discount never takes more than the lines it may be
taken from: credits for unused time are not discounted again (they are what was billed, after its discount).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from ballast import money


@dataclass(frozen=True)
class Line:
    """One line. `amount` is minor units and may be negative; `discountable`: a coupon applies to it."""

    description: str
    quantity: int
    unit_amount: int
    amount: int
    price_id: str | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    is_proration: bool = False
    discountable: bool = True
    discount: int = 0
    tax: int = 0


@dataclass(frozen=True)
class Discount:
    """A coupon as it counts here: `percent_bps`, or `amount_off` minor units of the invoice's currency."""

    name: str
    percent_bps: int | None = None
    amount_off: int | None = None


@dataclass(frozen=True)
class Tax:
    """A tax rate as it stood. `inclusive`: the prices have it in them already."""

    name: str
    bps: int
    inclusive: bool


@dataclass(frozen=True)
class Sums:
    """An invoice's figures, minor units: `total` = `subtotal` - `discount` + `tax_added`."""

    lines: tuple[Line, ...]
    subtotal: int
    discount: int
    tax: int
    tax_added: int
    total: int


def add_up(lines: Sequence[Line], discount: Discount | None = None, tax: Tax | None = None) -> Sums:
    """The figures of these lines, each with its share of discount and tax."""
    discounted = _discounted(lines, _discount_of(lines, discount))
    taxed = _taxed(discounted, tax)
    subtotal, off = sum(line.amount for line in taxed), sum(line.discount for line in taxed)
    due_tax = sum(line.tax for line in taxed)
    added = 0 if tax is None or tax.inclusive else due_tax
    return Sums(tuple(taxed), subtotal, off, due_tax, added, subtotal - off + added)


def _discount_of(lines: Sequence[Line], discount: Discount | None) -> int:
    base = sum(line.amount for line in lines if line.discountable and line.amount > 0)
    if discount is None or base <= 0:
        return 0
    if discount.percent_bps is not None:
        return money.share(base, discount.percent_bps)
    return min(discount.amount_off or 0, base)


def _discounted(lines: Sequence[Line], off: int) -> list[Line]:
    weights = [line.amount if line.discountable and line.amount > 0 else 0 for line in lines]
    if not off:
        return list(lines)
    return [replace(line, discount=part) for line, part in zip(lines, money.allocate(off, weights), strict=True)]


def _taxed(lines: Sequence[Line], tax: Tax | None) -> list[Line]:
    net = [line.amount - line.discount for line in lines]
    if tax is None or not tax.bps or not any(net):
        return list(lines)
    due = tax_on(sum(net), tax)
    exact = [Fraction(amount * tax.bps, _divisor(tax)) for amount in net]
    return [replace(line, tax=part) for line, part in zip(lines, _to_sum(exact, due), strict=True)]


def tax_on(amount: int, tax: Tax) -> int:
    """The tax of `amount` minor units: on top of it, or the part of it that is tax where prices include it; negative for a credit."""
    return money.round_half_up(Fraction(amount * tax.bps, _divisor(tax)))


def _divisor(tax: Tax) -> int:
    return money.BPS + tax.bps if tax.inclusive else money.BPS


def _to_sum(exact: Sequence[Fraction], total: int) -> list[int]:
    """Integers next to `exact` that add up to `total`: largest remainder, the earlier one first on a tie."""
    floors = [value.numerator // value.denominator for value in exact]
    order = sorted(range(len(exact)), key=lambda place: (floors[place] - exact[place], place))
    for place in order[: total - sum(floors)]:
        floors[place] += 1
    return floors
