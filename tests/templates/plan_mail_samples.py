"""Sample contexts of the mails about plans in installments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace as Row

from tests.templates.samples import NOW, SHOP, Context

CARD = Row(brand="visa", last4="4242", exp_month=2, exp_year=2027)
BASE: Context = {
    "organization": SHOP,
    "customer": Row(name="Ada Okafor", email="ada@example.com"),
    "agreement": Row(currency="USD", timezone="America/New_York"),
    "item": "Espresso machine",
    "card": CARD,
    "plan_url": "http://127.0.0.1:8000/plans/t0k3n",
    "manage_url": "http://127.0.0.1:8000/portal/t0k3n",
}
DAY = NOW.date()
PART = Row(name="Payment 2 of 4", number=2, total=4, due_on=DAY, amount=16000)


def plan_mail_samples() -> Iterator[tuple[str, str, Context]]:
    part = BASE | {"part": PART}
    late = part | {"fee": 500, "added": 0, "grace_on": DAY + timedelta(days=10)}
    failed = part | {"decline_class": "soft", "retry_on": None}
    for ending in ("html", "txt"):
        yield f"emails/installment_upcoming.{ending}", "soon", part | {"charge_on": DAY}
        yield f"emails/installment_upcoming.{ending}", "no_card", part | {"charge_on": DAY, "card": None}
        yield f"emails/installment_failed.{ending}", "soft", failed | {"retry_on": DAY + timedelta(days=3)}
        yield f"emails/installment_failed.{ending}", "hard", failed | {"decline_class": "hard"}
        yield f"emails/installment_failed.{ending}", "last", failed
        yield f"emails/installment_action_needed.{ending}", "asked", part
        yield f"emails/installment_late.{ending}", "late", late | {"stage": "late"}
        yield f"emails/installment_late.{ending}", "fee", late | {"stage": "fee", "fee": 0, "added": 500}
        yield f"emails/installment_late.{ending}", "delinquent", late | {"stage": "delinquent", "fee": 0}
        yield f"emails/agreement_defaulted.{ending}", "whole", BASE | {"paid": 64000} | {"owed": 49000, "due": 33000}
        yield f"emails/agreement_paid_off.{ending}", "whole", BASE | {"paid": 64000}
        yield f"emails/agreement_settled.{ending}", "part", BASE | {"amount": 30000, "let_off": 19000}
        yield f"emails/agreement_charged_off.{ending}", "owed", BASE | {"owed": 49000}
        yield f"emails/agreement_dates_moved.{ending}", "two", BASE | {"parts_left": [PART, PART]}
        yield f"emails/agreement_card_expiring.{ending}", "soon", BASE
