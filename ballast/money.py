"""Money: integer minor units and an ISO 4217 currency. The only module that knows exponents and rounding.

Rounding is half up, away from zero on a tie (0.5 → 1, −0.5 → −1), as Regulation Z examples and most invoices do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache

from babel.numbers import format_currency, get_currency_symbol
from iso4217 import Currency

from ballast.errors import InvalidRequest

# Processors take at most eight digits for most currencies and JSON numbers are exact below 2**53. Ours sits below both worlds' edges.
MAX_AMOUNT = 999_999_999_999
BPS = 10_000
# ISO 4217 codes that are not money a card can be charged in: funds codes, metals, units of account, tests.
NOT_CHARGEABLE = frozenset(
    [
        "BOV",
        "CHE",
        "CHW",
        "CLF",
        "COU",
        "MXV",
        "USN",
        "UYI",
        "UYW",
        "XAD",
        "XAG",
        "XAU",
        "XBA",
        "XBB",
        "XBC",
        "XBD",
        "XDR",
        "XPD",
        "XPT",
        "XSU",
        "XTS",
        "XUA",
        "XXX",
    ]
)


@cache
def exponent(currency: str) -> int:
    """How many decimals `currency` (upper-case ISO 4217 code) has.

    Raises InvalidRequest(`currency_unknown`) for a code that is not money one can charge (XAU, XXX and the like included).
    """
    try:
        found = Currency(currency)
    except ValueError:
        raise InvalidRequest(
            "currency_unknown", f"“{currency[:12]}” is not a currency we know.", param="currency"
        ) from None
    if found.exponent is None or currency in NOT_CHARGEABLE:
        raise InvalidRequest(
            "currency_unknown", f"{currency} is not a currency one can be charged in.", param="currency"
        )
    return int(found.exponent)


def round_half_up(value: Fraction | Decimal) -> int:
    """The integer nearest to `value`; a tie goes away from zero."""
    exact = Fraction(value)
    doubled = abs(exact) * 2
    magnitude = (doubled.numerator + doubled.denominator) // (2 * doubled.denominator)
    return magnitude if exact >= 0 else -magnitude


def share(amount: int, bps: int) -> int:
    """`bps` basis points of `amount`, in minor units, rounded half up."""
    return round_half_up(Fraction(amount * bps, BPS))


def allocate(amount: int, weights: Sequence[int]) -> list[int]:
    """Split `amount` minor units by `weights` so that the parts add up to it exactly.

    Largest remainder: each part is within one unit of its exact share, and the leftover units go to the largest fractions, the
    earlier part first on a tie. Raises ValueError when there is no positive weight or one is negative.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("allocate needs weights that are not negative and not all zero")
    sign = 1 if amount >= 0 else -1
    parts = [abs(amount) * weight // total for weight in weights]
    remainders = [abs(amount) * weight % total for weight in weights]
    order = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in order[: abs(amount) - sum(parts)]:
        parts[index] += 1
    return [sign * part for part in parts]


def to_decimal(amount: int, currency: str) -> Decimal:
    """Minor units as a decimal number of the currency: 1050 USD → 10.50, 1050 JPY → 1050, 1050 KWD → 1.050."""
    return Decimal(amount).scaleb(-exponent(currency))


# A comma groups thousands (lakhs too) and is never a decimal point: "20,50" must not become 2050.
_TYPED = re.compile(
    r"(?P<sign>-?)(?P<whole>\d{1,15}|\d{1,3}(,\d{2,3}){0,4},\d{3})(\.(?P<decimals>\d{1,15}))?", re.ASCII
)


def from_decimal(text: str, currency: str) -> int:
    """Minor units from what a person typed ("20", "20.50", "1,234.5").

    Raises InvalidRequest(`amount_invalid`) when it is not a number, has more decimals than the currency, or is out of range.
    """
    digits = exponent(currency)
    found = _TYPED.fullmatch(text.strip())
    if found is None:
        raise InvalidRequest("amount_invalid", f"Enter an amount such as {to_decimal(2000, currency)}.", param="amount")
    decimals = (found["decimals"] or "").rstrip("0")
    amount = int(found["whole"].replace(",", "") + decimals.ljust(digits, "0"))
    if len(decimals) > digits:
        raise InvalidRequest("amount_invalid", f"Enter an amount with at most {digits} decimals.", param="amount")
    if amount > MAX_AMOUNT:
        raise InvalidRequest(
            "amount_invalid", f"Enter an amount of at most {format_money(MAX_AMOUNT, currency)}.", param="amount"
        )
    return -amount if found["sign"] else amount


_PERCENT = re.compile(r"(?P<whole>\d{1,3})(\.(?P<part>\d{1,2}))?", re.ASCII)


def bps_from_percent(text: str) -> int:
    """Basis points from what a person typed ("25", "12.5"), 0 to 10,000. Raises InvalidRequest(`parameter_invalid`)."""
    found = _PERCENT.fullmatch(text.strip())
    bps = int(found["whole"]) * 100 + int((found["part"] or "").ljust(2, "0")) if found else -1
    if not 0 <= bps <= BPS:
        raise InvalidRequest(
            "parameter_invalid", "Enter a percentage such as 25 or 12.5, at most 100.", param="percent"
        )
    return bps


@lru_cache(maxsize=4096)
def format_money(amount: int, currency: str, locale: str = "en_US") -> str:
    """The amount as people of `locale` write it: $10.50, ¥1,050, KWD 1.050."""
    digits = exponent(currency)
    number = to_decimal(amount, currency)
    fraction = f".{'0' * digits}" if digits else ""
    symbol = get_currency_symbol(currency, locale)
    gap = "\u00a0" if symbol[-1:].isalpha() else ""
    return format_currency(
        number, currency, format=f"¤{gap}#,##0{fraction};-¤{gap}#,##0{fraction}", locale=locale, currency_digits=False
    )
