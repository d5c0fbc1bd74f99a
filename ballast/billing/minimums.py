"""What is too small to charge. Source: docs.stripe.com/currencies (minimum amounts; three-decimal amounts end in a zero); the other
processors publish no minimum, and take these."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from ballast import money

LEAST: Final = {
    **dict.fromkeys(("USD", "AUD", "BRL", "CAD", "CHF", "EUR", "INR", "NZD", "SGD", "JPY"), 50),
    **{"AED": 200, "BGN": 100, "CZK": 1500, "DKK": 250, "GBP": 30, "HKD": 400, "HUF": 17500},
    **{"MXN": 1000, "MYR": 200, "NOK": 300, "PLN": 200, "RON": 200, "SEK": 300, "THB": 1000},
}


def least(currency: str) -> int:
    """The smallest amount that can be charged, minor units."""
    return LEAST.get(currency, 1)


def grain(currency: str) -> int:
    """The step in which amounts can be charged, minor units: 10 with three decimals, else 1."""
    return 10 if money.exponent(currency) == 3 else 1


def to_step(amount: Fraction | int, step: int) -> int:
    """The multiple of `step` (minor units, see `grain`) nearest to an amount; a tie goes away from zero."""
    return money.round_half_up(Fraction(amount) / step) * step


def remainder(amount: int, currency: str) -> int:
    """What of an amount is finer than a charge can be: the last of three decimals."""
    return amount % grain(currency)
