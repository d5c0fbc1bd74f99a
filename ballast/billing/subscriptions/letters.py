"""What a customer is told about a subscription, by mail: written in the transaction of the fact, from the state it leaves, once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from ballast import config
from ballast.billing import branding, explanation_links, portal_links
from ballast.billing.subscriptions import mandates
from ballast.billing.subscriptions import plan as plans
from ballast.clock import now
from ballast.db import db
from ballast.models import Attempt, Customer, Invoice, Organization, PaymentMethod, Subscription
from ballast.notifications import emails


def charge_failed(subscription: Subscription, invoice: Invoice, decline_class: str, attempt: Attempt | None) -> None:
    """A charge did not work: what will happen and when. Nothing for suspected fraud: whoever holds the card learns nothing from us."""
    if decline_class == "fraud":
        return
    kind = "action_needed" if decline_class == "authentication" else "charge_failed"
    key = f"{kind}/{invoice.id}/{attempt.id if attempt else invoice.failures}"
    _send(subscription, kind, key, invoice=invoice, decline_class=decline_class)


def action_needed(subscription: Subscription, invoice: Invoice) -> None:
    """The bank asks for its customer's confirmation."""
    key = f"action_needed/{invoice.id}/{invoice.failures}"
    _send(subscription, "action_needed", key, invoice=invoice, decline_class="authentication")


def plan_changed(subscription: Subscription, invoice: Invoice | None) -> None:
    """Another price or quantity is in force."""
    key = f"plan_changed/{invoice.id}" if invoice else f"plan_changed/{subscription.id}/{now().isoformat()}"
    _send(subscription, "plan_changed", key, invoice=invoice)


def started(subscription: Subscription, consent: str) -> None:
    """It has begun at a checkout: what was agreed to, and the way to manage it."""
    _send(subscription, "subscription_started", f"started/{subscription.id}", consent=consent, invoice=None)


def ended(subscription: Subscription, invoice: Invoice | None = None) -> None:
    """It is canceled, or it has defaulted."""
    _send(
        subscription, f"subscription_{subscription.status}", f"{subscription.status}/{subscription.id}", invoice=invoice
    )


def coming(subscription: Subscription, kind: str, amount: int, at: datetime) -> None:
    """A charge is coming, or a trial is ending: how much (minor units) and when. Once for each period."""
    key = mandates.notice_key(kind, subscription.id, at)
    _send(subscription, kind, key, amount=amount, charge_at=at)


def card_expiring(subscription: Subscription, card: PaymentMethod, days: int) -> None:
    """The card it is charged to expires in at most `days` days."""
    _send(subscription, "card_expiring", f"card_expiring/{card.id}/{subscription.id}/{days}", card=card)


def notice_key(subscription: Subscription, invoice: Invoice) -> str:
    """Under which key the charge of an invoice's period is announced."""
    return mandates.notice_key("upcoming_charge", subscription.id, invoice.period_start)


def upcoming_charge(subscription: Subscription, invoice: Invoice) -> None:
    """A card in INR is about to be debited: its holder is told a day ahead."""
    _send(
        subscription,
        "upcoming_charge",
        notice_key(subscription, invoice),
        invoice=invoice,
        amount=invoice.amount_due,
        charge_at=now() + mandates.NOTICE,
    )


def charge_moved(subscription: Subscription, invoice: Invoice) -> None:
    """A hold on their charges is over: when their card is charged now."""
    at = invoice.next_attempt_at
    assert at is not None, "it is charged on a day"
    key = f"charge_moved/{invoice.id}/{at.isoformat()}"
    _send(subscription, "upcoming_charge", key, invoice=invoice, amount=invoice.amount_due, charge_at=at)


def _send(subscription: Subscription, kind: str, key: str, **detail: Any) -> None:
    organization_id = subscription.organization_id
    customer = db.session.get_one(Customer, (organization_id, subscription.customer_id))
    if not customer.email or customer.erased_at:
        return
    organization = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
    base = config.current().public_url
    invoice = detail.get("invoice")
    context = {
        "organization": organization,
        "customer": customer,
        "subscription": subscription,
        "plan": plans.of(subscription),
        "pay_url": f"{base}/invoices/{invoice.token}" if invoice else None,
        "why_url": explanation_links.url(organization_id, invoice.id) if invoice else None,
        "manage_url": portal_links.url(organization_id, customer.id),
        "brand": branding.of(organization),
        **detail,
    }
    subject = SUBJECTS[kind].format(shop=organization.shop_name or organization.name, product=context["plan"].product)
    emails.compose(organization_id, kind, customer.email, subject, key, subscription.id, context)


SUBJECTS = {
    "subscription_started": "Your {product} subscription",
    "trial_ending": "Your {product} trial ends soon",
    "card_expiring": "Your card for {product} expires soon",
    "upcoming_charge": "Your next payment for {product}",
    "subscription_unpaid": "Your {product} subscription is on hold",
    "charge_failed": "We couldn't charge your card for {product}",
    "action_needed": "Please confirm your payment for {product}",
    "plan_changed": "Your {product} plan has changed",
    "subscription_canceled": "Your {product} subscription is canceled",
    "subscription_defaulted": "Your {product} subscription has ended",
}
