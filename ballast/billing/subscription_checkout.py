"""A checkout that starts a subscription: what is due of it today and afterwards, and the start that waits for the order to be paid.

A try that was declined is made again on the same invoice, unless what is bought has changed: then the first start has expired, and
another begins. The payment is the order's (`due_today`), whatever else is bought.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import select

from ballast import audit
from ballast.billing import coupons, minimums, order_totals, places, session_ends
from ballast.billing.checkout_form import Details
from ballast.billing.invoices import Figures
from ballast.billing.places import Place
from ballast.billing.subscriptions import ending, forecasting, rows, starting
from ballast.billing.subscriptions.forecasting import First
from ballast.clock import now
from ballast.db import db
from ballast.errors import InvalidRequest, NotFound
from ballast.ids import new_id
from ballast.models import Customer, Invoice, Order, OrderLine, Organization, PaymentMethod, Price, Subscription
from ballast.models.catalog import subscribable
from ballast.models.orders import lines_of_order
from ballast.money import format_money
from ballast.templating import show_date, show_every


@dataclass(frozen=True)
class Offer:
    """What a checkout sells, as its page shows it. `due`: minor units today; `problem`: what is wrong with the code that was typed."""

    first: First
    terms: str
    problem: str | None = None
    coupon_id: str | None = None

    @property
    def today(self) -> Figures:
        return self.first.now.figures

    @property
    def due(self) -> int:
        return self.today.amount_due


def offer(order: Order, code: str | None = None) -> Offer:
    """What the order comes to for whom and where it is for now; with the code it has, or another, unless that takes off its goods
    alone. Changes nothing."""
    line = line_of(order)
    typed = order.promotion_code if code is None else code.strip()
    wanted = starting.Wanted(
        order.customer_id or "",
        line.price_id or "",
        line.quantity,
        promotion_code=None if order.coupon_id else typed or None,
        coupon_id=None if order.coupon_id else order_totals.given_coupon(order),
    )
    place = _place_of(order)
    usual = forecasting.first(order.organization_id, replace(wanted, promotion_code=None, coupon_id=None), place)
    problem, first, coupon = None, usual, None
    try:
        first = forecasting.first(order.organization_id, wanted, place)
        _code, coupon = starting.find_discount(order.organization_id, wanted, order.currency)
    except InvalidRequest as error:
        if error.param not in ("promotion_code", "coupon"):
            raise
        problem = error.message
    lasts = coupon is not None and coupon.duration == "forever"
    terms = terms_of(order.organization_id, first, first if lasts else usual)
    return Offer(first, terms, problem, coupon.id if coupon else None)


def _place_of(order: Order) -> Place:
    """Where it is taxed: where the shopper says they live, unless their place is known for good."""
    customer = db.session.get(Customer, (order.organization_id, order.customer_id)) if order.customer_id else None
    if customer is not None and _is_placed(order, customer):
        return Place(customer.country, customer.region)
    return places.of_order(order)


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


def is_on_sale(order: Order) -> bool:
    """Whether what the order would subscribe to can still be subscribed to."""
    wanted = subscribable(order.organization_id).where(Price.id == line_of(order).price_id)
    return db.session.execute(wanted.limit(1)).first() is not None


def line_of(order: Order) -> OrderLine:
    """The order's one line that starts a subscription."""
    return db.session.scalars(lines_of_order(order.organization_id, order.id).where(OrderLine.is_recurring)).one()


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


def earlier_start(order: Order) -> Subscription | None:
    """What an earlier try has started, locked; None where there was none."""
    return rows.locked(order.organization_id, order.subscription_id) if order.subscription_id else None


def prepare(order: Order, found: Offer, earlier: Subscription | None) -> Invoice | None:
    """The subscription that waits for the order to be paid, the earlier one if it is for the same; answers its invoice, if anything is
    due of it. In the caller's transaction, with order and earlier start locked, and no payment yet. Raises what `starting.start` does.
    """
    if earlier is not None and earlier.status == "incomplete" and _is_same(earlier, order, found):
        return next(iter(ending.open_invoices(earlier)), None)
    withdraw(order, earlier)
    started = starting.start(order.organization_id, _wanted(order, waits=True, is_free=found.due == 0))
    order.subscription_id = started.subscription.id
    return started.invoice


def _is_same(earlier: Subscription, order: Order, found: Offer) -> bool:
    """Whether an earlier start is for what is bought now."""
    owed = [one.amount_due for one in ending.open_invoices(earlier)]
    is_theirs = earlier.customer_id == order.customer_id and earlier.coupon_id == found.coupon_id
    return is_theirs and owed == ([found.due] if found.due else [])


def withdraw(order: Order, earlier: Subscription | None) -> None:
    """What an earlier try has started is not what is bought any more: it has expired, with its invoice, and its payment is closed.

    In the caller's transaction, with order and subscription locked. Raises Conflict(`payment_in_progress`).
    """
    if earlier is None or earlier.status != "incomplete":
        return
    for invoice in ending.open_invoices(earlier):
        ending.withdraw(invoice)
    coupons.give_back(earlier)
    rows.set_status(earlier, "incomplete_expired")
    order.subscription_id = None


def _wanted(order: Order, *, waits: bool, is_free: bool = False) -> starting.Wanted:
    line = line_of(order)
    assert order.customer_id is not None, "the customer is known before anything starts"
    return starting.Wanted(
        order.customer_id,
        line.price_id or "",
        line.quantity,
        promotion_code=None if order.coupon_id else order.promotion_code or None,
        coupon_id=None if order.coupon_id else order_totals.given_coupon(order),
        waits=waits,
        is_free=is_free,
    )


def start_with(order: Order, card: PaymentMethod) -> Subscription:
    """Start it where nothing is due today and the card is stored. In the transaction that records that, with the order locked."""
    started = starting.start(order.organization_id, replace(_wanted(order, waits=False), payment_method=card.id))
    order.subscription_id = started.subscription.id
    return started.subscription


def account_amount(order: Order) -> int:
    """By what amount the account is chosen that takes the card: what a period costs, whatever is due today."""
    return max(line_of(order).amount, minimums.least(order.currency))


# --- Who it is for -----------------------------------------------------------------------------------------------------------


def customer_for(order: Order, details: Details) -> Customer:
    """The order's own customer: who the shopper has shown to be, else somebody new, for nobody else's credit, cards or page may be
    reached by typing their address."""
    known_id = details.customer_id or order.customer_id
    known = db.session.get(Customer, (order.organization_id, known_id)) if known_id else None
    session = session_ends.of_order(order)
    names = (details.customer_id, session.customer_id if session else None)
    is_named = known is not None and known.id in names
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
