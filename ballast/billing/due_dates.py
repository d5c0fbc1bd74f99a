"""Drawing up what is due today and what later (`outlook`): of a cart, and of a checkout as it stands. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from ballast.billing.financing.quotes import Quote
from ballast.billing.financing_checkout import Plan
from ballast.billing.invoices import Figures
from ballast.billing.outlook import Coming, Entry, Outlook, made
from ballast.billing.subscription_checkout import Offer
from ballast.billing.subscriptions import forecasting, starting
from ballast.billing.subscriptions.forecasting import First, Place
from ballast.models import OrderLine, Organization
from ballast.templating import show_every, show_percent, zone


class Bought(Protocol):
    """A line of an order or of a cart that is bought once."""

    @property
    def name(self) -> str: ...

    @property
    def quantity(self) -> int: ...

    @property
    def amount(self) -> int: ...

    @property
    def kind(self) -> str: ...


def of_checkout(currency: str, lines: Sequence[OrderLine], offer: Offer, plan: Plan | None, timezone: str) -> Outlook:
    """What a checkout that starts a subscription comes to, its goods paid in full or with a plan."""
    goods = [line for line in lines if not line.is_recurring]
    today, later = _of_goods(goods, plan.quote if plan else None)
    begun, then = _of_first(offer.first, timezone)
    return made(currency, today + begun, later + then)


def of_cart(shop: Organization, currency: str, goods: Sequence[Bought], price_id: str, quantity: int) -> Outlook:
    """What a cart with a subscription comes to, before tax: nobody knows yet where its shopper is. `price_id`: of the subscription.

    Raises InvalidRequest for a price that is not sold any more.
    """
    today, later = _of_goods(goods)
    begun, then = _of_first(forecasting.first(shop.id, starting.Wanted("", price_id, quantity), Place()), shop.timezone)
    return made(currency, today + begun, later + then)


def _of_goods(goods: Sequence[Bought], quote: Quote | None = None) -> tuple[list[Entry], list[Coming]]:
    """In full, or with a plan."""
    if quote is None or not goods:
        return [Entry(_counted(line.name, line.quantity), line.amount) for line in goods], []
    rest = sum(line.kind == "item" for line in goods) - 1
    named = _counted(goods[0].name, goods[0].quantity) + (f" and {rest} more" if rest else "")
    at_once = [Entry(f"{named}, first part", quote.down_payment), Entry("Origination fee", quote.fee_upfront)]
    count = len(quote.lines)
    parts = [Coming(line.due_on, f"Payment {line.number} of {count}", line.amount) for line in quote.lines]
    return [entry for entry in at_once if entry.amount], parts


def _of_first(first: First, timezone: str) -> tuple[list[Entry], list[Coming]]:
    """A subscription that is about to begin: what is billed at once, and the next charge."""
    every = show_every(first.plan.interval, first.plan.count)
    then = Coming(_day(first.then.at, timezone), first.plan.name, first.then.figures.amount_due, every)
    return _billed(first.now.figures) or [Entry(f"{first.plan.name}, free trial", 0)], [then]


def _billed(figures: Figures) -> list[Entry]:
    lines = [Entry(_counted(line.description, line.quantity), line.amount) for line in figures.sums.lines]
    tax = figures.tax
    beside = [
        Entry("Discount", -figures.sums.discount),
        Entry(f"{tax.name} {show_percent(tax.bps)}" if tax else "Tax", figures.sums.tax_added),
        Entry("Your credit", -figures.credit_applied),
    ]
    return lines + [entry for entry in beside if entry.amount]


def _counted(name: str, quantity: int) -> str:
    return name if quantity == 1 else f"{name} × {quantity}"


def _day(at: datetime, timezone: str) -> date:
    return at.astimezone(zone(timezone)).date()
