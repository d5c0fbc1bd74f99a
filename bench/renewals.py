"""Renewals through the real worker, with the processor 300 ms away, against the pace a processor allows (80 a second)."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import requests
from sqlalchemy import func, select, update

from ballast import create_app
from ballast.clock import real_time
from ballast.config import Settings
from ballast.db import db, organization, transaction
from ballast.identity import users
from ballast.ids import new_id
from ballast.models import Invoice, PaymentMethod, Price, Product, Subscription
from bench.planting import BATCH, alike, store_cards

LATENCY = 0.3
# How long is watched, from the first that is paid. What cannot be paid meanwhile only waits, with cards nobody looks up.
WINDOW = 120.0
PATIENCE = 300.0


def measure(local: dict[str, Any], settings: Settings, secret_key: str, count: int) -> dict[str, Any]:
    """Plant `count` renewals and watch them being paid, two minutes at most. Rates are per second, first paid to last."""
    app = create_app("app", settings)
    pace = settings.stripe_charges_per_second
    reached = min(count, round(pace * WINDOW * 1.1))
    with app.app_context():
        found = users.organization_by_slug("acme")
        assert found, "the local stack seeds it"
        owner = found.id
        with organization(owner):
            model, card = _first(local, owner)
            _plant(local, secret_key, model, card, count, reached)
            _slow(local["sandbox"])
            seconds, paid = _watch(model, reached)
        db.session.remove()
        db.engine.dispose()
    rate = paid / seconds if seconds else 0.0
    return {"renewals": paid, "renewals_per_second": round(rate, 1), "renewals_ratio": round(rate / pace, 3)}


def _first(local: dict[str, Any], owner: str) -> tuple[Subscription, PaymentMethod]:
    """A subscription that somebody has paid for over the API; its like are planted."""
    with transaction() as session:
        product = Product(id=new_id("prod"), organization_id=owner, name="Renewals", slug=f"renewals-{new_id('prod')}")
        session.add(product)
        session.flush()
        price = Price(
            id=new_id("price"),
            organization_id=owner,
            product_id=product.id,
            kind="recurring",
            amount=2000,
            currency="USD",
            interval="month",
        )
        session.add(price)
        price_id = price.id
    customer = _post(local, "/customers", {"email": "first@example.com"})["id"]
    body = {"customer": customer, "price": price_id, "payment_method": "pm_card_visa"}
    made = _post(local, "/subscriptions", body)
    model = db.session.scalars(select(Subscription).where(Subscription.id == made["id"])).one()
    card = db.session.scalars(select(PaymentMethod).where(PaymentMethod.id == model.payment_method_id)).one()
    db.session.expunge_all()
    db.session.rollback()
    return model, card


def _post(local: dict[str, Any], path: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"X-API-Key": local["api_key"], "Idempotency-Key": str(uuid4())}
    answer = requests.post(f"{local['web']}/api/v1{path}", json=body, headers=headers, timeout=30)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _plant(
    local: dict[str, Any],
    secret_key: str,
    model: Subscription,
    card: PaymentMethod,
    count: int,
    reached: int | None = None,
) -> None:
    """`reached`: how many have a card; all, where it is not said."""
    reached = count if reached is None else reached
    tokens = store_cards(local["sandbox"], secret_key, card.customer_external_id or "", reached)
    tokens += [f"pm_waits_{number}" for number in range(reached, count)]
    later = real_time() + timedelta(days=1)
    for begin in range(0, count, BATCH):
        model.current_period_end = later + timedelta(milliseconds=begin)  # those with a card come first
        with transaction() as session:
            session.add_all(row for token in tokens[begin : begin + BATCH] for row in alike(model, card, token))
    with transaction() as session:
        due = update(Subscription).where(Subscription.price_id == model.price_id, Subscription.id != model.id)
        now_due = due.values(next_action_at=Subscription.next_action_at - timedelta(days=1, hours=1))
        session.execute(now_due.execution_options(synchronize_session=False))


def _slow(sandbox: str) -> None:
    rule = {"processor": "stripe", "kind": "latency", "operation": "payment_intents.confirm", "seconds": LATENCY}
    requests.post(f"{sandbox}/_sandbox/faults", json=rule, timeout=5).raise_for_status()


def _watch(model: Subscription, count: int) -> tuple[float, int]:
    """Seconds from the first to the last payment, and how many there were."""
    first = last = 0.0
    paid, already, until = 0, 0, time.monotonic() + PATIENCE
    while paid < count and time.monotonic() < (first + WINDOW if first else until):
        time.sleep(0.2)
        with transaction() as session:
            found = session.scalar(
                select(func.count())
                .select_from(Invoice)
                .join(
                    Subscription,
                    (Subscription.organization_id == Invoice.organization_id)
                    & (Subscription.id == Invoice.subscription_id),
                )
                .where(Subscription.price_id == model.price_id, Subscription.id != model.id, Invoice.status == "paid")
            )
        if found and not first:
            first, already = time.monotonic(), found
        paid, last = found or 0, time.monotonic()
    return last - first, paid - already
