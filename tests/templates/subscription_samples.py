"""Sample contexts of the mails about subscriptions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace as Row
from typing import Any

from tests.templates.samples import NOW, SHOP, Context

PLAN = Row(
    product="Coffee club",
    name="Coffee club × 3",
    amount=1800,
    total=5400,
    currency="USD",
    quantity=3,
    interval="month",
    count=1,
)
BASE: Context = {
    "organization": SHOP,
    "customer": Row(name="Ada Okafor", email="ada@example.com"),
    "plan": PLAN,
    "why_url": "http://127.0.0.1:8000/charges/t0k3n",
    "manage_url": "http://127.0.0.1:8000/subscriptions/t0k3n",
    "pay_url": "http://127.0.0.1:8000/invoices/t0k3n",
}


def _subscription(**changes: Any) -> Row:
    fields: Context = {
        "id": "sub_01kbe8wv6pe2r9f3x7m5d0t1ac",
        "status": "active",
        "currency": "USD",
        "timezone": "America/New_York",
        "current_period_end": NOW + timedelta(days=12),
        "ended_at": None,
    }
    return Row(**(fields | changes))


def _invoice(**changes: Any) -> Row:
    fields: Context = {"number": "ACME-000042", "amount_due": 5400, "currency": "USD", "next_attempt_at": None}
    return Row(**(fields | changes))


def subscription_samples() -> Iterator[tuple[str, str, Context]]:
    late = BASE | {"subscription": _subscription(status="past_due")}
    retried = _invoice(next_attempt_at=NOW + timedelta(days=3))
    over = BASE | {"subscription": _subscription(ended_at=NOW), "invoice": _invoice()}
    told = BASE | {"subscription": _subscription()}
    coming = told | {"amount": 5400, "charge_at": NOW + timedelta(days=3), "invoice": None}
    card = Row(brand="visa", last4="4242", exp_month=2, exp_year=2027)
    for ending in ("html", "txt"):
        yield f"emails/charge_failed.{ending}", "soft", late | {"invoice": retried, "decline_class": "soft"}
        yield f"emails/charge_failed.{ending}", "hard", late | {"invoice": retried, "decline_class": "hard"}
        yield f"emails/charge_failed.{ending}", "last", late | {"invoice": _invoice(), "decline_class": "soft"}
        yield f"emails/action_needed.{ending}", "asked", late | {"invoice": _invoice()}
        yield f"emails/upcoming_charge.{ending}", "soon", coming
        yield f"emails/trial_ending.{ending}", "soon", coming
        yield f"emails/card_expiring.{ending}", "soon", told | {"card": card}
        yield f"emails/plan_changed.{ending}", "paid", told | {"invoice": _invoice()}
        yield f"emails/plan_changed.{ending}", "free", told | {"invoice": None}
        for status in ("canceled", "defaulted", "unpaid"):
            yield f"emails/subscription_{status}.{ending}", status, over
