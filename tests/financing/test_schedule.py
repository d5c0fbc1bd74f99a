"""A schedule repays its note to the minor unit, on the days it should, or is refused with a code."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ballast.billing import minimums
from ballast.billing.financing import periods
from ballast.billing.financing.quotes import Quote, earned_interest, payoff, quote, unearned
from ballast.billing.financing.schedule import rates_of, schedule
from ballast.billing.financing.terms import BOUNDS, OPTIONAL, OfferTerms, hash_of
from ballast.errors import InvalidRequest
from tests.financing.offers import quotes, starts, terms_of

START = date(2026, 1, 31)


@settings(max_examples=80, deadline=None)
@given(quotes())
def test_principal_adds_up_to_the_note_and_no_line_is_zero_or_less(made: Quote) -> None:
    step = minimums.grain(made.currency)
    assert sum(line.principal for line in made.lines) == made.note
    assert made.lines[-1].balance == 0
    left = made.note
    for line in made.lines:
        left -= line.principal
        assert line.balance == left
        assert line.principal > 0
        assert line.interest >= 0
        assert line.amount % step == line.interest % step == 0
    assert [line.number for line in made.lines] == list(range(1, made.terms.installments + 1))
    assert all(one.due_on < other.due_on for one, other in pairwise(made.lines))
    assert made.lines[0].due_on > made.start


@settings(max_examples=80, deadline=None)
@given(quotes())
def test_the_last_payment_differs_by_no_more_than_rounding_explains(made: Quote) -> None:
    """The payment and each line's interest are off by half a step at most; what they are off by grows with the rate to the end.

    Facts: about ((1+i)^n - 1)/i half-units for the payment; the interest's rounding can add as many.
    """
    grown, most = Fraction(1), Fraction(0)
    for rate in reversed(rates_of(made.terms, made.start)):
        most += grown
        grown *= 1 + rate
    usual, last = made.payment, made.lines[-1].amount
    assert abs(last - usual) <= most * minimums.grain(made.currency)
    assert {line.amount for line in made.lines[:-1]} == {usual}
    assert 2 * abs(last - usual) <= usual


@settings(max_examples=80, deadline=None)
@given(quotes())
def test_the_sums_of_a_quote_agree(made: Quote) -> None:
    assert made.amount_financed + made.finance_charge == made.total_of_payments
    assert made.total_sale_price == made.due_today + made.total_of_payments
    assert made.note == made.amount_financed + made.fee_upfront + made.fee_financed
    assert made.apr >= 0
    assert made.apr == 0 or made.finance_charge > 0


@settings(max_examples=80, deadline=None)
@given(quotes(), st.integers(0, 4000), st.integers(0, 120))
def test_a_payoff_and_what_was_paid_are_the_note_and_the_interest_earned(
    made: Quote, days: int, paid_lines: int
) -> None:
    on, step = made.start + timedelta(days=days), minimums.grain(made.currency)
    paid = sum(line.amount for line in made.lines[:paid_lines])
    owed = payoff(made, on, paid)
    earned = earned_interest(made.lines, made.start, on, step)
    kept = earned if made.terms.prepayment == "rebate" else made.interest
    assert owed == max(made.note + kept - paid, 0)
    assert earned + unearned(made.lines, made.start, on, step) == made.interest
    assert owed % step == 0


@settings(max_examples=60, deadline=None)
@given(quotes())
def test_interest_is_earned_day_by_day_from_nothing_to_all_of_it(made: Quote) -> None:
    step = minimums.grain(made.currency)
    days = (made.lines[-1].due_on - made.start).days
    earned = [
        earned_interest(made.lines, made.start, made.start + timedelta(days=day), step) for day in range(0, days, 13)
    ]
    assert earned[0] == 0
    assert earned == sorted(earned)
    assert earned_interest(made.lines, made.start, made.lines[-1].due_on, step) == made.interest
    for line in made.lines[:-1]:
        so_far = sum(one.interest for one in made.lines[: line.number])
        assert earned_interest(made.lines, made.start, line.due_on, step) == so_far


@settings(max_examples=100, deadline=None)
@given(terms_of(), starts)
def test_the_terms_of_an_offer_survive_their_json_and_keep_their_hash(terms: OfferTerms, start: date) -> None:
    kept = terms.to_dict()
    assert OfferTerms.from_dict(kept) == terms
    assert hash_of(dict(reversed(kept.items()))) == hash_of(kept)
    assert hash_of(kept | {"rate_bps": terms.rate_bps + 1}) != hash_of(kept)
    assert len(periods.due_dates(terms, start)) == terms.installments


def test_the_hash_is_that_of_the_canonical_json() -> None:
    """printf '{"a":null,"b":"ü"}' | sha256sum"""
    assert hash_of({"b": "ü", "a": None}) == "0506d9b218b45f74d4fe1f25c743ae3385f77d22ab26fdd1b34374a5499cf311"


def days(terms: OfferTerms, start: date = START) -> list[str]:
    return [day.isoformat() for day in periods.due_dates(terms, start)]


def test_months_are_counted_from_the_anchor_and_clamped_to_short_ones() -> None:
    assert days(OfferTerms(4)) == ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]
    assert days(OfferTerms(2, interval_count=12), date(2028, 2, 29)) == ["2029-02-28", "2030-02-28"]
    assert days(OfferTerms(3, "week", 2)) == ["2026-02-14", "2026-02-28", "2026-03-14"]
    assert days(OfferTerms(3, "day", 10)) == ["2026-02-10", "2026-02-20", "2026-03-02"]


def test_the_first_due_date_follows_its_rule() -> None:
    assert days(OfferTerms(2, first_due_days=45)) == ["2026-03-17", "2026-04-17"]
    # The 15th is exactly half an interval away from the last of January, the 14th is not.
    assert days(OfferTerms(2, first_due_day=15))[0] == "2026-02-15"
    assert days(OfferTerms(2, first_due_day=14))[0] == "2026-03-14"
    assert days(OfferTerms(2, first_due_day=31)) == ["2026-02-28", "2026-03-31"]
    assert days(OfferTerms(2, interval_count=3, first_due_day=1)) == ["2026-04-01", "2026-07-01"]


def test_odd_days_before_the_first_payment_cost_interest_for_those_days() -> None:
    """1,200.00 at 12 %: a month costs 12.00, and the 19 days before it 19/30 of that, 7.60."""
    start = date(2026, 1, 1)
    regular = schedule(120_000, OfferTerms(12, rate_bps=1200), start, "USD")
    odd = schedule(120_000, OfferTerms(12, rate_bps=1200, first_due_days=50), start, "USD")
    assert (regular[0].interest, odd[0].interest, odd[0].due_on) == (1200, 1960, date(2026, 2, 20))


def test_a_schedule_known_from_elsewhere() -> None:
    """1,000.00 at 12 % in 3: 340.02 (1000 · 0.01 / (1 - 1.01^-3) = 340.0221); interest 10.00, 6.70, 3.37."""
    lines = schedule(100_000, OfferTerms(3, rate_bps=1200), START, "USD")
    assert [(line.interest, line.principal) for line in lines] == [(1000, 33_002), (670, 33_332), (337, 33_666)]
    assert lines[-1].amount == 34_003


def test_zero_percent_is_split_by_the_same_rule() -> None:
    lines = schedule(10_001, OfferTerms(4), START, "USD")
    assert [line.amount for line in lines] == [2500, 2500, 2500, 2501]
    assert [line.amount for line in schedule(10_010, OfferTerms(3), START, "KWD")] == [3340, 3340, 3330]


@pytest.mark.parametrize(
    ("price", "currency", "terms", "code"),
    [
        (5_000, "USD", OfferTerms(120, rate_bps=3600), "financing_last_payment_uneven"),
        (100, "USD", OfferTerms(120, rate_bps=3600), "financing_line_not_positive"),
        (1, "JPY", OfferTerms(2), "financing_line_not_positive"),
        (100_000, "USD", OfferTerms(120, rate_bps=1299, first_due_days=366), "financing_line_not_positive"),
        (10_000, "USD", OfferTerms(4, down_payment_amount=10_000), "financing_amount_invalid"),
        (10_000, "USD", OfferTerms(4, down_payment_amount=20_000), "financing_amount_invalid"),
        (10_000, "USD", OfferTerms(4, fee_amount=10_000), "financing_amount_invalid"),
        (0, "USD", OfferTerms(4), "financing_amount_invalid"),
        (10_005, "KWD", OfferTerms(4), "financing_amount_invalid"),
        (199, "USD", OfferTerms(4), "financing_payment_below_minimum"),
        (10_000, "USD", OfferTerms(4, down_payment_bps=40), "financing_payment_below_minimum"),
    ],
)
def test_what_cannot_be_charged_is_refused_with_a_code(price: int, currency: str, terms: OfferTerms, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        quote(price, currency, terms, START, minimums.least(currency))
    assert refused.value.code == code


def _beyond() -> list[tuple[str, Any]]:
    beyond = [
        (name, value) for name, (least, most) in BOUNDS.items() for value in (least - 1, most + 1, "12", 1.5, True)
    ]
    nothing = [(name, None) for name in BOUNDS if name not in OPTIONAL]
    words = [("interval", "year"), ("interval", ["month"]), ("interval_count", 13), ("prepayment", "none")]
    return [*beyond, *nothing, *words, ("fee_financed", 1), ("accelerates", None), ("surprise", 1)]


@pytest.mark.parametrize(("name", "value"), _beyond())
def test_terms_out_of_bounds_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        OfferTerms.from_dict({"installments": 4, name: value})
    assert (refused.value.code, refused.value.param) == ("financing_terms_invalid", name)


def test_terms_that_exclude_each_other_are_refused() -> None:
    for pair in (
        {"fee_bps": 1, "fee_amount": 1},
        {"first_due_days": 1, "first_due_day": 1},
        {"interval": "week", "first_due_day": 1},
    ):
        with pytest.raises(InvalidRequest, match="financing_terms_invalid"):
            OfferTerms.from_dict({"installments": 4, **pair})
    with pytest.raises(InvalidRequest, match="installments"):
        OfferTerms.from_dict({})


def test_a_late_fee_keeps_its_cap_and_the_currency_s_step() -> None:
    assert OfferTerms(2, late_fee_bps=500, late_fee_cap=1500).late_fee(10_000) == 500
    assert OfferTerms(2, late_fee_bps=500, late_fee_cap=1500).late_fee(100_000) == 1500
    assert OfferTerms(2, late_fee_amount=1234, late_fee_cap=1236).late_fee(1, step=10) == 1230
    assert OfferTerms(2, late_fee_amount=1500, late_fee_cap=1236).late_fee(1, step=10) == 1230
    assert OfferTerms(2).late_fee(100_000) == 0
