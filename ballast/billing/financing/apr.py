"""The annual percentage rate by the actuarial method. Source: 12 CFR 1026, Appendix J (b)(8), the general equation."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction


def solve(advance: int, payments: Sequence[tuple[int, Fraction]], per_year: Fraction) -> Decimal:
    """The APR in percent, two decimals. `payments`: (minor units, unit-periods after the advance)."""
    low, high = Decimal(0), Decimal(1)
    flows = [(Decimal(amount), int(time), _decimal(time % 1)) for amount, time in payments]
    while _value(flows, high) > advance:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _value(flows, middle) > advance else (low, middle)
    return (low * _decimal(per_year) * 100).quantize(Decimal("0.01"))


def _value(flows: Sequence[tuple[Decimal, int, Decimal]], rate: Decimal) -> Decimal:
    return sum((amount / ((1 + odd * rate) * (1 + rate) ** whole) for amount, whole, odd in flows), Decimal(0))


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
