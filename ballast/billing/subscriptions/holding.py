"""The end of a hold on a customer's charges (a ban), as invoices feel it: dunning goes on where it stood, nothing comes all at once.

While it lasts no sweep takes an invoice of theirs, so its date stays. The transaction that ends it moves the dates: before
its commit nothing of it happened, after it all did. What of a subscription's periods waited is `rolling`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from ballast import audit
from ballast.billing.subscriptions import letters, notices, reading, rows
from ballast.clock import now
from ballast.db import among, db
from ballast.identity import bans
from ballast.models import Invoice, Organization, Subscription

# A date that moves by less is not worth a mail.
NOTEWORTHY: Final = timedelta(days=1)
NOT_AT_ALL: Final = timedelta()
# After these the card is tried again on the day that an invoice waits for; after others its customer has been asked for another one.
TRIED_AGAIN: Final = ("soft", "configuration")


def unban(email: str, reason: str) -> bans.Effect:
    """Let a user in again, and what their ban held go on. Raises what `bans.unban` raises."""
    return bans.unban(email, reason, release)


def release(organization_id: str, customer_ids: Sequence[str], held_at: datetime) -> None:
    """Move what these customers, free from here on, are to be charged for. `held_at`: since when they were held, real time.

    In the caller's transaction, which works for the organization.
    """
    waiting = select(Invoice.id).where(
        Invoice.organization_id == organization_id,
        among(Invoice.customer_id, customer_ids),
        Invoice.status == "open",
        Invoice.subscription_id.is_not(None),
        Invoice.next_attempt_at.is_not(None),
    )
    owner = db.session.get_one(Organization, organization_id)
    since = held_at if owner.clock_at is None else None
    subscriptions, found = reading.lock_invoices(organization_id, db.session.scalars(waiting).all())
    for invoice in found:
        _release(subscriptions[invoice.subscription_id or ""], invoice, since)
    db.session.flush()


def _release(subscription: Subscription, invoice: Invoice, since: datetime | None) -> None:
    """What fell due meanwhile is due after the usual notice; what had been declined is as far into its schedule as before."""
    due_at = invoice.next_attempt_at
    if invoice.status != "open" or due_at is None:
        return  # it was paid, or taken, before it was locked
    was_missed = due_at <= now()
    later = _held_for(invoice, due_at, since) if invoice.first_failed_at else NOT_AT_ALL
    if was_missed:
        later = max(later, now() + rows.notice_of(subscription) - due_at)
    if not later:
        return
    _move(invoice, due_at, later)
    if (was_missed or later >= NOTEWORTHY) and _is_tried(invoice):
        letters.charge_moved(subscription, invoice)


def _held_for(invoice: Invoice, due_at: datetime, since: datetime | None) -> timedelta:
    """How long dunning stood still. A hold is in real time: by a clock of the organization's own (`since` is None) it is counted from
    when something fell due in it."""
    began = due_at if since is None else max(since, invoice.last_failed_at or since)
    return max(now() - began, NOT_AT_ALL)


def _move(invoice: Invoice, due_at: datetime, later: timedelta) -> None:
    invoice.next_attempt_at = due_at + later
    if invoice.first_failed_at is not None:
        invoice.first_failed_at += later
    if invoice.last_failed_at is not None:
        invoice.last_failed_at += later
    changes = audit.differences(
        {"next_attempt": due_at.isoformat()}, {"next_attempt": invoice.next_attempt_at.isoformat()}
    )
    audit.record(invoice.organization_id, "invoice.hold_released", "invoice", invoice.id, changes)


def _is_tried(invoice: Invoice) -> bool:
    if invoice.first_failed_at is None:
        return True
    last = notices.last_declined(invoice.organization_id, invoice.payment_id)
    return last is not None and last.decline_class in TRIED_AGAIN
