"""What a customer sees of themselves: their subscriptions, what comes next, what was billed, and the plans they may change to."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from ballast.billing import minimums
from ballast.billing.subscriptions import forecasting, rows
from ballast.billing.subscriptions import plan as plans
from ballast.billing.subscriptions.forecasting import Forecast
from ballast.db import db
from ballast.errors import NotFound
from ballast.models import CreditBalance, CreditNote, Customer, Invoice, PaymentMethod, Price, Subscription
from ballast.models.states import RENEWING
from ballast.models.subscriptions import subscriptions_of

# How much of the past is shown; a customer with more asks the shop.
MOST_INVOICES = 100


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
    held = [_held(one, customer) for one in found if one.status != "incomplete_expired"]
    return sorted(held, key=lambda one: one.has_ended)


def customer_of(found: Subscription) -> Customer:
    """Whose it is."""
    return rows.customer_of_row(found)


def subscription(customer: Customer, subscription_id: str) -> Held:
    """One of a customer's subscriptions. Raises NotFound for anybody else's."""
    found = rows.find(customer.organization_id, subscription_id)
    if found.customer_id != customer.id:
        raise NotFound("subscription", subscription_id)
    return _held(found, customer)


def _held(found: Subscription, customer: Customer) -> Held:
    return Held(
        found,
        plans.of(found),
        rows.card_of_row(found, customer),
        _upcoming(found),
        _open_invoices(found),
        _pending(found),
        len(prices(found)) - 1,
    )


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


def _open_invoices(found: Subscription) -> list[Invoice]:
    wanted = select(Invoice).where(
        Invoice.organization_id == found.organization_id,
        Invoice.subscription_id == found.id,
        Invoice.status.in_(("open", "uncollectible")),
    )
    return list(db.session.scalars(wanted.order_by(Invoice.id)))


def prices(found: Subscription) -> list[Price]:
    """What it may be changed to: the prices of its product that are sold in its currency, its own first."""
    own = db.session.get_one(Price, (found.organization_id, found.price_id))
    wanted = select(Price).where(
        Price.organization_id == found.organization_id,
        Price.product_id == own.product_id,
        Price.kind == "recurring",
        Price.currency == found.currency,
        Price.archived_at.is_(None),
        Price.id != own.id,
    )
    return [own, *db.session.scalars(wanted.order_by(Price.amount, Price.id))]


def invoices(customer: Customer) -> list[Invoice]:
    """What a customer was billed, newest first."""
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
    return list(db.session.scalars(wanted.order_by(CreditBalance.currency)))


def setup_amount(found: Subscription) -> int:
    """What a card is likely to be charged, minor units: by that the account is chosen that stores it."""
    return max(plans.of(found).total, minimums.least(found.currency))
