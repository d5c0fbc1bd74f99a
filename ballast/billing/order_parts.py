"""What parts a payment has that pays an order and a subscription's first invoice together: its claims say so, and never change."""

from __future__ import annotations

from sqlalchemy import func, select

from ballast.db import db
from ballast.models import Claim, Payment


def of_order(payment: Payment) -> int:
    """Minor units of the payment that pay its order: goods in full, or what a plan for them has due at once."""
    return payment.amount - of_invoice(payment)


def of_invoice(payment: Payment) -> int:
    """Minor units of the payment that pay an invoice."""
    wanted = select(func.coalesce(func.sum(Claim.amount), 0)).where(
        Claim.organization_id == payment.organization_id, Claim.payment_id == payment.id, Claim.obligation == "period"
    )
    return int(db.session.scalar(wanted) or 0)


def is_mixed(payment: Payment) -> bool:
    """Whether it pays an order and an invoice."""
    return payment.order_id is not None and 0 < of_invoice(payment) < payment.amount
