"""A card as it was typed, checked as Braintree checks it; the number itself is not kept."""

import hashlib
import time
from typing import Any

from ballast.sandbox.braintree.cards import BY_NUMBER, CARDS, Card, is_luhn_valid
from ballast.sandbox.braintree.errors import Invalid, Place

Facts = dict[str, Any]


def read_card(typed: dict[str, Any], *place: str) -> Facts:
    """Return the facts of a test card. Raises Invalid naming every field that is wrong."""
    number = "".join(str(typed.get("number") or "").split()).replace("-", "")
    month, year = read_expiry(typed)
    cvv = str(typed.get("cvv") or "")
    card = BY_NUMBER.get(number)
    faults = number_faults(number, place) + expiry_faults(month, year, typed, place)
    if cvv and not (cvv.isdigit() and len(cvv) == (4 if card and card.brand == "American Express" else 3)):
        faults.append((place, "cvv", "81707"))
    if faults or card is None:
        raise Invalid(*faults)
    return facts_of(card, month, year, cvv, typed)


def facts_of(card: Card, month: int, year: int, cvv: str = "", typed: dict[str, Any] | None = None) -> Facts:
    """Return what is kept of a card."""
    said = typed or {}
    postal = (said.get("billing_address") or {}).get("postal_code")
    return {
        "name": card.name,
        "month": f"{month:02d}",
        "year": str(year),
        "cvv": check_cvv(cvv),
        "postal_code": str(postal) if postal else None,
        "holder": said.get("cardholder_name"),
    }


def number_faults(number: str, place: Place) -> list[tuple[Place, str, str]]:
    """Return what is wrong with a number: missing, of a wrong length, mistyped, or a real card's."""
    if not number:
        return [(place, "number", "81714")]
    if not number.isascii() or not number.isdigit() or not 12 <= len(number) <= 19:
        return [(place, "number", "81716")]
    if number in BY_NUMBER:
        return []
    return [(place, "number", "81717" if is_luhn_valid(number) else "81715")]


def read_expiry(typed: dict[str, Any]) -> tuple[int, int]:
    """Return month and year, in whichever of the two forms they were given; zeros for what cannot be read."""
    month, year = typed.get("expiration_month"), typed.get("expiration_year")
    if typed.get("expiration_date"):
        month, _, year = str(typed["expiration_date"]).partition("/")
    try:
        number = int(str(year or 0))
        return int(str(month or 0)), number + 2000 if 0 < number < 100 else number
    except ValueError:
        return 0, 0


def expiry_faults(month: int, year: int, typed: dict[str, Any], place: Place) -> list[tuple[Place, str, str]]:
    """Return what is wrong with an expiry date; a past one is none: the bank declines it."""
    given = typed.get("expiration_date") or typed.get("expiration_month") or typed.get("expiration_year")
    if not given:
        return [(place, "expiration_date", "81709")]
    return [] if 1 <= month <= 12 and 1976 <= year <= 2200 else [(place, "expiration_date", "81710")]


def check_cvv(cvv: str) -> str:
    """Return the response for a security code: 200 does not match, 201 is not verified, 301 the bank cannot say."""
    return {"": "I", "200": "N", "201": "U", "301": "S"}.get(cvv, "M")


def check_postal_code(postal: str | None) -> str:
    """Return the response for a postal code: 20000 does not match, 20001 is not verified."""
    return {None: "I", "20000": "N", "20001": "U"}.get(postal, "M")


def is_expired(facts: Facts, now: int) -> bool:
    """Tell whether a card's last month is over."""
    today = time.gmtime(now)
    return (int(facts["year"]), int(facts["month"])) < (today.tm_year, today.tm_mon)


def unique_identifier(facts: Facts) -> str:
    """Return what is the same for the same number and expiry."""
    card = CARDS[facts["name"]]
    return hashlib.sha256(f"{card.fingerprint}{facts['month']}{facts['year']}".encode()).hexdigest()[:32]


def last4_of(facts: Facts) -> str:
    """Return the last four digits."""
    return CARDS[facts["name"]].last4
