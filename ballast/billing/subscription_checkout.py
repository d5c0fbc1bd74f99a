"""A checkout that starts a subscription: what is due today and afterwards, the first payment, or a card stored where none is due.

The order is the page's; the subscription, its invoice and their payment are the engine's, begun in one commit with it. A try that was
declined is made again on the same invoice, unless what is bought has changed: then the first start has expired, and another begins.
Where nothing is due today (a trial, a coupon for all of it) the card is stored first, and the subscription starts in the commit that
records it as stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select

from ballast import audit
from ballast.billing import card_setup, minimums, orders, payments, session_ends, ways
from ballast.billing.card_setup import Setup
from ballast.billing.checkout_form import Details
from ballast.billing.invoices import Figures
from ballast.billing.payments import Begun
from ballast.billing.subscriptions import collecting, ending, forecasting, letters, rows, starting
from ballast.billing.subscriptions.forecasting import First, Place
from ballast.clock import now
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest, NotFound
from ballast.ids import new_id
from ballast.models import Customer, Order, OrderLine, Organization, PaymentMethod, Subscription
from ballast.models.orders import lines_of_order
from ballast.money import format_money
from ballast.templating import show_date, show_every

ANSWERED: Final = ("active", "trialing")


@dataclass(frozen=True)
class Offer:
    """What a checkout sells, as its page shows it. `due`: minor units today; `problem`: what is wrong with the code that was typed."""

    first: First
    terms: str
    problem: str | None = None

    @property
    def today(self) -> Figures:
        return self.first.now.figures

    @property
    def due(self) -> int:
        return self.today.amount_due


def offer(order: Order, code: str | None = None) -> Offer:
    """What the order comes to for whom and where it is for now; with the code it has, or another. Changes nothing."""
    line = _line(order)
    typed = order.promotion_code if code is None else code.strip()
    wanted = starting.Wanted(order.customer_id or "", line.price_id or "", line.quantity, promotion_code=typed or None)
    place = _place_of(order)
    usual = forecasting.first(order.organization_id, replace(wanted, promotion_code=None), place)
    problem, first, lasts = None, usual, False
    try:
        first = forecasting.first(order.organization_id, wanted, place)
        _code, coupon = starting.find_discount(order.organization_id, wanted, order.currency)
        lasts = coupon is not None and coupon.duration == "forever"
    except InvalidRequest as error:
        if error.param not in ("promotion_code", "coupon"):
            raise
        problem = error.message
    return Offer(first, terms_of(order.organization_id, first, first if lasts else usual), problem)


def _place_of(order: Order) -> Place:
    """Where it is taxed: where the shopper says they live, unless their place is known for good."""
    customer = db.session.get(Customer, (order.organization_id, order.customer_id)) if order.customer_id else None
    if customer is not None and _is_placed(order, customer):
        return Place(customer.country, customer.region)
    return Place(order.address.get("country", ""), order.address.get("region", ""))


def _is_placed(order: Order, customer: Customer) -> bool:
    """Whether a customer's country is not for this page to change: the merchant named them, or they have bought with it before."""
    session = session_ends.of_order(order)
    if not customer.country or (session is not None and session.customer_id == customer.id):
        return bool(customer.country)
    bought = select(Subscription.id).where(
        Subscription.organization_id == customer.organization_id,
        Subscription.customer_id == customer.id,
        Subscription.status.not_in(("incomplete", "incomplete_expired")),
    )
    return db.session.scalars(bought.limit(1)).first() is not None


def _line(order: Order) -> OrderLine:
    return db.session.scalars(lines_of_order(order.organization_id, order.id)).one()


def terms_of(organization_id: str, first: First, usual: First) -> str:
    """What the shopper agrees to, in one sentence; kept with the order as it was shown. `usual`: once a discount is over."""
    shop = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
    plan = first.plan
    day = show_date(first.then.at, starting.timezone_of(organization_id))
    amount, later = (format_money(one.then.figures.amount_due, plan.currency) for one in (first, usual))
    every = show_every(plan.interval, plan.count)
    course = (
        f"{amount} {every}, from {day} on"
        if amount == later
        else f"{amount} on {day}, and {later} {every} once your discount has ended"
    )
    return (
        f"{shop.shop_name or shop.name} charges {course}, to this card, until you cancel. "
        "You can cancel at any time, with the link in our mails."
    )


# --- Starting ----------------------------------------------------------------------------------------------------------------


def begin(order: Order, details: Details, shown: int | None, return_url: str) -> Begun | Setup | None:
    """Begin to pay, or to store the card. In the caller's transaction, with the order locked and its customer known; run what it
    answers after that. `shown`: minor units due today as the page said.

    Raises Conflict(`total_changed`) when it comes to something else, and what `starting.start` raises.
    """
    found = offer(order)
    order.amount, order.consent = found.due, found.terms
    if shown is not None and shown != found.due:
        said = f"With tax and discounts for what you typed, {format_money(found.due, order.currency)} is due today."
        raise Conflict("total_changed", f"{said} Please look at it, and enter your card again.")
    earlier = _earlier(order)
    if earlier is not None and earlier.status in ANSWERED:
        return None
    if found.due == 0:
        return _store_first(order, details)
    account_id = ways.check(order.organization_id, details.account_id, account_amount(order), order.currency)
    source = payments.Source(
        details.payment_method,
        verification=details.verification,
        device_data=details.device_data,
        account_id=account_id,
        one_time=True,
        save_card=True,
        series="recurring",
        first_of_series=True,
    )
    if earlier is not None and earlier.status == "incomplete" and not _give_way(earlier, order, found):
        return _again(order, earlier, source, return_url)
    return _start(order, source, return_url)


def _earlier(order: Order) -> Subscription | None:
    return rows.locked(order.organization_id, order.subscription_id) if order.subscription_id else None


def _give_way(earlier: Subscription, order: Order, found: Offer) -> bool:
    """Whether an earlier start is for something else by now; it has expired then."""
    invoices = ending.open_invoices(earlier)
    is_same = earlier.customer_id == order.customer_id and [one.amount_due for one in invoices] == [found.due]
    if is_same:
        return False
    for invoice in invoices:
        ending.withdraw(invoice)
    rows.set_status(earlier, "incomplete_expired")
    return True


def _start(order: Order, source: payments.Source, return_url: str) -> Begun | None:
    started = starting.start(order.organization_id, _wanted(order, source, return_url))
    order.subscription_id = started.subscription.id
    _link_payment(order, started.invoice.payment_id if started.invoice else None)
    return started.begun


def _wanted(order: Order, source: payments.Source, return_url: str | None = None) -> starting.Wanted:
    line = _line(order)
    assert order.customer_id is not None, "the customer is known before anything starts"
    return starting.Wanted(
        order.customer_id,
        line.price_id or "",
        line.quantity,
        payment_method=source.payment_method,
        promotion_code=order.promotion_code or None,
        source=source,
        return_url=return_url,
    )


def _again(order: Order, earlier: Subscription, source: payments.Source, return_url: str) -> Begun:
    (invoice,) = ending.open_invoices(earlier)
    begun = collecting.begin_with(invoice, source, return_url)
    _link_payment(order, invoice.payment_id)
    return begun


def _link_payment(order: Order, payment_id: str | None) -> None:
    """What pays the invoice is the order's payment: the page asks how it stands, and what it brings marks the order as paid."""
    if payment_id is not None:
        payments.locked(order.organization_id, payment_id).order_id = order.id
        db.session.flush()


# --- Nothing is due today ----------------------------------------------------------------------------------------------------


def account_amount(order: Order) -> int:
    """By what amount the account is chosen that takes the card: what a period costs, whatever is due today."""
    return max(_line(order).amount, minimums.least(order.currency))


def _store_first(order: Order, details: Details) -> Setup | None:
    if card_setup.of_order(order, "pending") is not None:
        return None
    return card_setup.begin_for(order, details, account_amount(order))


def complete(card: PaymentMethod, order_id: str) -> None:
    """The card is stored: start the subscription, and end the order and its session. In the transaction that records it."""
    wanted = select(Order).where(Order.organization_id == card.organization_id, Order.id == order_id)
    order = db.session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).first()
    session = session_ends.of_order(order) if order is not None else None
    if order is None or order.status != "pending" or order.subscription_id is not None:
        return
    if session is None or session.mode != "subscription":
        return
    started = starting.start(card.organization_id, _wanted(order, payments.Source(card.id)))
    order.subscription_id = started.subscription.id
    if started.subscription.status in ANSWERED:
        orders.mark_paid(order)
        letters.started(started.subscription, order.consent)


# --- Who it is for -----------------------------------------------------------------------------------------------------------


def customer_for(order: Order, details: Details) -> Customer:
    """The order's own customer: somebody new, for nobody else's credit, cards or page may be reached by typing their address."""
    known = db.session.get(Customer, (order.organization_id, order.customer_id)) if order.customer_id else None
    session = session_ends.of_order(order)
    is_named = known is not None and session is not None and session.customer_id == known.id
    if known is not None and (is_named or known.email == details.email):
        if not _is_placed(order, known):
            known.country, known.region = details.address.get("country", ""), details.address.get("region", "")
        return known
    made = Customer(
        id=new_id("cus"),
        organization_id=order.organization_id,
        email=details.email,
        name=details.name,
        country=details.address.get("country", ""),
        region=details.address.get("region", ""),
        created_at=now(),
    )
    db.session.add(made)
    db.session.flush()
    audit.record(order.organization_id, "customer.created", "customer", made.id)
    return made


def started_by(order: Order) -> Subscription:
    """The subscription an order has started. Raises NotFound."""
    if order.subscription_id is None:
        raise NotFound("subscription")
    return rows.find(order.organization_id, order.subscription_id)
