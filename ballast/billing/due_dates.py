"""Drawing up what is due today and what later (`outlook`): of a cart, and of a checkout as it stands. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from ballast.billing import order_totals
from ballast.billing.financing.quotes import Quote
from ballast.billing.financing_checkout import Plan
from ballast.billing.invoices import Figures
from ballast.billing.outlook import Coming, Entry, Outlook, made
from ballast.billing.places import Place
from ballast.billing.subscription_checkout import Offer
from ballast.billing.subscriptions import forecasting, starting
from ballast.billing.subscriptions.forecasting import First
from ballast.models import Order, OrderLine, Organization
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


def of_checkout(order: Order, lines: Sequence[OrderLine], offer: Offer, plan: Plan | None, timezone: str) -> Outlook:
    """What a checkout that starts a subscription comes to, its goods paid in full or with a plan."""
    goods = [line for line in lines if not line.is_recurring]
    today, later = _of_goods(goods, plan.quote if plan else None)
    begun, besides, then = _of_first(offer.first, timezone, order.coupon_name)
    if plan is None:
        also = order_totals.beside(order, lines)
        besides = [Entry(one.label, one.amount) for one in also if not one.is_included] + besides
    return made(order.currency, today + begun + _together(besides), later + then)


def _together(besides: Sequence[Entry]) -> list[Entry]:
    """One entry for what has one name: a tax, or a coupon, that goods and a subscription both have."""
    sums: dict[str, int] = {}
    for one in besides:
        sums[one.label] = sums.get(one.label, 0) + one.amount
    return [Entry(label, amount) for label, amount in sums.items()]


def of_cart(shop: Organization, currency: str, goods: Sequence[Bought], price_id: str, quantity: int) -> Outlook:
    """What a cart with a subscription comes to, before tax: nobody knows yet where its shopper is. `price_id`: of the subscription.

    Raises InvalidRequest for a price that is not sold any more.
    """
    today, later = _of_goods(goods)
    first = forecasting.first(shop.id, starting.Wanted("", price_id, quantity), Place())
    begun, besides, then = _of_first(first, shop.timezone)
    return made(currency, today + begun + besides, later + then)


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


def _of_first(first: First, timezone: str, coupon: str | None = None) -> tuple[list[Entry], list[Entry], list[Coming]]:
    """A subscription that is about to begin: what is billed at once, what stands beside that, and the next charge."""
    every = show_every(first.plan.interval, first.plan.count)
    then = Coming(_day(first.then.at, timezone), first.plan.name, first.then.figures.amount_due, every)
    lines = [Entry(_counted(line.description, line.quantity), line.amount) for line in first.now.figures.sums.lines]
    return lines or [Entry(f"{first.plan.name}, free trial", 0)], _beside(first.now.figures, coupon), [then]


def _beside(figures: Figures, coupon: str | None) -> list[Entry]:
    """`coupon`: the name that the goods' discount goes by, which is the subscription's too."""
    tax = figures.tax
    beside = [
        Entry(f"Discount, {coupon}" if coupon else "Discount", -figures.sums.discount),
        Entry(f"{tax.name} {show_percent(tax.bps)}" if tax else "Tax", figures.sums.tax_added),
        Entry("Your credit", -figures.credit_applied),
    ]
    return [entry for entry in beside if entry.amount]


def _counted(name: str, quantity: int) -> str:
    return name if quantity == 1 else f"{name} × {quantity}"


def _day(at: datetime, timezone: str) -> date:
    return at.astimezone(zone(timezone)).date()
