"""The schedule of a note: equal payments, each line's interest and principal, to the minor unit.

Interest of a line is balance × yearly rate × its part of a year, rounded half up: months are twelfths, odd days thirtieths of a month,
weeks 52nds, days 365ths. The last line repays what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from ballast.billing import minimums
from ballast.billing.financing import periods
from ballast.billing.financing.terms import OfferTerms
from ballast.errors import InvalidRequest
from ballast.money import BPS, format_money


@dataclass(frozen=True)
class Line:
    """Installment `number` (from 1), minor units; `balance` is what is left of the note after it."""

    number: int
    due_on: date
    principal: int
    interest: int
    balance: int

    @property
    def amount(self) -> int:
        """What is paid: principal and interest."""
        return self.principal + self.interest


def schedule(note: int, terms: OfferTerms, start: date, currency: str) -> tuple[Line, ...]:
    """The lines that repay `note` (minor units): principal adds up to it, the last balance is 0.

    Raises InvalidRequest: `financing_amount_invalid` for a note that cannot be charged, `financing_line_not_positive` where a line
    would repay nothing, `financing_last_payment_uneven` where rounding would make the last payment differ by more than half.
    """
    step = minimums.grain(currency)
    if note <= 0 or note % step:
        raise InvalidRequest(
            "financing_amount_invalid", f"{format_money(note, currency)} cannot be paid in parts.", param="amount"
        )
    dates = periods.due_dates(terms, start)
    rates = rates_of(terms, start)
    payment = minimums.to_step(_annuity(note, rates), step)
    lines = tuple(_lines(note, payment, dates, rates, step))
    _check(lines, payment, currency)
    return lines


def rates_of(terms: OfferTerms, start: date) -> list[Fraction]:
    """The interest rate of each period, the first to the last: the yearly rate times its part of a year."""
    per_unit = Fraction(terms.rate_bps, BPS) / periods.unit_of(terms).per_year
    others = [per_unit * periods.interval_of(terms)] * (terms.installments - 1)
    return [per_unit * periods.first_period(terms, start), *others]


def _annuity(note: int, rates: Sequence[Fraction]) -> Fraction:
    """The exact equal payment: the note, by the sum of the discounts of all lines."""
    discount, total = Fraction(1), Fraction(0)
    for rate in rates:
        discount /= 1 + rate
        total += discount
    return note / total


def _lines(note: int, payment: int, dates: Sequence[date], rates: Sequence[Fraction], step: int) -> Iterator[Line]:
    balance = note
    for number, (due_on, rate) in enumerate(zip(dates, rates, strict=True), 1):
        interest = minimums.to_step(balance * rate, step)
        principal = balance if number == len(dates) else payment - interest
        balance -= principal
        yield Line(number, due_on, principal, interest, balance)


def _check(lines: Sequence[Line], payment: int, currency: str) -> None:
    for line in lines:
        if line.principal <= 0:
            raise InvalidRequest(
                "financing_line_not_positive",
                f"Installment {line.number} would repay nothing. Choose fewer installments, an earlier first one or a larger amount.",
                param="installments",
            )
    last = lines[-1].amount
    if 2 * abs(last - payment) > payment:
        shown = f"{format_money(last, currency)} after payments of {format_money(payment, currency)}"
        raise InvalidRequest(
            "financing_last_payment_uneven",
            f"Rounding would leave {shown}. Choose fewer installments or a larger amount.",
            param="installments",
        )
