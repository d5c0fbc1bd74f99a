"""Amounts: text with decimals on the wire, minor units inside."""

import re
from decimal import Decimal
from typing import Any

from ballast.sandbox.braintree.errors import invalid
from ballast.sandbox.braintree.merchants import places

AMOUNT = re.compile(r"-?\d{1,12}(\.\d{1,4})?")
MOST_DIGITS = 12


def read_amount(value: Any, currency: str, *place: str) -> int:
    """Return an amount in minor units. Raises Invalid: missing, not a number, too fine, negative, zero or too large."""
    if value is None:
        raise invalid("amount", "81502", *place)
    text = str(value).strip()
    if not AMOUNT.fullmatch(text):
        raise invalid("amount", "81503", *place)
    minor = Decimal(text).scaleb(places(currency) or 0)
    if minor != minor.to_integral_value():
        raise invalid("amount", "81503", *place)
    if minor <= 0:
        raise invalid("amount", "81501" if minor < 0 else "81531", *place)
    if minor >= 10**MOST_DIGITS:
        raise invalid("amount", "81528", *place)
    return int(minor)


def write_amount(amount: int, currency: str) -> str:
    """Return an amount as the wire has it."""
    return str(Decimal(amount).scaleb(-(places(currency) or 0)))


def whole(amount: int, currency: str) -> Decimal:
    """Return an amount in units of its currency."""
    return Decimal(amount).scaleb(-(places(currency) or 0))
