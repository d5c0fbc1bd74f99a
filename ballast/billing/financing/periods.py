"""When installments are due, and how long the time between two days is in unit-periods (12 CFR 1026, Appendix J (b))."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from dateutil.relativedelta import relativedelta

from ballast.billing.financing.terms import OfferTerms


@dataclass(frozen=True)
class Unit:
    """A unit-period: `count` months, weeks or days."""

    name: str
    count: int

    @property
    def per_year(self) -> Fraction:
        """How many make a year: 12 months, 52 weeks, 365 days."""
        return Fraction({"month": 12, "week": 52, "day": 365}[self.name], self.count)


def unit_of(terms: OfferTerms) -> Unit:
    """The unit-period of a plan: its interval, where that is a standard one (months, whole weeks), else the day."""
    if terms.interval == "day":
        weeks, odd = divmod(terms.interval_count, 7)
        return Unit("day", 1) if odd else Unit("week", weeks)
    return Unit(terms.interval, terms.interval_count)


def interval_of(terms: OfferTerms) -> Fraction:
    """How many unit-periods lie between two installments: 1, but for odd days."""
    return Fraction(terms.interval_count) if unit_of(terms) == Unit("day", 1) else Fraction(1)


def due_dates(terms: OfferTerms, start: date) -> tuple[date, ...]:
    """The day each installment is due. Months count from the anchor's day, clamped to short months (31 Jan, 28 Feb, 31 Mar)."""
    count = terms.interval_count
    if terms.first_due_day is not None:
        first = _first_due_month(terms, start)
        return tuple(
            on_day(first + relativedelta(months=count * number), terms.first_due_day)
            for number in range(terms.installments)
        )
    anchor, skipped = start, 1
    if terms.first_due_days is not None:
        anchor, skipped = start + timedelta(days=terms.first_due_days), 0
    return tuple(_later(anchor, terms.interval, count * (number + skipped)) for number in range(terms.installments))


def first_period(terms: OfferTerms, start: date) -> Fraction:
    """How many unit-periods lie between the start and the first due date: whole ones, and the odd days' fraction."""
    if terms.first_due_days is None and terms.first_due_day is None:
        return interval_of(terms)
    due = due_dates(terms, start)[0]
    return between(start, due, unit_of(terms), anchor_day(terms, start))


def anchor_day(terms: OfferTerms, start: date) -> int:
    """The day of the month that monthly due dates are counted by; shorter months have their last instead."""
    if terms.first_due_day is not None:
        return terms.first_due_day
    return (start + timedelta(days=terms.first_due_days or 0)).day


def between(start: date, due: date, unit: Unit, anchor_day: int) -> Fraction:
    """Unit-periods from `start` to `due`, by Appendix J (b)(5).

    Months are counted back from the later date (by its anchor day, clamped) and are equal; days left over before them are thirtieths
    of a month. Weeks and days are plain days.
    """
    if unit.name != "month":
        return Fraction((due - start).days, unit.count * (7 if unit.name == "week" else 1))
    months = (due.year - start.year) * 12 + due.month - start.month
    begin = on_day(start, anchor_day)
    if begin < start:
        months -= 1
        begin = on_day(start.replace(day=1) + relativedelta(months=1), anchor_day)
    return Fraction(months * 30 + (begin - start).days, unit.count * 30)


def on_day(month: date, day: int) -> date:
    """That day of the month `month` is in; its last, where it is too short."""
    return month.replace(day=min(day, monthrange(month.year, month.month)[1]))


def _first_due_month(terms: OfferTerms, start: date) -> date:
    """A day in the month of the first installment: the first `first_due_day` at least half an interval after the start."""
    assert terms.first_due_day is not None
    earliest = start + timedelta(days=15 * terms.interval_count)
    month = earliest.replace(day=1)
    return month if on_day(month, terms.first_due_day) >= earliest else month + relativedelta(months=1)


def _later(anchor: date, interval: str, count: int) -> date:
    match interval:
        case "month":
            later: date = anchor + relativedelta(months=count)
            return later
        case "week":
            return anchor + timedelta(weeks=count)
    return anchor + timedelta(days=count)
