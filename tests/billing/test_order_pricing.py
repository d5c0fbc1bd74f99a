"""What an order comes to, and what tax goes back with a part of it: exact in every currency and every split."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ballast.billing import minimums
from ballast.billing.pricing import Discount, Line, Tax, add_up_order
from ballast.billing.tax_returns import Back, share, tax_in

CURRENCIES = ("JPY", "USD", "KWD")
# Prices are what a card can be charged, in steps of ten where a currency has three decimals.
units = st.integers(1, 1_000_000)
bps = st.integers(0, 10_000)
slowly = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)


def lines(amounts: list[int], step: int) -> list[Line]:
    return [Line("x", 1, amount * step, amount * step) for amount in amounts]


@slowly
@given(
    st.sampled_from(CURRENCIES),
    st.lists(units, min_size=1, max_size=6),
    st.lists(units, max_size=1),
    st.one_of(st.none(), st.integers(1, 10_000)),
    st.one_of(st.none(), units),
    st.tuples(bps, st.booleans(), st.one_of(st.none(), bps)),
)
def test_shares_add_up_to_an_order_that_a_card_can_pay(
    currency: str,
    goods: list[int],
    sending: list[int],
    percent: int | None,
    amount: int | None,
    rate: tuple[int, bool, int | None],
) -> None:
    step = minimums.grain(currency)
    discount = Discount("c", percent, None if percent or amount is None else amount * step)
    tax = Tax("VAT", rate[0], rate[1], rate[2])
    sums = add_up_order(lines(goods, step), lines(sending, step), discount if percent or amount else None, tax, step)
    assert sums.total == sums.subtotal - sums.discount + sums.tax_added
    assert sums.subtotal == sum(line.amount for line in sums.lines)
    assert sums.discount == sum(line.discount for line in sums.lines)
    assert sums.tax == sum(line.tax for line in sums.lines)
    assert sums.total % step == 0
    assert 0 <= sums.tax <= sums.total
    assert all(0 <= line.discount <= line.amount and line.tax >= 0 for line in sums.lines)
    assert all(line.discount == 0 for line in sums.lines[len(goods) :]), "what it costs to send it is not discounted"


@slowly
@given(st.integers(1, 100_000), st.integers(0, 10_000), st.lists(st.integers(1, 100_000), max_size=8), st.data())
def test_any_split_gives_back_exactly_the_tax_whatever_fails_on_the_way(
    price: int, tax_bps: int, cuts: list[int], data: st.DataObject
) -> None:
    tax = share(10_000 + tax_bps, tax_bps, price)
    edges = sorted({0, price, *(cut for cut in cuts if cut < price)})
    back: list[Back] = []
    for before, after in pairwise(edges):
        made = _give(price, tax, back, after - before)
        assert 0 <= made.tax <= made.amount
        back.append(made)
        if data.draw(st.booleans()):
            gone = back.pop(
                data.draw(st.integers(0, len(back) - 1))
            )  # it came back from the bank, and is asked for again
            back.append(_give(price, tax, back, gone.amount))
    assert sum(one.tax for one in back) == tax


def _give(price: int, tax: int, back: list[Back], amount: int) -> Back:
    return Back(amount, tax_in(price, tax, sum(back, Back()), amount))


def test_on_the_way_each_part_gives_back_its_share_of_the_tax() -> None:
    back: list[Back] = []
    for amount in (5950, 2975, 2975):
        back.append(_give(11_900, 1900, back, amount))
    assert [one.tax for one in back] == [950, 475, 475]
