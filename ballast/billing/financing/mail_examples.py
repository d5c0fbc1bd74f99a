"""What the mails about plans are given when somebody wants to see one, about a customer who does not exist. Nothing is written."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from ballast import config
from ballast.billing import branding
from ballast.billing.financing.letters import Part
from ballast.clock import now
from ballast.models import Customer, FinancingAgreement, Organization, PaymentMethod

ITEM = "Espresso machine"


def example(organization: Organization, kind: str) -> dict[str, Any]:
    """What a letter of this kind is given. The rows are of no session: nothing of them is ever stored."""
    base, today = config.current().public_url, now().date()
    expires = today + timedelta(days=7)
    return {
        "organization": organization,
        "brand": branding.of(organization),
        "customer": Customer(organization_id=organization.id, name="Ada Okafor", email="ada@example.com"),
        "agreement": FinancingAgreement(currency=organization.currency, timezone=organization.timezone),
        "item": ITEM,
        "card": PaymentMethod(brand="visa", last4="4242", exp_month=expires.month, exp_year=expires.year),
        "plan_url": f"{base}/plans/example",
        "manage_url": f"{base}/portal/example/plans/example",
        **_of_kind(kind, today),
    }


def _of_kind(kind: str, today: date) -> dict[str, Any]:
    soon, part = today + timedelta(days=3), Part(2, 4, today, 16000)
    late = Part(2, 4, today - timedelta(days=1), 16000)
    examples: dict[str, dict[str, Any]] = {
        "installment_upcoming": {"part": Part(2, 4, soon, 16000), "charge_on": soon},
        "installment_failed": {"part": part, "decline_class": "soft", "retry_on": soon},
        "installment_late": {
            "part": late,
            "stage": "late",
            "fee": 500,
            "added": 0,
            "grace_on": today + timedelta(days=9),
        },
        "agreement_defaulted": {"owed": 49000, "due": 33000},
        "agreement_charged_off": {"owed": 49000},
        "agreement_settled": {"amount": 30000, "let_off": 19000},
        "agreement_dates_moved": {
            "parts_left": [Part(number, 4, today + timedelta(days=30 * number), 16000) for number in (3, 4)]
        },
    }
    return examples.get(kind, {"part": part, "paid": 64000})
