"""Offers of every kind, as hypothesis draws them and as a seed gives them."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from hypothesis import assume
from hypothesis import strategies as st

from ballast.billing import minimums
from ballast.billing.financing.quotes import Quote, quote
from ballast.billing.financing.terms import INTERVALS, OfferTerms
from ballast.errors import InvalidRequest

CURRENCIES = ("USD", "JPY", "KWD")
REFUSED = {
    "financing_amount_invalid",
    "financing_line_not_positive",
    "financing_last_payment_uneven",
    "financing_payment_below_minimum",
    "financing_apr_out_of_range",
}
starts = st.dates(date(2024, 1, 1), date(2031, 12, 31))


@st.composite
def terms_of(draw: st.DrawFn) -> OfferTerms:
    """Any offer, short ones more often."""
    interval = draw(st.sampled_from(sorted(INTERVALS)))
    rule = draw(st.sampled_from(["first_due_days", "first_due_day", ""]))
    first = {"first_due_days": draw(st.integers(1, 90)), "first_due_day": draw(st.integers(1, 31))}
    if rule == "first_due_day" and interval != "month":
        rule = ""
    return OfferTerms(
        installments=draw(st.one_of(st.integers(2, 12), st.integers(2, 120))),
        interval=interval,
        interval_count=draw(st.one_of(st.just(1), st.integers(1, INTERVALS[interval] // 4))),
        rate_bps=draw(st.one_of(st.just(0), st.integers(1, 3600))),
        down_payment_bps=draw(st.one_of(st.just(0), st.integers(1, 5000))),
        fee_bps=draw(st.one_of(st.just(0), st.integers(1, 1000))),
        fee_financed=draw(st.booleans()),
        prepayment=draw(st.sampled_from(["rebate", "no_rebate"])),
        **({rule: first[rule]} if rule else {}),  # type: ignore[arg-type]
    )


@st.composite
def quotes(draw: st.DrawFn) -> Quote:
    """Any quote that is not refused; a refusal has a code of ours."""
    currency = draw(st.sampled_from(CURRENCIES))
    price = draw(st.one_of(st.integers(1, 10**4), st.integers(1, 10**8))) * minimums.grain(currency)
    made = quote_or_none(price, currency, draw(terms_of()), draw(starts))
    assume(made is not None)
    assert made is not None
    return made


def quote_or_none(price: int, currency: str, terms: OfferTerms, start: date) -> Quote | None:
    """The quote, or None where it is refused with a code of ours."""
    try:
        return quote(price, currency, terms, start, minimums.least(currency))
    except InvalidRequest as refused:
        if refused.code not in REFUSED:
            raise
        return None


def random_quotes(count: int) -> list[Quote]:
    """So many quotes that are not refused, the same each time."""
    dice, found = Random(6), []
    while len(found) < count:
        currency = dice.choice(CURRENCIES)
        price = dice.randint(2_000, 5_000_000) * minimums.grain(currency)
        start = date(2026, 1, 1) + timedelta(days=dice.randrange(1461))
        made = quote_or_none(price, currency, _random_terms(dice), start)
        if made is not None:
            found.append(made)
    return found


def _random_terms(dice: Random) -> OfferTerms:
    interval, most = dice.choice([("month", 1), ("month", 6), ("week", 2), ("week", 6), ("day", 45)])
    rule = dice.choice(["", "", "first_due_days", "first_due_day" if interval == "month" else ""])
    first = {"first_due_days": dice.randint(1, 60), "first_due_day": dice.randint(1, 31)}
    return OfferTerms(
        installments=dice.choice([2, 3, 4, 6, 12, 24, dice.randint(2, 120)]),
        interval=interval,
        interval_count=dice.randint(1, most),
        rate_bps=dice.choice([0, 999, dice.randint(1, 3600)]),
        down_payment_bps=dice.choice([0, 2500]),
        fee_bps=dice.choice([0, 300, dice.randint(1, 1000)]),
        fee_financed=dice.random() < 0.5,
        **({rule: first[rule]} if rule else {}),  # type: ignore[arg-type]
    )
