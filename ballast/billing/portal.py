"""What a customer sees of themselves: their subscriptions, what comes next, what was billed, and the plans they may change to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Row, select

from ballast.billing import minimums
from ballast.billing.subscriptions import forecasting, rows
from ballast.billing.subscriptions import plan as plans
from ballast.billing.subscriptions.forecasting import Forecast
from ballast.db import db, glance, know
from ballast.errors import NotFound
from ballast.models import (
    Coupon,
    CreditBalance,
    CreditNote,
    Customer,
    Invoice,
    PaymentMethod,
    Price,
    Product,
    Subscription,
)
from ballast.models.states import RENEWING
from ballast.models.subscriptions import subscriptions_of

# How much of the past is shown; a customer with more asks the shop.
MOST_INVOICES = 100
OWED: Final = ("open", "uncollectible")


@dataclass(frozen=True)
class Held:
    """A subscription as its customer sees it. `upcoming`: the next invoice, None where none is to come; `owed`: open invoices;
    `pending`: the plan that is in force from the renewal on."""

    subscription: Subscription
    plan: plans.Plan
    card: PaymentMethod | None
    upcoming: Forecast | None
    owed: list[Invoice]
    pending: plans.Plan | None
    others: int

    @property
    def may_change(self) -> bool:
        return self.subscription.status in ("active", "trialing") and not self.subscription.cancel_at_period_end

    @property
    def may_pause(self) -> bool:
        return self.may_change

    @property
    def may_cancel(self) -> bool:
        return self.subscription.status in RENEWING and not self.subscription.cancel_at_period_end

    @property
    def has_ended(self) -> bool:
        return self.subscription.status in rows.ENDED


def subscriptions(customer: Customer) -> list[Held]:
    """A customer's subscriptions, those that go on first; one that never began is not shown."""
    found = db.session.scalars(subscriptions_of(customer.organization_id, customer.id))
    held = _all_held([one for one in found if one.status != "incomplete_expired"], customer)
    return sorted(held, key=lambda one: one.has_ended)


def customer_of(found: Subscription) -> Customer:
    """Whose it is."""
    return rows.customer_of_row(found)


def subscription(customer: Customer, subscription_id: str) -> Held:
    """One of a customer's subscriptions. Raises NotFound for anybody else's."""
    found = rows.find(customer.organization_id, subscription_id)
    if found.customer_id != customer.id:
        raise NotFound("subscription", subscription_id)
    return _all_held([found], customer)[0]


def _all_held(found: list[Subscription], customer: Customer) -> list[Held]:
    """Each as its customer sees it: what they need is read for all of them together."""
    sold = _sold(found)
    cards = _cards(found, customer)  # the session keeps what it has read only as long as somebody holds it
    owed = _open_invoices(found, customer)
    _know(found, customer)
    return [
        Held(
            one,
            plans.of(one),
            rows.card_of_row(one, customer) if cards else None,
            _upcoming(one),
            owed.get(one.id, []),
            _pending(one),
            len(_choice(one, sold)) - 1,
        )
        for one in found
    ]


def _know(found: list[Subscription], customer: Customer) -> None:
    """Leave where the forecasts look for them: the customer's credit, and the coupons."""
    have = {one.currency: one.amount for one in credit(customer)}
    for one in found:
        know(("credit", one.organization_id, customer.id, one.currency), have.get(one.currency, 0))
    wanted = {one.coupon_id for one in found if one.coupon_id}
    if wanted:
        ours = select(Coupon).where(Coupon.organization_id == customer.organization_id, Coupon.id.in_(wanted))
        for coupon in db.session.scalars(ours):
            know((Coupon, coupon.id), coupon)


def _sold(found: list[Subscription]) -> list[Row[Price, Product]]:
    """Every price of their products, with the product, the cheapest first; left where plans are looked for."""
    ids = {price_id for one in found for price_id in (one.price_id, one.pending_price_id) if price_id}
    if not ids:
        return []
    organization_id = found[0].organization_id
    products = select(Price.product_id).where(Price.organization_id == organization_id, Price.id.in_(ids))
    joined = (Price.organization_id == Product.organization_id) & (Price.product_id == Product.id)
    wanted = select(Price, Product).join(Product, joined)
    wanted = wanted.where(Price.organization_id == organization_id, Price.product_id.in_(products))
    sold = list(db.session.execute(wanted.order_by(Price.amount, Price.id)))
    for row in sold:
        know((Price, organization_id, row[0].id), row)
    return sold


def _cards(found: list[Subscription], customer: Customer) -> list[PaymentMethod]:
    ids = {one.payment_method_id for one in found} | {customer.default_payment_method_id}
    wanted = select(PaymentMethod).where(
        PaymentMethod.organization_id == customer.organization_id, PaymentMethod.id.in_(ids - {None})
    )
    return list(db.session.scalars(wanted))


def _upcoming(found: Subscription) -> Forecast | None:
    try:
        return forecasting.upcoming(found)
    except NotFound:
        return None


def _pending(found: Subscription) -> plans.Plan | None:
    if not found.pending_price_id and not found.pending_quantity:
        return None
    price_id, quantity = found.pending_price_id or found.price_id, found.pending_quantity or found.quantity
    return plans.find(found.organization_id, price_id, quantity, archived=True)


def _open_invoices(found: list[Subscription], customer: Customer) -> dict[str, list[Invoice]]:
    """By the id of their subscription, oldest first; among what the customer was billed, where that is all there is."""
    billed = invoices(customer)
    if len(billed) == MOST_INVOICES:
        wanted = select(Invoice).where(
            Invoice.organization_id == customer.organization_id,
            Invoice.subscription_id.in_([one.id for one in found]),
            Invoice.status.in_(OWED),
        )
        billed = list(db.session.scalars(wanted.order_by(Invoice.id.desc())))
    owed: dict[str, list[Invoice]] = {}
    for invoice in reversed(billed):
        if invoice.status in OWED:
            owed.setdefault(invoice.subscription_id or "", []).append(invoice)
    return owed


def prices(found: Subscription) -> list[Price]:
    """What it may be changed to: the prices of its product that are sold in its currency, its own first."""
    return _choice(found, _sold([found]))


def _choice(found: Subscription, sold: list[Row[Price, Product]]) -> list[Price]:
    own = next(row[0] for row in sold if row[0].id == found.price_id)
    others = [
        price
        for price, _product in sold
        if price.product_id == own.product_id
        and (price.kind, price.currency) == ("recurring", found.currency)
        and price.archived_at is None
        and price is not own
    ]
    return [own, *others]


def invoices(customer: Customer) -> list[Invoice]:
    """What a customer was billed, newest first."""
    found: list[Invoice] = glance((Invoice, customer.id), lambda: _read_invoices(customer))
    return found


def _read_invoices(customer: Customer) -> list[Invoice]:
    wanted = select(Invoice).where(
        Invoice.organization_id == customer.organization_id,
        Invoice.customer_id == customer.id,
        Invoice.status != "draft",
    )
    return list(db.session.scalars(wanted.order_by(Invoice.id.desc()).limit(MOST_INVOICES)))


def credit_notes(customer: Customer) -> dict[str, list[CreditNote]]:
    """A customer's credit notes by the id of their invoice."""
    wanted = select(CreditNote).where(
        CreditNote.organization_id == customer.organization_id,
        CreditNote.customer_id == customer.id,
        CreditNote.status == "issued",
    )
    found: dict[str, list[CreditNote]] = {}
    for note in db.session.scalars(wanted.order_by(CreditNote.id).limit(MOST_INVOICES)):
        found.setdefault(note.invoice_id, []).append(note)
    return found


def credit(customer: Customer) -> list[CreditBalance]:
    """What a customer is owed, one for each currency in which that is something."""
    wanted = select(CreditBalance).where(
        CreditBalance.organization_id == customer.organization_id,
        CreditBalance.customer_id == customer.id,
        CreditBalance.amount > 0,
    )
    found: list[CreditBalance] = glance(
        (CreditBalance, customer.id), lambda: list(db.session.scalars(wanted.order_by(CreditBalance.currency)))
    )
    return found


def setup_amount(found: Subscription) -> int:
    """What a card is likely to be charged, minor units: by that the account is chosen that stores it."""
    return max(plans.of(found).total, minimums.least(found.currency))
