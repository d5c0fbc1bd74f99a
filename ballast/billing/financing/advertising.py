"""How a plan is advertised in a line, and the terms that must stand beside it (12 CFR 1026.24(d)).

Whoever names a payment, the number of payments, a down payment or the finance charge names all of them, and the annual percentage
rate by that name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ballast.billing.financing.disclosure import Disclosure
from ballast.billing.financing.quotes import Quote
from ballast.billing.financing.quoting import choices, creditor
from ballast.models import FinancingOffer, Organization
from ballast.money import format_money
from ballast.templating import show_apr, show_percent


@dataclass(frozen=True)
class Advertised:
    """A plan for a price as a shop shows it: `line` in a few words, `terms` beside it, and the disclosure behind them."""

    offer: FinancingOffer
    quote: Quote
    line: str
    terms: str
    box: Disclosure


def plans(
    organization: Organization, amount: int, currency: str, country: str | None = None, products: Sequence[str] = ()
) -> list[Advertised]:
    """What a price is offered on, the smallest payment first."""
    found = choices(organization, amount, currency, country, products)
    lender = creditor(organization) if found else ""
    shown = [
        Advertised(offer, quote, line(quote), terms(quote), Disclosure(quote, lender, "Quote"))
        for offer, quote in found
    ]
    return sorted(shown, key=lambda one: one.quote.payment)


def line(quote: Quote) -> str:
    """“4 × $160.00, 0%” where all payments are alike and nothing is charged for it; else “from $37.50/month”."""
    each = format_money(quote.payment, quote.currency)
    amounts = {one.amount for one in quote.lines} | ({quote.due_today} if quote.due_today else set())
    if not quote.finance_charge and len(amounts) == 1:
        return f"{len(quote.lines) + bool(quote.due_today)} × {each}, {show_percent(0)}"
    return f"from {each}/{_every(quote)}"


def terms(quote: Quote) -> str:
    """The down payment, the terms of repayment, the finance charge and the annual percentage rate, in two sentences."""
    today = f"{format_money(quote.due_today, quote.currency)} today, then " if quote.due_today else ""
    return f"{_capital(today + _payments(quote))}. {_cost(quote)}"


def payload(one: Advertised) -> dict[str, Any]:
    """For a page of the merchant's own; amounts in minor units."""
    quote = one.quote
    return {
        "offer": one.offer.id,
        "name": one.offer.name,
        "line": one.line,
        "terms": one.terms,
        "currency": quote.currency,
        "due_today": quote.due_today,
        "payment": quote.payment,
        "payments": len(quote.lines),
        "apr": str(quote.apr),
        "finance_charge": quote.finance_charge,
        "total_of_payments": quote.total_of_payments,
    }


def _payments(quote: Quote) -> str:
    count, last = len(quote.lines), quote.lines[-1].amount
    each = format_money(quote.payment, quote.currency)
    if last == quote.payment:
        return f"{count} {_often(quote)} payments of {each}"
    return f"{count - 1} {_often(quote)} payments of {each} and a last one of {format_money(last, quote.currency)}"


def _cost(quote: Quote) -> str:
    rate = f"{show_apr(quote.apr)} annual percentage rate"
    if not quote.finance_charge:
        return f"{rate}, no interest and no fees."
    charge, total = (format_money(one, quote.currency) for one in (quote.finance_charge, quote.total_sale_price))
    return f"{rate}. Finance charge {charge}, {total} in total."


def _every(quote: Quote) -> str:
    count, unit = quote.terms.interval_count, quote.terms.interval
    return unit if count == 1 else f"{count} {unit}s"


def _often(quote: Quote) -> str:
    """monthly, weekly, or “payments every 2 weeks” in a form that goes before the word."""
    count, unit = quote.terms.interval_count, quote.terms.interval
    usual = {"month": "monthly", "week": "weekly", "day": "daily"}
    return usual[unit] if count == 1 else f"{count}-{unit}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
