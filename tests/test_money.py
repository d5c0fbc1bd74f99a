"""Money: exact, whatever the currency and whoever typed it."""

from __future__ import annotations

from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from ballast.errors import InvalidRequest
from ballast.money import (
    MAX_AMOUNT,
    NOT_CHARGEABLE,
    allocate,
    exponent,
    format_money,
    from_decimal,
    round_half_up,
    share,
    to_decimal,
)

CURRENCIES = ("USD", "INR", "EUR", "JPY", "KWD")
amounts = st.integers(-MAX_AMOUNT, MAX_AMOUNT)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=40).filter(any)


@given(amounts, weights)
def test_the_parts_add_up_to_the_amount(amount: int, given_weights: list[int]) -> None:
    assert sum(allocate(amount, given_weights)) == amount


@given(amounts, weights)
def test_each_part_is_within_one_unit_of_its_exact_share(amount: int, given_weights: list[int]) -> None:
    total = sum(given_weights)
    for part, weight in zip(allocate(amount, given_weights), given_weights, strict=True):
        assert abs(Fraction(amount * weight, total) - part) < 1


@given(st.integers(0, MAX_AMOUNT), weights)
def test_a_part_without_weight_gets_nothing_and_a_heavier_part_never_gets_less(
    amount: int, given_weights: list[int]
) -> None:
    pairs = sorted(zip(given_weights, allocate(amount, given_weights), strict=True))
    assert all(part == 0 for weight, part in pairs if weight == 0)
    for (lighter, less), (heavier, more) in pairwise(pairs):
        assert lighter == heavier or less <= more


@given(amounts, weights)
def test_a_negative_amount_is_split_like_its_mirror_image(amount: int, given_weights: list[int]) -> None:
    assert allocate(-amount, given_weights) == [-part for part in allocate(amount, given_weights)]


def test_the_leftover_goes_to_the_largest_fraction_and_to_the_earlier_part_on_a_tie() -> None:
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(-100, [1, 1, 1]) == [-34, -33, -33]
    assert allocate(10, [1, 5, 1]) == [1, 7, 2] or allocate(10, [1, 5, 1]) == [2, 7, 1]
    assert allocate(1, [1, 2]) == [0, 1]
    assert allocate(0, [3, 4]) == [0, 0]


@pytest.mark.parametrize("bad", [[], [0], [0, 0], [-1, 2], [5, -5], [-3]])
def test_allocating_by_impossible_weights_is_refused(bad: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(100, bad)


@given(st.fractions())
def test_rounding_is_the_nearest_integer(value: Fraction) -> None:
    assert abs(round_half_up(value) - value) <= Fraction(1, 2)
    assert round_half_up(-value) == -round_half_up(value)


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=4))
def test_rounding_agrees_with_decimals_own_half_up(value: Decimal) -> None:
    assert round_half_up(value) == int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("value", "rounded"), [("0.5", 1), ("-0.5", -1), ("1.5", 2), ("2.5", 3), ("-2.5", -3), ("0.49", 0), ("0", 0)]
)
def test_a_tie_goes_away_from_zero(value: str, rounded: int) -> None:
    assert round_half_up(Decimal(value)) == rounded


@given(st.integers(0, MAX_AMOUNT), st.integers(0, 10_000))
def test_a_share_and_its_complement_differ_from_the_whole_by_at_most_one_unit(amount: int, bps: int) -> None:
    assert 0 <= share(amount, bps) + share(amount, 10_000 - bps) - amount <= 1


@given(amounts, st.sampled_from(CURRENCIES))
def test_what_is_shown_as_a_decimal_reads_back_as_the_same_amount(amount: int, currency: str) -> None:
    assert from_decimal(str(to_decimal(amount, currency)), currency) == amount


@given(st.integers(0, MAX_AMOUNT), st.sampled_from(CURRENCIES))
def test_grouped_thousands_read_back_as_the_same_amount(amount: int, currency: str) -> None:
    assert from_decimal(f" {to_decimal(amount, currency):,} ", currency) == amount


@given(st.text(max_size=40), st.sampled_from(CURRENCIES))
def test_whatever_is_typed_is_an_amount_in_range_or_refused(text: str, currency: str) -> None:
    with suppress(InvalidRequest):
        found = from_decimal(text, currency)
        assert abs(found) <= MAX_AMOUNT
        assert to_decimal(found, currency) == Decimal(text.strip().replace(",", ""))


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "",
            " ",
            ".",
            ",",
            "-",
            "$20",
            "20 USD",
            "twenty",
            "1e3",
            "1E3",
            "1_000",
            "0x10",
            "+5",
            "--5",
            "5-",
            "20.",
            ".5",
        ),
        *("NaN", "sNaN", "Infinity", "-Infinity", "1e999999999", "1e-999999999", "٣", "２０", "20\0", "1 000", "½"),
        *(
            "20,50",
            "1,23",
            "1,2345",
            ",123",
            "1,,234",
            "1.234,50",
            "20.001",
            "1.00000000000000000000000000000000000001",
        ),
        *("9999999999.999", "10000000000", "9" * 5000, "0." + "0" * 5000),
    ],
)
def test_what_is_not_plainly_an_amount_in_dollars_is_refused_and_never_guessed(typed: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        from_decimal(typed, "USD")
    assert refused.value.code == "amount_invalid"


@pytest.mark.parametrize(
    ("typed", "currency", "amount"),
    [
        ("20", "USD", 2000),
        ("20.5", "USD", 2050),
        ("20.50", "USD", 2050),
        ("20.500", "USD", 2050),
        ("1,234.5", "USD", 123_450),
        ("1,23,456.78", "INR", 12_345_678),
        ("0.01", "EUR", 1),
        ("-3.10", "USD", -310),
        ("1050", "JPY", 1050),
        ("1050.0", "JPY", 1050),
        ("1.234", "KWD", 1234),
        ("9999999999.99", "USD", MAX_AMOUNT),
    ],
)
def test_what_people_type_becomes_minor_units(typed: str, currency: str, amount: int) -> None:
    assert from_decimal(typed, currency) == amount


@pytest.mark.parametrize(("typed", "currency"), [("20.5", "JPY"), ("0.001", "USD"), ("1.2345", "KWD")])
def test_more_decimals_than_the_currency_has_are_refused(typed: str, currency: str) -> None:
    with pytest.raises(InvalidRequest, match="decimals"):
        from_decimal(typed, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (1050, "USD", "$10.50"),
        (-1050, "USD", "-$10.50"),
        (0, "USD", "$0.00"),
        (5, "USD", "$0.05"),
        (49_900, "INR", "₹499.00"),
        (123_456_789, "EUR", "€1,234,567.89"),
        (1050, "JPY", "¥1,050"),
        (1050, "KWD", "KWD\u00a01.050"),
        (-1, "KWD", "-KWD\u00a00.001"),
    ],
)
def test_money_is_written_with_its_symbol_and_all_its_decimals(amount: int, currency: str, shown: str) -> None:
    assert format_money(amount, currency) == shown


@given(amounts, st.sampled_from(CURRENCIES))
def test_no_digit_is_lost_when_money_is_written(amount: int, currency: str) -> None:
    digits = "".join(char for char in format_money(amount, currency) if char.isdigit())
    assert int(digits) == abs(amount)


@pytest.mark.parametrize(
    "code", ["", "usd", "US", "USDX", "XYZ", "123", "U$D", "USD ", " USD", "ＵＳＤ", "US\0", "A" * 5000]
)
def test_an_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        exponent(code)
    assert (refused.value.code, refused.value.param) == ("currency_unknown", "currency")
    assert len(refused.value.message) < 100


@pytest.mark.parametrize("code", sorted(NOT_CHARGEABLE))
def test_what_no_card_is_charged_in_is_not_a_currency_here(code: str) -> None:
    with pytest.raises(InvalidRequest, match="currency_unknown"):
        exponent(code)


@pytest.mark.parametrize("code", sorted({currency.code for currency in Currency} - NOT_CHARGEABLE))
def test_every_other_iso_currency_has_a_sane_exponent_and_can_be_written(code: str) -> None:
    assert 0 <= exponent(code) <= 3
    assert format_money(1, code)


def test_exponents_are_those_of_iso_4217() -> None:
    assert {code: exponent(code) for code in CURRENCIES} == {"USD": 2, "INR": 2, "EUR": 2, "JPY": 0, "KWD": 3}
