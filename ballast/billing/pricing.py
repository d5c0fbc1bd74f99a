"""What an invoice or an order comes to: lines, one discount, one tax. Plain arithmetic on minor units; nothing here reads a row.

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
from ballast.billing.minimums import to_step


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
    tax_bps: int | None = None


@dataclass(frozen=True)
class Discount:
    """A coupon as it counts here: `percent_bps`, or `amount_off` minor units of the invoice's currency."""

    name: str
    percent_bps: int | None = None
    amount_off: int | None = None


@dataclass(frozen=True)
class Tax:
    """A tax rate as it stood. `inclusive`: the prices have it in them already. `shipping_bps`: of what it costs to send goods; None:
    as the goods."""

    name: str
    bps: int
    inclusive: bool
    shipping_bps: int | None = None


@dataclass(frozen=True)
class Sums:
    """An invoice's figures, minor units: `total` = `subtotal` - `discount` + `tax_added`."""

    lines: tuple[Line, ...]
    subtotal: int
    discount: int
    tax: int
    tax_added: int
    total: int


def add_up(lines: Sequence[Line], discount: Discount | None = None, tax: Tax | None = None, step: int = 1) -> Sums:
    """The figures of these lines, each with its share of discount and tax. `step`: of minor units, to which what a percentage takes
    off or adds is rounded (`minimums.grain`)."""
    discounted = _discounted(lines, _discount_of(lines, discount, step))
    taxed = _taxed(discounted, tax, step)
    subtotal, off = sum(line.amount for line in taxed), sum(line.discount for line in taxed)
    due_tax = sum(line.tax for line in taxed)
    added = 0 if tax is None or tax.inclusive else due_tax
    return Sums(tuple(taxed), subtotal, off, due_tax, added, subtotal - off + added)


def add_up_order(
    goods: Sequence[Line], sending: Sequence[Line], discount: Discount | None, tax: Tax | None, step: int
) -> Sums:
    """As `add_up`, of what is bought once and what it costs to send it: that is not discounted, and may be taxed at its own rate."""
    sent = [replace(line, discountable=False) for line in sending]
    if tax is None or tax.shipping_bps in (None, tax.bps):
        return add_up([*goods, *sent], discount, tax, step)
    mine, theirs = add_up(goods, discount, tax, step), add_up(sent, None, replace(tax, bps=tax.shipping_bps or 0), step)
    return Sums(
        mine.lines + theirs.lines,
        mine.subtotal + theirs.subtotal,
        mine.discount,
        mine.tax + theirs.tax,
        mine.tax_added + theirs.tax_added,
        mine.total + theirs.total,
    )


def _discount_of(lines: Sequence[Line], discount: Discount | None, step: int) -> int:
    base = sum(line.amount for line in lines if line.discountable and line.amount > 0)
    if discount is None or base <= 0:
        return 0
    if discount.percent_bps is not None:
        return min(to_step(Fraction(base * discount.percent_bps, money.BPS), step), base)
    return min(discount.amount_off or 0, base)


def _discounted(lines: Sequence[Line], off: int) -> list[Line]:
    weights = [line.amount if line.discountable and line.amount > 0 else 0 for line in lines]
    if not off:
        return list(lines)
    return [replace(line, discount=part) for line, part in zip(lines, money.allocate(off, weights), strict=True)]


def _taxed(lines: Sequence[Line], tax: Tax | None, step: int) -> list[Line]:
    net = [line.amount - line.discount for line in lines]
    if tax is None or not tax.bps or not any(net):
        return list(lines)
    due = tax_on(sum(net), tax, 1 if tax.inclusive else step)
    exact = [Fraction(amount * tax.bps, _divisor(tax)) for amount in net]
    parts = _to_sum(exact, due) if step == 1 else money.allocate(due, net)
    return [replace(line, tax=part, tax_bps=tax.bps) for line, part in zip(lines, parts, strict=True)]


def tax_on(amount: int, tax: Tax, step: int = 1) -> int:
    """The tax of `amount` minor units: on top of it, or the part of it that is tax where prices include it; negative for a credit."""
    return to_step(Fraction(amount * tax.bps, _divisor(tax)), step)


def _divisor(tax: Tax) -> int:
    return money.BPS + tax.bps if tax.inclusive else money.BPS


def _to_sum(exact: Sequence[Fraction], total: int) -> list[int]:
    """Integers next to `exact` that add up to `total`: largest remainder, the earlier one first on a tie."""
    floors = [value.numerator // value.denominator for value in exact]
    order = sorted(range(len(exact)), key=lambda place: (floors[place] - exact[place], place))
    for place in order[: total - sum(floors)]:
        floors[place] += 1
    return floors
