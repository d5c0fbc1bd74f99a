"""Everything there is to know of one subscription, read for a person: a fixed number of statements, however much there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select

from ballast.billing import budgets, coupons, invoices
from ballast.billing.subscriptions import dunning, forecasting, rows, settling, telling
from ballast.billing.subscriptions import plan as plans
from ballast.billing.subscriptions.dunning import Dunning
from ballast.billing.subscriptions.forecasting import Forecast
from ballast.db import db, know
from ballast.errors import NotFound
from ballast.models import (
    Attempt,
    BillingSettings,
    Coupon,
    Customer,
    Email,
    Event,
    Invoice,
    PaymentMethod,
    Price,
    Product,
    PromotionCode,
    Subscription,
)
from ballast.models.invoices import invoices_of_subscription
from ballast.money import format_money

MOST_EVENTS = 60
MOST_MAILS = 40
MOST_INVOICES = 24


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `about`: the id of the invoice it concerns."""

    at: datetime
    key: str
    tone: str
    title: str
    note: str = ""
    about: str | None = None
    mail: Email | None = None


@dataclass(frozen=True)
class Budget:
    """How often a card may be tried for an amount. `free_at`: None for now."""

    amount: int
    meters: list[budgets.Meter]
    is_blocked: bool
    free_at: datetime | None


@dataclass(frozen=True)
class History:
    """A subscription with what belongs to it. `coming`: the next invoice, None where none is to come."""

    subscription: Subscription
    customer: Customer
    plan: plans.Plan
    pending: plans.Plan | None
    card: PaymentMethod | None
    coupon: Coupon | None
    code: PromotionCode | None
    coming: Forecast | None
    budget: Budget | None
    dunning: Dunning | None
    invoices: list[Invoice]
    entries: list[Entry]

    @property
    def owed(self) -> int:
        """Minor units of its open invoices."""
        return sum(invoice.amount_due for invoice in self.invoices if invoice.status == "open")


def read(subscription: Subscription) -> History:
    """All of it, as it is now. In a request that looks, so that what several parts need is read once."""
    organization_id = subscription.organization_id
    beside = _beside(subscription)  # the session keeps what it has read only as long as somebody holds it
    customer = rows.customer_of_row(subscription)
    card = rows.card_of_row(subscription, customer)
    found = list(db.session.scalars(invoices_of_subscription(organization_id, subscription.id).limit(MOST_INVOICES)))
    attempts = _attempts(found)
    coming = _coming(subscription)
    settings = invoices.settings(organization_id)
    owed = _owed(subscription, found)
    return History(
        subscription=subscription,
        customer=customer,
        plan=plans.of(subscription),
        pending=pending_of(subscription),
        card=card,
        coupon=coupons.coupon_in_force(subscription),
        code=_code(subscription),
        coming=coming,
        budget=_budget(card, owed, coming),
        dunning=dunning.read(owed, attempts, settings.retry_days, settings.end_status),
        invoices=found,
        entries=_entries(subscription, found, attempts, {beside.Price.id: beside.Product.name}),
    )


def _beside(subscription: Subscription) -> Any:
    """The rows next to it, in one statement, left where the rest looks for them one by one."""
    customer, card, price = Customer, PaymentMethod, Price

    def ours(model: Any, to: Any) -> Any:
        return and_(model.organization_id == Subscription.organization_id, to)

    wanted = (
        select(customer, card, price, Product, Coupon, PromotionCode, BillingSettings)
        .select_from(Subscription)
        .join(customer, ours(customer, customer.id == Subscription.customer_id))
        .join(price, ours(price, price.id == Subscription.price_id))
        .join(Product, ours(Product, Product.id == price.product_id))
        .outerjoin(
            card,
            ours(card, card.id == func.coalesce(Subscription.payment_method_id, customer.default_payment_method_id)),
        )
        .outerjoin(Coupon, ours(Coupon, Coupon.id == Subscription.coupon_id))
        .outerjoin(PromotionCode, ours(PromotionCode, PromotionCode.id == Subscription.promotion_code_id))
        .outerjoin(BillingSettings, BillingSettings.organization_id == Subscription.organization_id)
        .where(Subscription.organization_id == subscription.organization_id, Subscription.id == subscription.id)
    )
    row = db.session.execute(wanted).one()
    know((Price, subscription.organization_id, row.Price.id), (row.Price, row.Product))
    know((Coupon, subscription.coupon_id), row.Coupon)
    return row


def _owed(subscription: Subscription, newest: list[Invoice]) -> list[Invoice]:
    """Its invoices that were declined and are still open, oldest first: among the newest, where these are all it has."""
    if len(newest) == MOST_INVOICES:
        return list(db.session.scalars(settling.owed_of(subscription)))
    return [one for one in reversed(newest) if one.status == "open" and one.first_failed_at and one.change is None]


def pending_of(subscription: Subscription) -> plans.Plan | None:
    """The plan it is to be on from its renewal, where that is another one."""
    if subscription.pending_price_id is None and subscription.pending_quantity is None:
        return None
    price_id = subscription.pending_price_id or subscription.price_id
    quantity = subscription.pending_quantity or subscription.quantity
    return plans.find(subscription.organization_id, price_id, quantity, archived=True)


def budget_of(card: PaymentMethod, amount: int) -> Budget:
    """What the card's network allows for this amount (minor units)."""
    counted = budgets.meters(card, amount)
    return Budget(amount, counted, budgets.is_blocked(card), budgets.free_at(card, amount, counted))


def _budget(card: PaymentMethod | None, owed: list[Invoice], coming: Forecast | None) -> Budget | None:
    amount = owed[0].amount_due if owed else coming.figures.amount_due if coming else 0
    return budget_of(card, amount) if card is not None and amount else None


def _coming(subscription: Subscription) -> Forecast | None:
    try:
        return forecasting.upcoming(subscription)
    except NotFound:
        return None


def _code(subscription: Subscription) -> PromotionCode | None:
    if subscription.promotion_code_id is None:
        return None
    return db.session.get(PromotionCode, (subscription.organization_id, subscription.promotion_code_id))


def _attempts(found: list[Invoice]) -> list[Attempt]:
    """Of their payments, newest first."""
    paid_by = [invoice.payment_id for invoice in found if invoice.payment_id]
    if not paid_by:
        return []
    wanted = select(Attempt).where(Attempt.organization_id == found[0].organization_id, Attempt.payment_id.in_(paid_by))
    return list(db.session.scalars(wanted.order_by(Attempt.id.desc())))


# --- What happened -----------------------------------------------------------------------------------------------------------


def _entries(
    subscription: Subscription, found: list[Invoice], attempts: list[Attempt], names: dict[str, str]
) -> list[Entry]:
    """Newest first; what happened at the same instant in the order it was written: the ids tell. `names`: of prices known already."""
    entries = [*_told(subscription, names), *_mailed(subscription), *_billed(found), *_declined(found, attempts)]
    return sorted(entries, key=lambda entry: (entry.at, entry.key.rpartition("_")[2]), reverse=True)


def _told(subscription: Subscription, known: dict[str, str]) -> Iterator[Entry]:
    wanted = select(Event).where(
        Event.organization_id == subscription.organization_id, Event.resource_id == subscription.id
    )
    newest = list(db.session.scalars(wanted.order_by(Event.id.desc()).limit(MOST_EVENTS + 1)))
    names = known | _names(subscription.organization_id, telling.prices_in(newest) - known.keys())
    for event, before in zip(newest[:MOST_EVENTS], [*newest[1:], None], strict=False):
        said = telling.say(event, before.data if before else None, names, subscription.timezone)
        yield Entry(event.created_at, event.id, said.tone, said.title, said.note)


def _names(organization_id: str, price_ids: set[str]) -> dict[str, str]:
    if not price_ids:
        return {}
    joined = (Price.organization_id == Product.organization_id) & (Price.product_id == Product.id)
    wanted = select(Price.id, Product.name).join(Product, joined)
    wanted = wanted.where(Price.organization_id == organization_id, Price.id.in_(price_ids))
    return {row[0]: row[1] for row in db.session.execute(wanted)}


def _mailed(subscription: Subscription) -> Iterator[Entry]:
    wanted = select(Email).where(
        Email.organization_id == subscription.organization_id, Email.resource_id == subscription.id
    )
    for mail in db.session.scalars(wanted.order_by(Email.id.desc()).limit(MOST_MAILS)):
        yield Entry(mail.created_at, mail.id, "neutral", f"Mail: {mail.subject}", mail=mail)


def _billed(found: list[Invoice]) -> Iterator[Entry]:
    """Finalized, and paid or closed where that was at another time."""
    for invoice in found:
        amount = format_money(invoice.total, invoice.currency)
        begun = invoice.finalized_at or invoice.created_at
        ends = {"paid": ("success", "paid"), "void": ("neutral", "voided"), "uncollectible": ("danger", "given up")}
        ended_at = invoice.paid_at or invoice.closed_at
        if invoice.status in ends and ended_at:
            tone, verb = ends[invoice.status]
            yield Entry(ended_at, invoice.id, tone, f"Invoice {invoice.number} {verb}", amount, invoice.id)
        if ended_at != begun:
            yield Entry(begun, invoice.id, "accent", f"Invoice {invoice.number}", amount, invoice.id)


def _declined(found: list[Invoice], attempts: list[Attempt]) -> Iterator[Entry]:
    by_payment = {invoice.payment_id: invoice.id for invoice in found}
    for one in attempts:
        if one.status == "declined":
            said = f"{format_money(one.amount, one.currency)} declined"
            why = (one.decline_code or "no reason given").replace("_", " ")
            yield Entry(one.created_at, one.id, "danger", said, why.capitalize(), by_payment[one.payment_id])
