"""The APR is the regulation's, two solvers agree on it, and what a disclosure shows is what is charged."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ballast.billing.financing import disclosure, paper, reading
from ballast.billing.financing.apr import solve
from ballast.billing.financing.disclosure import Disclosure
from ballast.billing.financing.quotes import Quote, quote
from ballast.billing.financing.terms import OfferTerms
from ballast.errors import Conflict, InvalidRequest
from tests.financing.offers import quotes, random_quotes, starts

START = date(2026, 1, 31)


def rendered(made: Quote) -> str:
    return disclosure.render(Disclosure(made, "Acme Corp, 1 Main Street", "fa_1"))


@pytest.mark.parametrize(
    ("advance", "payment", "count", "first", "apr"),
    [
        (500_000, 23_000, 24, Fraction(1), "9.69"),
        (600_000, 20_000, 36, Fraction(49, 30), "11.82"),
        (250_000, 11_587, 25, Fraction(1), "14.00"),
    ],
)
def test_the_examples_of_appendix_j(advance: int, payment: int, count: int, first: Fraction, apr: str) -> None:
    payments = [(payment, first + number) for number in range(count)]
    assert solve(advance, payments, Fraction(12)) == Decimal(apr)


@pytest.mark.parametrize(
    ("terms", "financed", "payments", "charge", "apr"),
    [
        # Prepaid: 1,000.00 in 2 × 500.00 without interest, 30.00 paid at once. Amount financed 970.00. With x = 1 + i:
        # 970 x² = 500 x + 500, x = (500 + √(500² + 4·970·500)) / (2·970) = (500 + 1479.8649) / 1940 = 1.0205489; i · 12 = 24.66 %.
        (OfferTerms(2, fee_amount=3000), 97_000, [50_000, 50_000], 3000, "24.66"),
        # Financed: the same fee in the note, 2 × 515.00 for 1,000.00: 1000 x² = 515 x + 515,
        # x = (515 + √(515² + 4·1000·515)) / 2000 = (515 + 1524.8688) / 2000 = 1.0199344; i · 12 = 23.92 %.
        (OfferTerms(2, fee_amount=3000, fee_financed=True), 100_000, [51_500, 51_500], 3000, "23.92"),
        # Prepaid, with interest at 12 %: 1000 / (1/1.01 + 1/1.01²) = 507.51; interest 10.00 and 5.02. Fee 20.00 at once:
        # 980 x² = 507.51 x + 507.51, x = (507.51 + √(507.51² + 4·980·507.51)) / 1960 = (507.51 + 1499.0015) / 1960 = 1.0237304;
        # i · 12 = 28.48 %.
        (OfferTerms(2, rate_bps=1200, fee_bps=200), 98_000, [50_751, 50_751], 3502, "28.48"),
        # Financed, every two weeks, 26 a year: 4 % of 1,000.00 in the note, 2 × 520.00: 1000 x² = 520 x + 520,
        # x = (520 + √(520² + 4·1000·520)) / 2000 = (520 + 1533.1014) / 2000 = 1.0265507; i · 26 = 69.03 %.
        (OfferTerms(2, "week", 2, fee_bps=400, fee_financed=True), 100_000, [52_000, 52_000], 4000, "69.03"),
        # Prepaid, first payment after 15 days: t = 0, f = 1/2. 970 (1 + i/2) (1 + i) = 500 (1 + i) + 500, so
        # 485 i² + 955 i - 30 = 0, i = (-955 + √(955² + 4·485·30)) / 970 = (-955 + 984.9975) / 970 = 0.0309252; i · 12 = 37.11 %.
        (OfferTerms(2, fee_amount=3000, first_due_days=15), 97_000, [50_000, 50_000], 3000, "37.11"),
    ],
)
def test_fees_worked_out_by_hand(terms: OfferTerms, financed: int, payments: list[int], charge: int, apr: str) -> None:
    made = quote(100_000, "USD", terms, date(2026, 3, 2))
    assert (made.amount_financed, [line.amount for line in made.lines]) == (financed, payments)
    assert (made.finance_charge, made.apr) == (charge, Decimal(apr))
    assert abs(reading.check(rendered(made), made) - Decimal(apr)) < Decimal("0.006")


def test_a_down_payment_is_in_the_total_sale_price_and_not_in_the_amount_financed() -> None:
    """The commentary on 1026.18(b): a fee paid in cash is taken from the note, 2,500.00 - 40.00 = 2,460.00."""
    made = quote(300_000, "USD", OfferTerms(12, down_payment_amount=50_000, fee_amount=4_000), START)
    assert (made.note, made.amount_financed, made.due_today) == (250_000, 246_000, 54_000)
    assert (made.finance_charge, made.total_of_payments, made.total_sale_price) == (4_000, 250_000, 304_000)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3600), st.integers(2, 60), starts)
def test_without_fees_and_odd_days_the_apr_is_the_rate(rate: int, count: int, start: date) -> None:
    made = quote(10**9, "USD", OfferTerms(count, rate_bps=rate), start)
    assert abs(made.apr - Decimal(rate) / 100) <= Decimal("0.01")


def test_both_solvers_agree_on_a_thousand_random_offers_as_they_are_shown() -> None:
    for made in random_quotes(1000):
        found = reading.check(rendered(made), made)
        assert abs(found - made.apr) < Decimal("0.02"), made.terms


@settings(max_examples=40, deadline=None)
@given(quotes())
def test_whatever_is_quoted_can_be_disclosed_and_read_back(made: Quote) -> None:
    shown = reading.read(rendered(made))
    assert shown.payments == tuple((line.due_on, line.amount) for line in made.lines)
    assert (shown.advance, shown.apr) == (made.amount_financed, made.apr)


MADE = quote(
    128_000,
    "USD",
    OfferTerms(6, rate_bps=1299, fee_bps=300, down_payment_bps=1000, first_due_day=31, grace_days=10, late_fee_bps=500),
    START,
)
WRONG = {
    "rate": (r'(data-field="apr">)[\d.]+', r"\g<1>12.99"),
    "a payment": (r'(data-field="amount">)\$[\d.]+', r"\g<1>$200.00"),
    "a date": (r'(data-field="due_on">)\w+ \d+', r"\g<1>Mar 1"),
    "start": (r'(data-field="start">)\w+ \d+', r"\g<1>Jan 1"),
    "fee": (r'(data-field="fee_upfront">)-\$[\d.]+', r"\g<1>-$10.00"),
    "finance charge": (r'(data-field="finance_charge">)\$[\d.]+', r"\g<1>$0.00"),
    "amount financed": (r'(data-field="amount_financed">)\$[\d,.]+', r"\g<1>$1,152.00"),
    "total of payments": (r'(data-field="total_of_payments">)\$[\d,.]+', r"\g<1>$1,200.00"),
    "total sale price": (r'(data-field="total_sale_price">)\$[\d,.]+', r"\g<1>$1,300.00"),
    "interest": (r'(data-field="interest">)\$[\d,.]+', r"\g<1>$1.00"),
    "number": (r'(data-field="group_count">)\d', r"\g<1>4"),
    "how often": (r'(data-field="timing">)every month', r"\g<1>every 2 months"),
    "a missing field": (r'data-field="price"', ""),
    "words for a number": (r'(data-field="price">)[^<]+', r"\g<1>much"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_disclosure_that_shows_something_else_is_refused(what: str) -> None:
    page = rendered(MADE)
    pattern, wrong = WRONG[what]
    changed = re.sub(pattern, wrong, page, count=1)
    assert changed != page
    reading.check(page, MADE)
    with pytest.raises(Conflict) as refused:
        reading.check(changed, MADE)
    assert (refused.value.code, refused.value.status) == ("disclosure_disagrees", 409)


@pytest.mark.parametrize("advance", [100_001, 1])
def test_a_rate_below_zero_or_beyond_reason_is_refused(advance: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        solve(advance, [(50_000, Fraction(1)), (50_000, Fraction(2))], Fraction(12))
    assert refused.value.code == "financing_apr_out_of_range"


def test_the_document_says_all_that_the_regulation_asks_without_a_style_sheet() -> None:
    made = disclosure.document("Your plan", rendered(MADE))
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", made))
    for words in (
        *(
            "Creditor: Acme Corp, 1 Main Street",
            "fa_1",
            "Annual percentage rate 23.",
            "Finance charge $",
            "Amount financed $",
        ),
        *(
            "Total of payments $",
            "Total sale price $",
            "including a down payment of $128.00",
            "6 payments, every month on day 31",
        ),
        *(
            "entitled to a rebate of the interest not yet earned",
            "more than 10 days late, you will be charged 5% of what is overdue",
        ),
        *(
            "Security interest None",
            "See your agreement",
            "Prepaid finance charge: origination fee, paid today -$34.56",
        ),
    ):
        assert words in text, words
    assert not re.search(r"<(script|style|link)|style=", made)


def test_a_creditor_s_name_is_text_on_page_and_paper() -> None:
    name = '<b>Ac"me</b> #panic()'
    assert "<b>" not in disclosure.render(Disclosure(MADE, name, "fa_1"))
    assert paper.draw(Disclosure(MADE, name, "fa_1")).startswith(b"%PDF")


def test_the_paper_is_the_same_bytes_for_the_same_plan_and_others_for_another() -> None:
    one = Disclosure(MADE, "Acme Corp", "fa_1")
    assert paper.draw(one) == paper.draw(Disclosure(MADE, "Acme Corp", "fa_1"))
    assert paper.sheet(one).fingerprint != paper.sheet(Disclosure(MADE, "Acme Corp", "fa_2")).fingerprint


def test_a_disclosure_as_data_names_the_same_figures() -> None:
    data = Disclosure(MADE, "Acme Corp", "fa_1").to_dict()
    assert data["apr"] == str(MADE.apr)
    assert sum(data["itemization"].values()) == data["amount_financed"] == MADE.amount_financed
    assert sum(data["charges"].values()) == data["finance_charge"]
    assert sum(one["amount"] for one in data["payments"]) == data["total_of_payments"]
