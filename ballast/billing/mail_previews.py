"""The mails about subscriptions and plans as a customer gets them, with an example's data and the organization's name and looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ballast import config
from ballast.billing import branding
from ballast.billing.financing import agreement_letters
from ballast.billing.financing import letters as plan_letters
from ballast.billing.financing.mail_examples import ITEM, example
from ballast.billing.subscriptions import letters
from ballast.billing.subscriptions.plan import Plan
from ballast.clock import now
from ballast.models import (
    Customer,
    FinancingAgreement,
    Installment,
    Invoice,
    Order,
    Organization,
    PaymentMethod,
    Subscription,
)
from ballast.templating import environment

SUBJECTS = letters.SUBJECTS | agreement_letters.SUBJECTS | plan_letters.SUBJECTS

# What a subscription is when it is written of so; active otherwise.
STATUSES = {
    "trial_ending": "trialing",
    "charge_failed": "past_due",
    "action_needed": "past_due",
    "subscription_unpaid": "unpaid",
    "subscription_canceled": "canceled",
    "subscription_defaulted": "defaulted",
}


@dataclass(frozen=True)
class Preview:
    """A mail of a kind."""

    subject: str
    html: str
    text: str


def kinds() -> dict[str, str]:
    """Every kind of mail, with its subject for an example."""
    return {kind: _subject(subject, "Your shop") for kind, subject in SUBJECTS.items()}


def _subject(subject: str, shop: str) -> str:
    return subject.format(product="Coffee club", item=ITEM, shop=shop)


def render(organization: Organization, kind: str) -> Preview:
    """The mail, about somebody who does not exist. Nothing is written. Raises KeyError for a kind there is not."""
    shop = organization.shop_name or organization.name
    subject = _subject(SUBJECTS[kind], shop)
    is_plan = kind in plan_letters.SUBJECTS
    context = example(organization, kind) if is_plan else _example(organization, kind)
    html = environment().get_template(f"emails/{kind}.html").render(**context)
    return Preview(subject, html, environment().get_template(f"emails/{kind}.txt").render(**context))


def _example(organization: Organization, kind: str) -> dict[str, Any]:
    """What a letter of this kind is given. The rows are of no session: nothing of them is ever stored."""
    currency, tz = organization.currency, organization.timezone
    shop = organization.shop_name or organization.name
    base, ends = config.current().public_url, now() + timedelta(days=3)
    subscription = Subscription(
        organization_id=organization.id,
        status=STATUSES.get(kind, "active"),
        currency=currency,
        timezone=tz,
        quantity=3,
        current_period_start=now() - timedelta(days=27),
        current_period_end=ends,
        trial_end_at=ends,
        ended_at=now(),
        canceled_at=now(),
        cancel_at_period_end=False,
    )
    invoice = Invoice(
        organization_id=organization.id,
        number="EXAMPLE-000042",
        currency=currency,
        status="open",
        billing_reason="subscription_cycle",
        total=5400,
        amount_due=5400,
        amount_paid=0,
        failures=1,
        next_attempt_at=ends,
        created_at=now(),
        finalized_at=now(),
    )
    return _example_plan(organization) | {
        "organization": organization,
        "brand": branding.of(organization),
        "customer": Customer(organization_id=organization.id, name="Ada Okafor", email="ada@example.com"),
        "subscription": subscription,
        "plan": Plan("", "Coffee club", 1800, currency, "month", 1, 0, 0, 3),
        "invoice": invoice,
        "card": PaymentMethod(brand="visa", last4="4242", exp_month=ends.month, exp_year=ends.year),
        "amount": 5400,
        "charge_at": ends,
        "consent": f"You agree to pay for Coffee club each month until you cancel. {shop} charges the card you gave.",
        "decline_class": "authentication" if kind == "action_needed" else "soft",
        "pay_url": f"{base}/invoices/example",
        "why_url": f"{base}/charges/example",
        "manage_url": f"{base}/subscriptions/example",
    }


def _example_plan(organization: Organization) -> dict[str, Any]:
    """Four quarters of 640.00, the first paid at once."""
    today, base = now().date(), config.current().public_url
    terms = {"down_payment": 16000, "fee_upfront": 0, "apr": "0.00", "finance_charge": 0, "amount_financed": 48000}
    agreement = FinancingAgreement(
        organization_id=organization.id,
        status="active",
        currency=organization.currency,
        timezone=organization.timezone,
        price=64000,
        down_payment=16000,
        terms=terms | {"total_of_payments": 48000, "total_sale_price": 64000},
        consented_at=now(),
    )
    installments = [
        Installment(
            number=number,
            status="scheduled",
            due_on=today + timedelta(days=30 * number),
            principal=16000,
            interest=0,
            late_fee=0,
        )
        for number in (1, 2, 3)
    ]
    return {
        "agreement": agreement,
        "installments": installments,
        "order": Order(id="ord_01kbe8wv6pe2r9f3x7m5d0t1ad", currency=organization.currency, amount=64000),
        "plan_url": f"{base}/plans/example",
        "pdf_url": f"{base}/plans/example/disclosure.pdf",
    }
