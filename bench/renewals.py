"""Renewals by one worker, with the processor 300 ms away, against the pace a processor allows (80 a second).

The worker is one of the queue `charges` alone. The stack's own stands still meanwhile, so what renewals bring about (mails, webhooks,
the processor's events) waits, as it does while a worker of all queues has its turn at charging. When something was asked is what the
sandbox has seen; what is counted is what was paid.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import requests
from sqlalchemy import func, select, update

from ballast import create_app
from ballast.clock import real_time
from ballast.config import Settings
from ballast.db import db, organization, transaction
from ballast.identity import users
from ballast.ids import new_id
from ballast.local.probes import is_registered_worker
from ballast.models import Invoice, PaymentMethod, Price, Product, Subscription
from bench.planting import BATCH, alike, store_cards
from bench.stack import ROOT
from bench.usage import measured

LATENCY = 0.3
# How long is watched, from the first that is paid. What cannot be paid meanwhile only waits, with cards nobody looks up.
WINDOW = 120.0
PATIENCE = 300.0
LOOKS_EVERY = 0.5
PARTS = ("worker", "postgres", "sandbox", "web")


def measure(local: dict[str, Any], settings: Settings, secret_key: str, count: int) -> dict[str, Any]:
    """Plant `count` renewals and watch them being paid, two minutes at most: how many a second, from the first that was asked for to
    the last, and milliseconds of CPU for each, by part of the stack.
    """
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
            began = real_time()
            with _one_worker(local) as pid, measured({"pids": local["pids"] | {"worker": pid}}) as used:
                paid = _watch(owner, began, reached)
        db.session.remove()
        db.engine.dispose()
    moments = [moment for moment in confirmed(local["sandbox"]) if moment >= began.timestamp()]
    assert len(moments) >= paid, "the sandbox has forgotten some"
    rate = (paid - 1) / (moments[-1] - moments[0])
    costs = {f"renewals_{part}_cpu_ms": round(1000 * used[part] / paid, 1) for part in PARTS}
    return {
        "renewals": paid,
        "renewals_per_second": round(rate, 1),
        "renewals_ratio": round(rate / pace, 3),
        "renewals_fullest_second": fullest_second(moments),
        **costs,
    }


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


@contextmanager
def _one_worker(local: dict[str, Any]) -> Iterator[int]:
    """Its process id, once it is there."""
    own = psutil.Process(local["pids"]["worker"])
    environment = json.loads((Path(local["state"]) / "environment.json").read_text())
    own.send_signal(signal.SIGSTOP)
    command = [sys.executable, "worker.py", "charges"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | environment) as process:
        try:
            while not is_registered_worker(local["redis_url"], process.pid):
                time.sleep(0.05)
            yield process.pid
        finally:
            process.terminate()
            own.send_signal(signal.SIGCONT)


def _watch(owner: str, began: datetime, count: int) -> int:
    """How many were paid once all are, or the time is over."""
    wanted = select(func.count()).where(
        Invoice.organization_id == owner,
        Invoice.billing_reason == "subscription_cycle",
        Invoice.status == "paid",
        Invoice.created_at >= began,
    )
    paid, until = 0, time.monotonic() + PATIENCE
    while paid < count and time.monotonic() < until:
        time.sleep(LOOKS_EVERY)
        with transaction() as session:
            found = session.scalar(wanted) or 0
        if found and not paid:
            until = time.monotonic() + WINDOW
        paid = found
    assert paid > 1, "nothing was paid; see the worker's log"
    return paid


def confirmed(sandbox: str) -> list[float]:
    """When the sandbox has answered to charges, in order, seconds since 1970."""
    raw = requests.get(f"{sandbox}/_sandbox/wire", params={"processor": "stripe"}, timeout=60).text
    said = (json.loads(line) for line in raw.splitlines() if '"payment_intents.confirm"' in line)
    return sorted(one["at"] for one in said)


def fullest_second(moments: list[float]) -> int:
    """The most of them that fall into any one second."""
    return max(bisect_left(moments, moment + 1) - place for place, moment in enumerate(moments))
