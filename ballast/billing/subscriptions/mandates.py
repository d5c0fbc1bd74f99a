"""Indian cards: a recurring debit in INR runs on an e-mandate. Source: RBI, e-mandates on cards; see docs/subscriptions.md.

Registered with the first payment, which the holder confirms. A debit above the ceiling needs the holder each time; one below it is
announced 24 hours ahead.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from ballast.clock import now
from ballast.db import db
from ballast.models import Email, Invoice, PaymentMethod

CURRENCY: Final = "INR"
CEILING: Final = 1_500_000
NOTICE: Final = timedelta(hours=24)


def needs_holder(invoice: Invoice, card: PaymentMethod) -> bool:
    """Whether the amount is above what may be debited without the card's holder, or nobody can be told of it ahead."""
    if invoice.currency != CURRENCY:
        return False
    return not invoice.customer_email or invoice.amount_due > (
        CEILING if card.mandate_ceiling is None else card.mandate_ceiling
    )


def may_debit_at(invoice: Invoice) -> datetime:
    """When a debit may be made: a day after it was announced; now for other currencies."""
    if invoice.currency != CURRENCY:
        return now()
    told = select(Email.created_at).where(
        Email.organization_id == invoice.organization_id,
        Email.kind == "upcoming_charge",
        Email.resource_id == invoice.subscription_id,
        Email.dedupe_key == notice_key("upcoming_charge", invoice.subscription_id, invoice.period_start),
    )
    announced = db.session.scalars(told).first()
    return (announced or now()) + NOTICE


def notice_key(kind: str, subscription_id: str | None, period_start: datetime | None) -> str:
    """Under which key the announcement of a period's charge is written."""
    return f"{kind}/{subscription_id}/{period_start.isoformat() if period_start else ''}"
