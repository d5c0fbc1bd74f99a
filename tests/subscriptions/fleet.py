"""Many subscriptions that fall due at once, and workers that are killed while they charge them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from ballast.db import transaction
from ballast.models import Subscription
from bench.planting import BATCH, alike, store_cards
from tests.subscriptions.acts import Desk
from tests.world import World

ROOT = Path(__file__).parent.parent.parent
WORKER = """
import json, sys
from datetime import datetime, timedelta
from importlib import import_module
from ballast import clock, create_app
from ballast.config import Settings
from ballast.billing import resolver

asked = json.loads(sys.argv[1])
charging = import_module(f"ballast.billing.{asked['package']}.charging")
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
    secret_key = f"{desk.world.settings.stripe_secret_key}_{desk.world.acme.slug}"
    tokens = store_cards(desk.world.sandbox_url, secret_key, card.customer_external_id or "", count)
    for begin in range(0, count, BATCH):
        with desk.clocked(), transaction() as session:
            session.add_all(row for token in tokens[begin : begin + BATCH] for row in alike(model, card, token))
    due: datetime = model.current_period_end
    return due


def worker(world: World, at: datetime, shift: int, package: str = "subscriptions") -> subprocess.Popen[str]:
    """A worker of its own that charges for a package of billing, at `at` on the organizations' clock and `shift` minutes ahead in real
    time; ready when this returns."""
    settings = world.settings.model_dump(mode="json")
    asked = {"settings": settings, "at": at.isoformat(), "shift": shift, "package": package}
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
