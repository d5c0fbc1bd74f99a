"""What an organization's owners are told by mail when somebody has to answer a dispute."""

from __future__ import annotations

from sqlalchemy import select

from ballast import config
from ballast.billing import dispute_reasons
from ballast.db import db
from ballast.models import Dispute, Organization, Payment
from ballast.models.identity import owners_of
from ballast.money import format_money
from ballast.notifications import emails
from ballast.templating import show_date


def send(payment: Payment, dispute: Dispute, number: int, is_inquiry: bool) -> None:
    """Tell each owner, once a round. `number`: how often the money has gone. In the caller's transaction."""
    organization = db.session.scalars(select(Organization).where(Organization.id == dispute.organization_id)).one()
    shown = format_money(dispute.amount, dispute.currency)
    context = {
        "organization": organization,
        "payment": payment,
        "dispute": dispute,
        "reason": dispute_reasons.read(dispute.reason),
        "is_inquiry": is_inquiry,
        "dispute_url": f"{config.current().public_url}/admin/disputes/{dispute.id}",
    }
    until = f": answer by {show_date(dispute.due_at, organization.timezone)}" if dispute.due_at else ""
    said = f"A bank asks about a payment of {shown}" if is_inquiry else f"A payment of {shown} is disputed"
    for _member, owner in db.session.execute(owners_of(dispute.organization_id)):
        emails.compose(
            dispute.organization_id,
            "dispute",
            owner.email,
            said + until,
            f"dispute/{dispute.id}/{number}/{owner.id}",
            payment.id,
            context,
        )
