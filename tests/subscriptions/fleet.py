"""Many subscriptions that fall due at once, and workers that are killed while they charge them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from ballast.db import transaction
from ballast.ids import new_id
from ballast.models import Customer, PaymentMethod, ProcessorCustomer, Subscription
from tests.subscriptions.acts import Desk
from tests.world import World

ROOT = Path(__file__).parent.parent.parent
WORKER = """
import json, sys
from datetime import datetime, timedelta
from ballast import clock, create_app
from ballast.config import Settings
from ballast.billing import resolver
from ballast.billing.subscriptions import charging

asked = json.loads(sys.argv[1])
app = create_app("worker", Settings(_env_file=None, **asked["settings"]))
print("ready", flush=True)
with app.app_context(), clock.at(datetime.fromisoformat(asked["at"])), clock.shifted(timedelta(minutes=asked["shift"])):
    while charging.charge_due() + resolver.resolve_due():
        pass
"""


def plant(desk: Desk, count: int) -> datetime:
    """`count` subscriptions like the newest one, each with a customer and a card of its own; answers when they are due."""
    model = desk.all(Subscription)[-1]
    card = desk.card()
    tokens = _cards(desk.world, count, card.customer_external_id or "")
    for begin in range(0, count, 500):
        with desk.clocked(), transaction() as session:
            session.add_all(row for token in tokens[begin : begin + 500] for row in _rows(model, card, token))
    due: datetime = model.current_period_end
    return due


def _cards(world: World, count: int, customer: str) -> list[str]:
    """As many cards, stored at the sandbox."""
    headers = {"Authorization": f"Bearer {world.settings.stripe_secret_key}_{world.acme.slug}"}
    found = []
    with requests.Session() as http:
        http.headers.update(headers)
        for _ in range(count):
            asked = {"type": "card", "card[token]": "tok_visa"}
            made = http.post(f"{world.sandbox_url}/v1/payment_methods", data=asked, timeout=10).json()["id"]
            kept = http.post(
                f"{world.sandbox_url}/v1/payment_methods/{made}/attach", data={"customer": customer}, timeout=10
            )
            kept.raise_for_status()
            found.append(made)
    return found


def _rows(model: Subscription, card: PaymentMethod, token: str) -> list[Any]:
    owner, customer_id, card_id = model.organization_id, new_id("cus"), new_id("pm")
    where = {"organization_id": owner, "customer_id": customer_id}
    return [
        Customer(organization_id=owner, id=customer_id, email=f"{customer_id}@example.com", name="One of many"),
        ProcessorCustomer(
            **where, processor_account_id=card.processor_account_id, external_id=card.customer_external_id
        ),
        PaymentMethod(
            **where,
            id=card_id,
            processor_account_id=card.processor_account_id,
            external_id=token,
            customer_external_id=card.customer_external_id,
            brand="visa",
            last4="4242",
        ),
        Subscription(
            **where,
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


def worker(world: World, at: datetime, shift: int) -> subprocess.Popen[str]:
    """A worker of its own, at `at` on the organizations' clock and `shift` minutes ahead in real time; ready when this returns."""
    settings = world.settings.model_dump(mode="json")
    asked = {"settings": settings, "at": at.isoformat(), "shift": shift}
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, json.dumps(asked)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout, "it is a pipe"
    assert process.stdout.readline() == "ready\n"
    return process
