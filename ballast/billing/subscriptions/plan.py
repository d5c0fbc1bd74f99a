"""What a subscription bills: its price and quantity as lines of an invoice, for whole periods and for parts of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlalchemy import Select, case, func, select

from ballast.billing import catalog
from ballast.billing.pricing import Line
from ballast.billing.proration import remaining
from ballast.billing.subscriptions.periods import Rhythm
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import CreditNote, Invoice, InvoiceLine, Payment, Refund, Subscription
from ballast.models.states import HELD_REFUND
from ballast.models.subscriptions import MAX_SEATS
from ballast.money import MAX_AMOUNT, round_half_up


@dataclass(frozen=True)
class Plan:
    """A recurring price with its product's name, and how many of it. Plain data."""

    price_id: str
    product: str
    amount: int
    currency: str
    interval: str
    count: int
    setup_fee: int
    trial_days: int
    quantity: int

    @property
    def total(self) -> int:
        """What one period costs, minor units, before discount and tax."""
        return self.amount * self.quantity

    def rhythm(self, anchor_at: datetime, timezone: str) -> Rhythm:
        """How it repeats from an anchor."""
        return Rhythm(anchor_at, timezone, self.interval, self.count)

    def same_rhythm(self, other: Plan) -> bool:
        """Whether both repeat alike, so that a change keeps the anchor."""
        return (self.interval, self.count) == (other.interval, other.count)

    @property
    def name(self) -> str:
        return self.product if self.quantity == 1 else f"{self.product} × {self.quantity}"


def find(organization_id: str, price_id: str, quantity: int, *, archived: bool = False) -> Plan:
    """The plan of a recurring price. `archived`: one that is no longer sold will do, for those who have it.

    Raises InvalidRequest(`price_unknown`, `price_not_recurring`, `quantity_invalid`).
    """
    if not 1 <= quantity <= MAX_SEATS:
        raise InvalidRequest("quantity_invalid", f"Choose a quantity from 1 to {MAX_SEATS}.", param="quantity")
    price, product = catalog.sold(organization_id, price_id, archived=archived)
    if price.interval is None:
        raise InvalidRequest("price_not_recurring", "A subscription needs a recurring price.", param="price")
    if price.amount * quantity > MAX_AMOUNT:
        raise InvalidRequest("quantity_invalid", "So many come to more than can be charged.", param="quantity")
    return Plan(
        price_id=price.id,
        product=product.name,
        amount=price.amount,
        currency=price.currency,
        interval=price.interval,
        count=price.interval_count,
        setup_fee=price.setup_fee,
        trial_days=price.trial_days,
        quantity=quantity,
    )


def of(subscription: Subscription) -> Plan:
    """The plan a subscription is on."""
    return find(subscription.organization_id, subscription.price_id, subscription.quantity, archived=True)


def period_line(plan: Plan, start: datetime, end: datetime) -> Line:
    """A whole period."""
    return Line(
        description=plan.product,
        quantity=plan.quantity,
        unit_amount=plan.amount,
        amount=plan.total,
        price_id=plan.price_id,
        period_start=start,
        period_end=end,
    )


def setup_line(plan: Plan) -> Line:
    """The set-up fee, once."""
    return Line(f"Set-up of {plan.product}", 1, plan.setup_fee, plan.setup_fee, price_id=plan.price_id)


def rest_line(plan: Plan, start: datetime, end: datetime, at: datetime) -> Line:
    """The rest of a period, from `at` on, to the second."""
    return Line(
        description=f"Remaining time on {plan.name}",
        quantity=plan.quantity,
        unit_amount=plan.amount,
        amount=remaining(plan.total, start, end, at),
        price_id=plan.price_id,
        period_start=at,
        period_end=end,
        is_proration=True,
    )


def unused_lines(subscription: Subscription, plan: Plan, at: datetime) -> list[Line]:
    """Credit for what of the present period was billed and is not used at `at`: of what was billed, after its discount, and has not
    gone back already."""
    billed = _billed(subscription, at)
    if billed is None:
        return []
    line, invoice = billed
    assert line.period_start, "only lines with a period are asked for"
    assert line.period_end, "only lines with a period are asked for"
    net = line.amount - line.discount
    kept = invoice.total - invoice.amount_credited - _refunded(invoice)
    if invoice.total > 0:
        net = min(net, round_half_up(Fraction(net * max(kept, 0), invoice.total)))
    back = remaining(net, line.period_start, line.period_end, at)
    if not back:
        return []
    return [
        Line(
            description=f"Unused time on {plan.name}",
            quantity=1,
            unit_amount=-back,
            amount=-back,
            price_id=line.price_id,
            period_start=at,
            period_end=line.period_end,
            is_proration=True,
            discountable=False,
        )
    ]


def _refunded(invoice: Invoice) -> int:
    """What of the invoice's payment has gone back by a refund that no credit note stands for, or is on its way."""
    noted = select(CreditNote.refund_id).where(
        CreditNote.organization_id == invoice.organization_id,
        CreditNote.invoice_id == invoice.id,
        CreditNote.refund_id.is_not(None),
    )
    # Of a payment that paid an order too, what is the invoice's.
    own = case((Payment.amount > invoice.amount_due, Refund.of_invoice), else_=Refund.amount)
    joined = (Payment.organization_id == Refund.organization_id) & (Payment.id == Refund.payment_id)
    wanted = select(func.coalesce(func.sum(own), 0)).join(Payment, joined)
    wanted = wanted.where(
        Refund.organization_id == invoice.organization_id,
        Refund.payment_id == invoice.payment_id,
        Refund.late_success_id.is_(None),
        Refund.status.in_(HELD_REFUND),
        Refund.id.not_in(noted),
    )
    return int(db.session.scalar(wanted) or 0) if invoice.payment_id else 0


def changed_at(subscription: Subscription) -> datetime:
    """Since when the present period is billed as it is: its beginning, or the newest change within it."""
    lines = _charges(subscription).order_by(InvoiceLine.period_start.desc()).limit(1)
    newest = db.session.execute(lines).first()
    start: datetime | None = newest[0].period_start if newest else None
    return start or subscription.current_period_start.replace(microsecond=0)


def _billed(subscription: Subscription, at: datetime) -> tuple[InvoiceLine, Invoice] | None:
    """The newest charge for the time around `at`, and its invoice: the period's own line, or the rest of it since the last change.

    Only what was paid: a voided or given up invoice gives nothing back.
    """
    around = _charges(subscription).where(InvoiceLine.period_start <= at, InvoiceLine.period_end > at)
    newest = around.order_by(InvoiceLine.period_start.desc(), InvoiceLine.id.desc()).limit(1)
    found = db.session.execute(newest).first()
    return (found[0], found[1]) if found else None


def _charges(subscription: Subscription) -> Select[InvoiceLine, Invoice]:
    """What was paid for times up to the end of the present period."""
    joined = (Invoice.organization_id == InvoiceLine.organization_id) & (Invoice.id == InvoiceLine.invoice_id)
    return (
        select(InvoiceLine, Invoice)
        .join(Invoice, joined)
        .where(
            Invoice.organization_id == subscription.organization_id,
            Invoice.subscription_id == subscription.id,
            Invoice.status == "paid",
            InvoiceLine.amount >= 0,
            InvoiceLine.period_start.is_not(None),
            InvoiceLine.period_end == subscription.current_period_end,
        )
    )
