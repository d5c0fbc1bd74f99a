"""What a subscription bills: its price and quantity as lines of an invoice, for whole periods and for parts of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from ballast.billing import catalog
from ballast.billing.pricing import Line
from ballast.billing.proration import remaining
from ballast.billing.subscriptions.periods import Rhythm
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import Invoice, InvoiceLine, Subscription
from ballast.models.subscriptions import MAX_SEATS
from ballast.money import MAX_AMOUNT


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
    """Credit for what of the present period was billed and is not used at `at`: of what was billed, after its discount."""
    lines = _billed(subscription, at)
    found = []
    for line in lines:
        assert line.period_start, "only lines with a period are asked for"
        assert line.period_end, "only lines with a period are asked for"
        back = remaining(line.amount - line.discount, line.period_start, line.period_end, at)
        if back:
            found.append(
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
            )
    return found


def _billed(subscription: Subscription, at: datetime) -> list[InvoiceLine]:
    """The newest charge for the time around `at`: the period's own line, or the rest of it since the last change.

    Only what was paid, or is still owed: a voided or given up invoice gives nothing back.
    """
    joined = (Invoice.organization_id == InvoiceLine.organization_id) & (Invoice.id == InvoiceLine.invoice_id)
    wanted = (
        select(InvoiceLine)
        .join(Invoice, joined)
        .where(
            Invoice.organization_id == subscription.organization_id,
            Invoice.subscription_id == subscription.id,
            Invoice.status == "paid",
            InvoiceLine.amount > 0,
            InvoiceLine.period_start <= at,
            InvoiceLine.period_end > at,
            InvoiceLine.period_end == subscription.current_period_end,
        )
        .order_by(InvoiceLine.period_start.desc(), InvoiceLine.id.desc())
        .limit(1)
    )
    return list(db.session.scalars(wanted))
