"""What an organization's owners are told by mail of a payment whose outcome nobody has known for an hour."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from ballast import config
from ballast.clock import real_time
from ballast.db import db
from ballast.models import Attempt, Organization, Payment
from ballast.models.identity import owners_of
from ballast.money import format_money
from ballast.notifications import emails

AFTER: Final = timedelta(hours=1)


def send_if_old(payment: Payment, attempt: Attempt) -> None:
    """Tell each owner, once, if it has been open for that long. In the caller's transaction."""
    since = attempt.submitted_at or attempt.send_deadline_at
    if real_time() - since < AFTER:
        return
    organization = db.session.scalars(select(Organization).where(Organization.id == attempt.organization_id)).one()
    context = {
        "organization": organization,
        "payment": payment,
        "attempt": attempt,
        "since": since,
        "attempt_url": f"{config.current().public_url}/admin/radar/unknown/{attempt.id}",
    }
    subject = f"No answer yet about a payment of {format_money(payment.amount, payment.currency)}"
    for _member, owner in db.session.execute(owners_of(attempt.organization_id)):
        key = f"payment_unknown/{attempt.id}/{owner.id}"
        emails.compose(attempt.organization_id, "payment_unknown", owner.email, subject, key, payment.id, context)
