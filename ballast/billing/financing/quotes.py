"""What a price costs on a plan: a quote, and what of its interest is earned by a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from ballast.billing import minimums
from ballast.billing.financing import apr, periods
from ballast.billing.financing.schedule import Line, schedule
from ballast.billing.financing.terms import OfferTerms
from ballast.errors import InvalidRequest
from ballast.money import format_money


@dataclass(frozen=True)
class Quote:
    """Minor units of `currency`; `apr` in percent with two decimals (Decimal("9.69"))."""

    price: int
    currency: str
    terms: OfferTerms
    start: date
    down_payment: int
    fee_upfront: int
    fee_financed: int
    note: int
    apr: Decimal
    lines: tuple[Line, ...]

    @property
    def due_today(self) -> int:
        """Down payment and up-front fee."""
        return self.down_payment + self.fee_upfront

    @property
    def amount_financed(self) -> int:
        """1026.18(b): the price less the down payment less what is paid of the finance charge at once.

        A fee that is financed is in the note and not in this. A fee paid up front is a prepaid finance charge (1026.2(a)(23)): it is
        subtracted too (1026.18(b)(3); the commentary's example is a note of $2,500 with a fee of $40 paid in cash: $2,460).
        """
        return self.price - self.down_payment - self.fee_upfront

    @property
    def interest(self) -> int:
        """Interest of all lines."""
        return sum(line.interest for line in self.lines)

    @property
    def finance_charge(self) -> int:
        """1026.18(d): interest and the origination fee, financed or paid up front."""
        return self.interest + self.fee_upfront + self.fee_financed

    @property
    def total_of_payments(self) -> int:
        """1026.18(h): all installments."""
        return sum(line.amount for line in self.lines)

    @property
    def total_sale_price(self) -> int:
        """1026.18(j): the price and the finance charge; down payment, up-front fee and installments together."""
        return self.price + self.finance_charge

    @property
    def payment(self) -> int:
        """The usual installment; the last may differ."""
        return self.lines[0].amount


def quote(price: int, currency: str, terms: OfferTerms, start: date, minimum: int = 0) -> Quote:
    """The plan for `price` (minor units) that starts on `start`. `minimum`: the least the processor charges.

    Raises InvalidRequest: `financing_amount_invalid`, `financing_payment_below_minimum`, and what `schedule` raises.
    """
    step = minimums.grain(currency)
    down = minimums.to_step(terms.down_payment(price), step)
    rest = price - down
    fee = minimums.to_step(terms.fee(rest), step)
    upfront, financed = (0, fee) if terms.fee_financed else (fee, 0)
    if rest - upfront <= 0:
        raise InvalidRequest("financing_amount_invalid", "The amount is too small for this plan.", param="amount")
    lines = schedule(rest + financed, terms, start, currency)
    _check_minimum(down + upfront, lines, minimum, currency)
    advance = rest - upfront
    rate = apr.solve(advance, _timed(lines, terms, start), periods.unit_of(terms).per_year)
    return Quote(price, currency, terms, start, down, upfront, financed, rest + financed, rate, lines)


def earned_interest(lines: Sequence[Line], start: date, on: date, step: int = 1) -> int:
    """Interest earned from `start` to `on`, minor units: that of whole periods, and of the running one by its days gone.

    `step`: the smallest step of the currency (minimums.grain), to which it is rounded half up.
    """
    earned, begin = Fraction(0), start
    for line in lines:
        if on < line.due_on:
            gone = max((on - begin).days, 0)
            earned += Fraction(line.interest * gone, (line.due_on - begin).days)
            break
        earned += line.interest
        begin = line.due_on
    return minimums.to_step(earned, step)


def unearned(lines: Sequence[Line], start: date, on: date, step: int = 1) -> int:
    """Interest of the lines that is not earned by `on`: what an early payoff rebates, minor units."""
    return sum(line.interest for line in lines) - earned_interest(lines, start, on, step)


def payoff(quote: Quote, on: date, paid: int) -> int:
    """What settles the plan on that day, where installments (no late fees) of `paid` minor units were paid; 0 where nothing is left.

    With rebate it is the note and the interest earned, less what was paid; without, all interest stays owed.
    """
    step = minimums.grain(quote.currency)
    rebate = unearned(quote.lines, quote.start, on, step) if quote.terms.prepayment == "rebate" else 0
    return max(quote.total_of_payments - rebate - paid, 0)


def _timed(lines: Sequence[Line], terms: OfferTerms, start: date) -> list[tuple[int, Fraction]]:
    first, each = periods.first_period(terms, start), periods.interval_of(terms)
    return [(line.amount, first + each * (line.number - 1)) for line in lines]


def _check_minimum(today: int, lines: Sequence[Line], minimum: int, currency: str) -> None:
    least = min([line.amount for line in lines] + ([today] if today else []))
    if least < minimum:
        raise InvalidRequest(
            "financing_payment_below_minimum",
            f"A payment of {format_money(least, currency)} is less than can be charged, {format_money(minimum, currency)}.",
            param="amount",
        )
