"""Proration: the part of an amount that belongs to the rest of a period, to the second.

A credit is a part of what was billed (after its discount), a charge a part of the new price. Each is rounded half up on its own; so
what a sequence of changes bills differs from what was used by at most half a minor unit for each credit and each charge.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from ballast.money import round_half_up


def remaining(amount: int, begin: datetime, end: datetime, at: datetime) -> int:
    """The part of `amount` (minor units, for `begin` to `end`) that is for the time from `at` on. Whole seconds count."""
    total, left = _seconds(begin, end), _seconds(at, end)
    if total <= 0:
        return 0
    return round_half_up(Fraction(amount * min(max(left, 0), total), total))


def _seconds(begin: datetime, end: datetime) -> int:
    return int(end.timestamp()) - int(begin.timestamp())
