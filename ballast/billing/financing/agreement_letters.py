"""What a customer is told by mail as their plan begins: written in the transaction of the fact, once."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from ballast import config
from ballast.billing import branding, portal_links
from ballast.billing.financing import rows
from ballast.db import db
from ballast.models import Customer, FinancingAgreement, Order, Organization
from ballast.notifications import emails

SUBJECTS: Final = {
    "agreement": "Your payment plan with {shop}",
    "plan_card_needed": "Please add a card for your payment plan",
}


def agreed(agreement: FinancingAgreement) -> None:
    """The plan runs: what was agreed to, the schedule, and the disclosure to keep."""
    _send(agreement, "agreement", f"agreement/{agreement.id}")


def card_needed(agreement: FinancingAgreement) -> None:
    """The card could not be stored, so there is none to charge the payments to."""
    _send(agreement, "plan_card_needed", f"plan_card_needed/{agreement.id}")


def page_url(agreement: FinancingAgreement) -> str:
    """The agreement's own page, for whoever holds its token."""
    return f"{config.current().public_url}/plans/{agreement.token}"


def _send(agreement: FinancingAgreement, kind: str, key: str) -> None:
    organization_id = agreement.organization_id
    customer = db.session.get_one(Customer, (organization_id, agreement.customer_id))
    order = db.session.get_one(Order, (organization_id, agreement.order_id))
    recipient = customer.email or order.email
    if not recipient or customer.erased_at:
        return
    organization = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
    brand = branding.of(organization)
    url = page_url(agreement)
    context = {
        "organization": organization,
        "brand": brand,
        "customer": customer,
        "order": order,
        "agreement": agreement,
        "installments": rows.installments(agreement),
        "plan_url": url,
        "pdf_url": f"{url}/disclosure.pdf",
        "manage_url": portal_links.url(organization_id, customer.id),
    }
    subject = SUBJECTS[kind].format(shop=brand.name)
    emails.compose(organization_id, kind, recipient, subject, key, agreement.id, context)
