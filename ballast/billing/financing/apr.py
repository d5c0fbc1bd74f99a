"""The annual percentage rate by the actuarial method. Source: 12 CFR 1026, Appendix J (b)(8), the general equation:

    A = Σ P / ((1 + f·i) · (1 + i)^t)

A is the amount financed, P a payment, t the whole unit-periods and f the odd fraction of one before it, i the rate of a unit-period.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Final

from ballast.errors import InvalidRequest

DIGITS: Final = 40
CLOSE: Final = Decimal("1e-15")
# From 0 the steps of Newton's method grow until they are near the root and then double their right digits: far fewer are needed.
MOST_STEPS: Final = 400
HUNDREDTH: Final = Decimal("0.01")
MOST: Final = Decimal(10_000)  # percent; dearer is a mistake in the terms


def solve(advance: int, payments: Sequence[tuple[int, Fraction]], per_year: Fraction) -> Decimal:
    """The APR in percent, rounded to two decimals. `advance`: the amount financed; `payments`: (minor units, unit-periods after it).

    Raises InvalidRequest(`financing_apr_out_of_range`) below 0 % and above 10,000 %.
    """
    with localcontext() as context:
        context.prec = DIGITS
        flows = [(Decimal(amount), int(time), _decimal(time % 1)) for amount, time in payments]
        yearly = _root(Decimal(advance), flows) * _decimal(per_year) * 100
        if not 0 <= yearly <= MOST:
            raise InvalidRequest(
                "financing_apr_out_of_range", "No annual percentage rate fits this plan.", param="amount"
            )
        return yearly.quantize(HUNDREDTH, ROUND_HALF_UP)


def _root(advance: Decimal, flows: Sequence[tuple[Decimal, int, Decimal]]) -> Decimal:
    """The rate of a unit-period; -1 where there is none from 0 up.

    What the payments are worth falls with the rate and is convex, so from 0 Newton's method comes up to the root and never passes it.
    """
    rate = Decimal(0)
    for _ in range(MOST_STEPS):
        value, slope = _value(flows, rate)
        step = (advance - value) / slope
        if step < -CLOSE:
            return Decimal(-1)
        rate += step
        if step < CLOSE:
            return max(rate, Decimal(0))
    return Decimal(-1)


def _value(flows: Sequence[tuple[Decimal, int, Decimal]], rate: Decimal) -> tuple[Decimal, Decimal]:
    """What the payments are worth at the start at that rate, and how that changes with the rate."""
    value = slope = Decimal(0)
    for amount, whole, odd in flows:
        part = amount / ((1 + odd * rate) * (1 + rate) ** whole)
        value += part
        slope -= part * (whole / (1 + rate) + odd / (1 + odd * rate))
    return value, slope


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
