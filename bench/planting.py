"""Many subscriptions that fall due at once, each with a customer and a stored card of its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from ballast.ids import new_id
from ballast.models import Customer, PaymentMethod, ProcessorCustomer, Subscription

BATCH = 500
# Calls to the sandbox at once while cards are stored there.
PLANTERS = 4


def store_cards(sandbox_url: str, secret_key: str, customer: str, count: int) -> list[str]:
    """As many Visa cards, stored at the sandbox's Stripe for one of its customers."""
    http = threading.local()

    def store(_number: int) -> str:
        if not hasattr(http, "session"):
            http.session = requests.Session()
            http.session.trust_env = False
            http.session.headers["Authorization"] = f"Bearer {secret_key}"
        asked = {"type": "card", "card[token]": "tok_visa"}
        made = str(http.session.post(f"{sandbox_url}/v1/payment_methods", data=asked, timeout=30).json()["id"])
        path = f"{sandbox_url}/v1/payment_methods/{made}/attach"
        http.session.post(path, data={"customer": customer}, timeout=30).raise_for_status()
        return made

    with ThreadPoolExecutor(max_workers=PLANTERS) as pool:
        return list(pool.map(store, range(count)))


def alike(model: Subscription, card: PaymentMethod, token: str) -> list[Any]:
    """The rows of one more subscription like `model`, charged to `token`."""
    owner, customer_id, card_id = model.organization_id, new_id("cus"), new_id("pm")
    whose: dict[str, Any] = {"organization_id": owner, "customer_id": customer_id}
    return [
        Customer(organization_id=owner, id=customer_id, email=f"{customer_id}@example.com", name="One of many"),
        ProcessorCustomer(
            **whose, processor_account_id=card.processor_account_id, external_id=card.customer_external_id
        ),
        PaymentMethod(
            **whose,
            id=card_id,
            processor_account_id=card.processor_account_id,
            external_id=token,
            customer_external_id=card.customer_external_id,
            brand="visa",
            last4="4242",
        ),
        Subscription(
            **whose,
            id=new_id("sub"),
            status="active",
            payment_method_id=card_id,
            price_id=model.price_id,
            currency=model.currency,
            timezone=model.timezone,
            anchor_at=model.anchor_at,
            period=model.period,
            current_period_start=model.current_period_start,
            current_period_end=model.current_period_end,
            next_action_at=model.current_period_end,
            created_at=model.created_at,
        ),
    ]
