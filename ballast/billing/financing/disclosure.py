"""The disclosure of a plan: what 12 CFR 1026.18 asks for, made from the very quote that will be charged, as data and as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from ballast.billing import minimums
from ballast.billing.financing import periods
from ballast.billing.financing.quotes import Quote
from ballast.billing.financing.terms import OfferTerms
from ballast.money import format_money
from ballast.templating import environment, show_apr, show_percent


@dataclass(frozen=True)
class Payments:
    """So many payments of the same amount in a row, minor units."""

    count: int
    amount: int
    first_on: date
    last_on: date


@dataclass(frozen=True)
class Amount:
    """One line of an itemization, minor units; a negative amount is subtracted. `key` names it for machines."""

    key: str
    label: str
    amount: int


@dataclass(frozen=True)
class Disclosure:
    """`creditor`: the merchant's legal name and, where there is one, address. `reference`: the agreement's or the quote's id."""

    quote: Quote
    creditor: str
    reference: str

    @property
    def apr(self) -> str:
        """9.69%."""
        return show_apr(self.quote.apr)

    @property
    def payments(self) -> tuple[Payments, ...]:
        """The schedule: number, amounts and dates."""
        return tuple(_grouped(self.quote))

    @property
    def timing(self) -> str:
        """every month on day 31 (the last day of a shorter month)."""
        return _timing(self.quote.terms, self.quote.start)

    @property
    def itemization(self) -> tuple[Amount, ...]:
        """What leads from the price to the amount financed (1026.18(c))."""
        quote = self.quote
        parts = (
            Amount("price", "Cash price", quote.price),
            Amount("down_payment", "Down payment, paid today", -quote.down_payment),
            Amount("fee_upfront", "Prepaid finance charge: origination fee, paid today", -quote.fee_upfront),
        )
        return tuple(part for part in parts if part.amount or part.key == "price")

    @property
    def charges(self) -> tuple[Amount, ...]:
        """What the finance charge is made of."""
        parts = (
            Amount("interest", "Interest", self.quote.interest),
            Amount("fee_paid", "Origination fee, paid today", self.quote.fee_upfront),
            Amount("fee_financed", "Origination fee, part of the payments", self.quote.fee_financed),
        )
        return tuple(part for part in parts if part.amount or part.key == "interest")

    @property
    def sums(self) -> tuple[tuple[str, int, str], ...]:
        """Name, minor units and explanation of 1026.18(b), (h) and (j)."""
        down = self.quote.down_payment
        paid = f"a down payment of {self._money(down)}" if down else "no down payment"
        return (
            (
                "Amount financed",
                self.quote.amount_financed,
                "The amount of credit provided to you or on your behalf.",
            ),
            (
                "Total of payments",
                self.quote.total_of_payments,
                "The amount you will have paid after you have made all payments as scheduled.",
            ),
            (
                "Total sale price",
                self.quote.total_sale_price,
                f"The total cost of your purchase on credit, including {paid}.",
            ),
        )

    @property
    def prepayment(self) -> str:
        """1026.18(k)."""
        fee = " The origination fee is not refunded." if self.quote.fee_upfront or self.quote.fee_financed else ""
        if not self.quote.interest:
            return f"If you pay off early, you will not have to pay a penalty.{fee}"
        entitled = "are" if self.quote.terms.prepayment == "rebate" else "are not"
        return (
            "If you pay off early, you will not have to pay a penalty, and you "
            f"{entitled} entitled to a rebate of the interest not yet earned.{fee}"
        )

    @property
    def late_payment(self) -> str:
        """1026.18(l)."""
        terms = self.quote.terms
        if not terms.late_fee_amount and not terms.late_fee_bps:
            return "There is no charge for a late payment."
        days = f"more than {terms.grace_days} {'day' if terms.grace_days == 1 else 'days'} late"
        most = f", at most {self._money(terms.late_fee_cap)}" if terms.late_fee_cap is not None else ""
        fee = (
            self._late_fee()
            if terms.late_fee_amount
            else f"{show_percent(terms.late_fee_bps)} of what is overdue{most}"
        )
        return (
            f"If a payment is {days if terms.grace_days else 'late'}, you will be charged {fee}, once for that payment."
        )

    @property
    def security_interest(self) -> str:
        """1026.18(m)."""
        return "None. You give no security for this credit."

    @property
    def contract(self) -> str:
        """1026.18(p)."""
        return (
            "See your agreement for what it says about nonpayment, default, any right to ask for the whole balance before the "
            "scheduled date, and prepayment rebates and penalties."
        )

    @property
    def sentences(self) -> tuple[tuple[str, str], ...]:
        """The rest of 1026.18, by its heading."""
        return (
            ("Prepayment", self.prepayment),
            ("Late payment", self.late_payment),
            ("Security interest", self.security_interest),
            ("Contract", self.contract),
        )

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON, amounts in minor units."""
        quote = self.quote
        names = (
            "price",
            "currency",
            "down_payment",
            "due_today",
            "finance_charge",
            "amount_financed",
            "total_of_payments",
        )
        return {
            **{name: getattr(quote, name) for name in (*names, "total_sale_price")},
            "creditor": self.creditor,
            "reference": self.reference,
            "start_on": quote.start.isoformat(),
            "apr": str(quote.apr),
            "itemization": {part.key: part.amount for part in self.itemization},
            "charges": {part.key: part.amount for part in self.charges},
            "timing": self.timing,
            "payments": [{"due_on": line.due_on.isoformat(), "amount": line.amount} for line in quote.lines],
            **{name: getattr(self, name) for name in ("prepayment", "late_payment", "security_interest", "contract")},
        }

    def _late_fee(self) -> str:
        step = minimums.grain(self.quote.currency)
        return self._money(self.quote.terms.late_fee(0, step))

    def _money(self, amount: int) -> str:
        return format_money(amount, self.quote.currency)


def render(disclosure: Disclosure) -> str:
    """The box as HTML: for a page, and to be stored."""
    return environment().get_template("financing/_disclosure.html").render(box=disclosure)


def document(title: str, box: str) -> str:
    """A rendered box as a document of its own, to be kept by the customer: legible without a style sheet."""
    return environment().get_template("financing/_document.html").render(title=title, box=box)


def _grouped(quote: Quote) -> Iterator[Payments]:
    for amount, group in groupby(quote.lines, key=lambda line: line.amount):
        lines = list(group)
        yield Payments(len(lines), amount, lines[0].due_on, lines[-1].due_on)


def _timing(terms: OfferTerms, start: date) -> str:
    count, unit = terms.interval_count, terms.interval
    every = f"every {unit}" if count == 1 else f"every {count} {unit}s"
    if unit != "month":
        return every
    day = periods.anchor_day(terms, start)
    shorter = " (the last day of a shorter month)" if day > 28 else ""
    return f"{every} on day {day}{shorter}"
