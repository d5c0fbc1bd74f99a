"""What is due for one subscription, done while somebody waits for it: the sweepers' own steps, whoever's clock it lives by."""

from __future__ import annotations

from sqlalchemy import select

from ballast.billing.subscriptions import collecting, rolling
from ballast.clock import now
from ballast.db import db, end_reading
from ballast.models import Invoice


def run_due(organization_id: str, subscription_id: str) -> None:
    """Begin the period that is due and charge what is due. A sweep at the same time meets at the row's lock."""
    end_reading()
    rolling.roll(organization_id, subscription_id)
    wanted = select(Invoice.id).where(
        Invoice.organization_id == organization_id,
        Invoice.subscription_id == subscription_id,
        Invoice.status == "open",
        Invoice.next_attempt_at <= now(),
    )
    due = list(db.session.scalars(wanted.order_by(Invoice.id)))
    end_reading()
    for invoice_id in due:
        collecting.collect(organization_id, invoice_id)
