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
from ballast.models import Email, PaymentMethod

CURRENCY: Final = "INR"
CEILING: Final = 1_500_000
NOTICE: Final = timedelta(hours=24)


def needs_holder(currency: str, email: str | None, amount: int, card: PaymentMethod) -> bool:
    """Whether the amount (minor units) is above what may be debited without the card's holder, or nobody can be told of it ahead."""
    if currency != CURRENCY:
        return False
    return not email or amount > (CEILING if card.mandate_ceiling is None else card.mandate_ceiling)


def may_debit_at(organization_id: str, currency: str, key: str) -> datetime:
    """When a debit may be made: a day after the mail under this key announced it; now for other currencies."""
    if currency != CURRENCY:
        return now()
    told = select(Email.created_at).where(Email.organization_id == organization_id, Email.dedupe_key == key)
    announced = db.session.scalars(told).first()
    return (announced or now()) + NOTICE


def notice_key(kind: str, subscription_id: str | None, period_start: datetime | None) -> str:
    """Under which key the announcement of a period's charge is written."""
    return f"{kind}/{subscription_id}/{period_start.isoformat() if period_start else ''}"
