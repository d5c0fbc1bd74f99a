"""The terms of an offer: everything that decides a schedule, as plain data that is frozen at consent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from ballast.billing import minimums
from ballast.errors import InvalidRequest
from ballast.money import BPS, MAX_AMOUNT, share

INTERVALS: Final = {"day": 365, "week": 52, "month": 12}  # the longest of each, a year
PREPAYMENT: Final = ("rebate", "no_rebate")
# (least, most) of each number.
BOUNDS: Final = {
    "installments": (2, 120),
    "rate_bps": (0, BPS),
    "down_payment_bps": (0, BPS - 1),
    "down_payment_amount": (0, MAX_AMOUNT),
    "fee_bps": (0, BPS // 2),
    "fee_amount": (0, MAX_AMOUNT),
    "late_fee_bps": (0, BPS),
    "late_fee_amount": (0, MAX_AMOUNT),
    "late_fee_cap": (0, MAX_AMOUNT),
    "grace_days": (0, 90),
    "first_due_days": (1, 366),
    "first_due_day": (1, 31),
    "default_after_days": (1, 366),
}
OPTIONAL: Final = ("late_fee_cap", "first_due_days", "first_due_day")
# Of each pair one at most is set.
EITHER: Final = (
    ("down_payment_bps", "down_payment_amount"),
    ("fee_bps", "fee_amount"),
    ("late_fee_bps", "late_fee_amount"),
    ("first_due_days", "first_due_day"),
)


@dataclass(frozen=True)
class OfferTerms:
    """Amounts in minor units, shares in basis points. Raises InvalidRequest(`financing_terms_invalid`), `param` names the field.

    `rate_bps` is the nominal yearly rate. `down_payment_bps` is a share of the price, `fee_bps` one of the price less the down
    payment, `late_fee_bps` one of what is overdue. Without a first due rule the first installment is due one interval after the
    start; `first_due_days` counts days from it; `first_due_day` is a day of the month: the first such day that is at least half an
    interval away.
    """

    installments: int
    interval: str = "month"
    interval_count: int = 1
    rate_bps: int = 0
    down_payment_bps: int = 0
    down_payment_amount: int = 0
    fee_bps: int = 0
    fee_amount: int = 0
    fee_financed: bool = False
    late_fee_bps: int = 0
    late_fee_amount: int = 0
    late_fee_cap: int | None = None
    grace_days: int = 0
    first_due_days: int | None = None
    first_due_day: int | None = None
    prepayment: str = "rebate"
    default_after_days: int = 90
    accelerates: bool = False

    def __post_init__(self) -> None:
        _check_choice(self)
        _check_numbers(self)
        _check_pairs(self)

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> OfferTerms:
        """What `to_dict` gave. Raises InvalidRequest(`financing_terms_invalid`) for a field that is missing or unknown, too."""
        names = {field.name for field in fields(cls)}
        unknown = sorted(set(given) - names)
        if unknown:
            raise _invalid(unknown[0], "There is no such term.")
        if "installments" not in given:
            raise _invalid("installments", "The number of installments is missing.")
        return cls(**given)

    def down_payment(self, price: int) -> int:
        """What is paid at once of a price, minor units."""
        return self.down_payment_amount or share(price, self.down_payment_bps)

    def fee(self, rest: int) -> int:
        """The origination fee on what is left after the down payment, minor units."""
        return self.fee_amount or share(rest, self.fee_bps)

    def late_fee(self, overdue: int, step: int = 1) -> int:
        """What being late with `overdue` costs, once, minor units in steps of `step` (minimums.grain), never above the cap."""
        fee = self.late_fee_amount or share(overdue, self.late_fee_bps)
        capped = fee if self.late_fee_cap is None else min(fee, self.late_fee_cap)
        nearest = minimums.to_step(capped, step)
        return nearest - step if self.late_fee_cap is not None and nearest > self.late_fee_cap else nearest


def hash_of(document: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the canonical JSON: keys sorted, no spaces, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _invalid(name: str, message: str) -> InvalidRequest:
    return InvalidRequest("financing_terms_invalid", message, param=name)


def _check_choice(terms: OfferTerms) -> None:
    if not isinstance(terms.interval, str) or terms.interval not in INTERVALS:
        raise _invalid("interval", "Choose day, week or month.")
    if terms.prepayment not in PREPAYMENT:
        raise _invalid("prepayment", "Choose rebate or no_rebate.")
    for name in ("fee_financed", "accelerates"):
        if not isinstance(getattr(terms, name), bool):
            raise _invalid(name, "Say true or false.")


def _check_numbers(terms: OfferTerms) -> None:
    bounds = BOUNDS | {"interval_count": (1, INTERVALS[terms.interval])}
    for name, (least, most) in bounds.items():
        value = getattr(terms, name)
        if value is None and name in OPTIONAL:
            continue
        if type(value) is not int or not least <= value <= most:
            raise _invalid(name, f"Choose a whole number from {least:,} to {most:,}.")


def _check_pairs(terms: OfferTerms) -> None:
    for one, other in EITHER:
        if getattr(terms, one) and getattr(terms, other):
            raise _invalid(other, f"Choose {one} or {other}, not both.")
    if terms.first_due_day and terms.interval != "month":
        raise _invalid("first_due_day", "A day of the month goes with monthly installments only.")
