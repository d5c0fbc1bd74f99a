"""What invoices come to: discounts, taxes and parts of periods, to the minor unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast.billing.pricing import Discount, Line, Tax, add_up, tax_on
from ballast.billing.proration import remaining
from ballast.money import round_half_up

BEGIN = datetime(2026, 1, 31, tzinfo=UTC)
END = datetime(2026, 2, 28, tzinfo=UTC)
LENGTH = int((END - BEGIN).total_seconds())

amounts = st.integers(1, 10_000_000)
lines = st.lists(
    st.builds(lambda amount, off: Line("x", 1, amount, amount, discountable=off), amounts, st.booleans()),
    min_size=1,
    max_size=6,
)
credits = st.lists(st.builds(lambda amount: Line("y", 1, -amount, -amount, discountable=False), amounts), max_size=3)
discounts = st.one_of(
    st.none(),
    st.builds(lambda bps: Discount("c", percent_bps=bps), st.integers(1, 10_000)),
    st.builds(lambda amount: Discount("c", amount_off=amount), amounts),
)
taxes = st.one_of(st.none(), st.builds(Tax, st.just("VAT"), st.integers(0, 10_000), st.booleans()))


@given(lines, credits, discounts, taxes)
def test_lines_always_add_up_to_the_invoice(
    charged: list[Line], back: list[Line], discount: Discount | None, tax: Tax | None
) -> None:
    sums = add_up([*charged, *back], discount, tax)
    assert sums.subtotal == sum(line.amount for line in sums.lines)
    assert sums.discount == sum(line.discount for line in sums.lines)
    assert sums.tax == sum(line.tax for line in sums.lines)
    assert sums.total == sums.subtotal - sums.discount + sums.tax_added
    net = sums.subtotal - sums.discount
    assert sums.tax == (tax_on(net, tax) if tax else 0)
    assert all(0 <= line.discount <= max(line.amount, 0) for line in sums.lines)


@given(lines, discounts, taxes)
def test_a_coupon_never_makes_an_invoice_negative(
    charged: list[Line], discount: Discount | None, tax: Tax | None
) -> None:
    sums = add_up(charged, discount, tax)
    assert 0 <= sums.discount <= sums.subtotal
    assert sums.total >= 0


@given(amounts, st.integers(0, 10_000))
def test_an_inclusive_tax_is_what_an_exclusive_one_would_have_added(net: int, bps: int) -> None:
    added = tax_on(net, Tax("VAT", bps, inclusive=False))
    assert abs(tax_on(net + added, Tax("VAT", bps, inclusive=True)) - added) <= 1


@pytest.mark.parametrize(
    ("amount", "bps", "inclusive", "tax"),
    [(1000, 1900, False, 190), (1190, 1900, True, 190), (333, 750, False, 25), (-1000, 1900, False, -190)],
)
def test_taxes_as_an_accountant_would_write_them(amount: int, bps: int, inclusive: bool, tax: int) -> None:
    assert tax_on(amount, Tax("VAT", bps, inclusive)) == tax


@given(st.lists(st.tuples(amounts, st.integers(0, LENGTH)), min_size=1, max_size=8))
def test_any_sequence_of_changes_bills_what_was_used(steps: list[tuple[int, int]]) -> None:
    """A period at `steps[0]`, changed at each later step: the rest of the newest charge is given back, and the new rest billed."""
    moments = [0, *sorted(second for _amount, second in steps[1:]), LENGTH]
    prices = [amount for amount, _second in steps]
    billed, charge, since = prices[0], prices[0], BEGIN
    for price, second in zip(prices[1:], moments[1:-1], strict=True):
        at = BEGIN + timedelta(seconds=second)
        billed -= remaining(charge, since, END, at)
        charge, since = remaining(price, BEGIN, END, at), at
        billed += charge
    seconds = [until - begun for begun, until in pairwise(moments)]
    used = Fraction(sum(price * length for price, length in zip(prices, seconds, strict=True)), LENGTH)
    assert abs(billed - used) * 2 <= 3 * (len(prices) - 1)


@given(amounts, st.integers(0, LENGTH))
def test_a_change_there_and_back_in_the_same_second_costs_nothing(amount: int, second: int) -> None:
    at = BEGIN + timedelta(seconds=second)
    rest = remaining(amount, BEGIN, END, at)
    assert remaining(rest, at, END, at) == rest or second == LENGTH
    assert rest == round_half_up(Fraction(amount * (LENGTH - second), LENGTH))


@given(amounts, st.integers(0, LENGTH), st.integers(0, LENGTH))
def test_less_time_is_never_worth_more(amount: int, one: int, other: int) -> None:
    earlier, later = (BEGIN + timedelta(seconds=second) for second in sorted((one, other)))
    assert 0 <= remaining(amount, BEGIN, END, later) <= remaining(amount, BEGIN, END, earlier) <= amount
