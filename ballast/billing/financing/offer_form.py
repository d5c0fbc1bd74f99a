"""An offer as a person types it: percentages, amounts with decimals, countries in a row. Field names are those of the columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ballast.errors import BallastError, InvalidRequest
from ballast.models import FinancingOffer
from ballast.money import bps_from_percent, from_decimal, to_decimal
from ballast.security import without_card_number

WORDS: Final = ("name", "description", "interval", "prepayment")
NUMBERS: Final = ("installments", "interval_count", "grace_days", "default_after_days", "position")
PERCENTS: Final = ("rate_bps", "down_payment_bps", "fee_bps", "late_fee_bps", "expected_loss_bps")
AMOUNTS: Final = ("minimum_amount", "maximum_amount", "down_payment_amount", "fee_amount", "late_fee_amount")
# None where nothing is typed.
OPTIONAL_NUMBERS: Final = ("first_due_days", "first_due_day")
OPTIONAL_AMOUNTS: Final = ("late_fee_cap", "customer_cap", "exposure_cap")
FLAGS: Final = ("fee_financed", "accelerates")
TEXTS: Final = (*WORDS, *NUMBERS, *PERCENTS, *AMOUNTS, *OPTIONAL_NUMBERS, *OPTIONAL_AMOUNTS, *FLAGS, "countries")
BLANK: Final = {
    "interval": "month",
    "interval_count": "1",
    "grace_days": "10",
    "default_after_days": "90",
    "position": "0",
    "prepayment": "rebate",
}
LONGEST: Final = 2000


def typed(form: Mapping[str, str], products: list[str]) -> dict[str, Any]:
    """What a form holds, trimmed; `products` are the ids that are ticked."""
    found: dict[str, Any] = {name: without_card_number(form.get(name, "").strip())[:LONGEST] for name in TEXTS}
    return found | {"product_ids": [one[:64] for one in products][:300]}


def blank() -> dict[str, Any]:
    """An empty form: monthly, free, everywhere, for everything."""
    return {**dict.fromkeys(TEXTS, ""), **BLANK, "product_ids": []}


def of(offer: FinancingOffer) -> dict[str, Any]:
    """An offer as it would have been typed."""
    found: dict[str, Any] = {name: getattr(offer, name) for name in WORDS}
    found |= {name: _shown(getattr(offer, name)) for name in (*NUMBERS, *OPTIONAL_NUMBERS)}
    found |= {name: _percent(getattr(offer, name)) for name in PERCENTS}
    found |= {name: _amount(getattr(offer, name), offer.currency) for name in (*AMOUNTS, *OPTIONAL_AMOUNTS)}
    found |= {name: "yes" if getattr(offer, name) else "" for name in FLAGS}
    return found | {"countries": ", ".join(offer.countries), "product_ids": list(offer.product_ids)}


def _shown(number: int | None) -> str:
    return "" if number is None else str(number)


def _percent(bps: int) -> str:
    return f"{bps / 100:g}" if bps else ""


def _amount(amount: int | None, currency: str) -> str:
    return str(to_decimal(amount, currency)) if amount else ""


def read(given: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """What was typed, as the columns have it. Raises InvalidRequest with the field as `param`."""
    found: dict[str, Any] = {name: given[name] for name in WORDS}
    found |= {name: _number(given[name], name, 0) for name in NUMBERS}
    found |= {name: _number(given[name], name, None) for name in OPTIONAL_NUMBERS}
    found |= {name: _named(name, bps_from_percent, given[name]) if given[name] else 0 for name in PERCENTS}
    found |= {name: _money(given[name], name, currency, 0) for name in AMOUNTS}
    found |= {name: _money(given[name], name, currency, None) for name in OPTIONAL_AMOUNTS}
    found |= {name: given[name] == "yes" for name in FLAGS}
    countries = given["countries"].upper().replace(",", " ").split()
    return found | {"countries": countries, "product_ids": list(given["product_ids"])}


def _number(text: str, name: str, otherwise: int | None) -> int | None:
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise InvalidRequest("parameter_invalid", "Enter a whole number.", param=name)
    return int(text)


def _money(text: str, name: str, currency: str, otherwise: int | None) -> int | None:
    if not text:
        return otherwise
    amount = _named(name, lambda one: from_decimal(one, currency), text)
    if amount < 0 or (amount == 0 and otherwise is None):
        raise InvalidRequest("amount_invalid", "Enter an amount above zero.", param=name)
    return amount


def _named(name: str, parse: Callable[[str], int], text: str) -> int:
    """What `parse` finds; its refusal names the field."""
    try:
        return parse(text)
    except BallastError as error:
        raise InvalidRequest(error.code, error.message, param=name) from error
