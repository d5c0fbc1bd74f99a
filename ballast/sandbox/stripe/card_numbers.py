"""What a customer typed into a card field, checked as Stripe checks it."""

import time
from typing import Any

from ballast.sandbox.stripe.cards import BY_NUMBER, Card, is_luhn_valid
from ballast.sandbox.stripe.declines import DECLINES
from ballast.sandbox.stripe.errors import StripeError, decline_card
from ballast.sandbox.stripe.parameters import require


def read_card(typed: dict[str, Any], now: int) -> dict[str, Any]:
    """Return the facts of a test card; the number itself is not kept. Raises 402 naming the field that is wrong."""
    require(typed, "number", "exp_month", "exp_year")
    card = find_card(typed["number"])
    month, year = typed["exp_month"], typed["exp_year"]
    check_expiry(month, year + 2000 if 0 <= year < 100 else year, now)
    cvc = typed.get("cvc")
    if cvc is not None and not (cvc.isdigit() and len(cvc) == (4 if card.brand == "amex" else 3)):
        raise refuse("invalid_cvc", "cvc")
    return {
        "name": card.name,
        "exp_month": month,
        "exp_year": year + 2000 if 0 <= year < 100 else year,
        "cvc_check": card.cvc_check if cvc else None,
    }


def find_card(typed: str) -> Card:
    """Return the test card with this number. Raises 402: malformed, mistyped, or a real card in test mode."""
    number = typed.replace(" ", "").replace("-", "")
    if not number.isascii() or not number.isdigit() or not 12 <= len(number) <= 19:
        raise refuse("invalid_number", "number")
    if number in BY_NUMBER:
        return BY_NUMBER[number]
    raise refuse("test_mode_live_card" if is_luhn_valid(number) else "incorrect_number", "number")


def check_expiry(month: int, year: int, now: int) -> None:
    """Raise 402 for a month that does not exist, a year that is over, or one more than fifty years ahead."""
    today = time.gmtime(now)
    if not 1 <= month <= 12:
        raise refuse("invalid_expiry_month", "exp_month")
    if not today.tm_year <= year <= today.tm_year + 50:
        raise refuse("invalid_expiry_year", "exp_year")
    if year == today.tm_year and month < today.tm_mon:
        raise refuse("invalid_expiry_month", "exp_month")


def refuse(reason: str, field: str) -> StripeError:
    """Return the 402 for one field."""
    error = decline_card(DECLINES[reason], committed=False, param=field)
    error.executed = False
    return error
