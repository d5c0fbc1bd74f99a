"""Creating and confirming a payment through the Stripe adapter, the sandbox at no latency: whose CPU it takes.

Two calls of the SDK each, create and confirm. What the SDK takes alone is measured in a process of its own, with the same calls.
The sandbox answers each payment with three events, which the same web processes take in: so it is read without them and with them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any, Final

import requests

from bench.creates import create, open_up
from bench.stack import ROOT
from bench.usage import measured

SECONDS: Final = 8
ALONE: Final = 100
# What the local stack gives its sandbox (ballast/local/environment.py).
DEMO_KEY: Final = "sk_test_ballast_demo"


def measure(local: dict[str, Any]) -> dict[str, Any]:
    """CPU ms of each part for one payment, p50 and p99 in ms at 16 clients."""
    open_up(local)
    create(local, 3, confirm=True)
    faults = f"{local['sandbox']}/_sandbox/faults"
    requests.post(faults, json={"processor": "stripe", "kind": "webhook_lost"}, timeout=5).raise_for_status()
    alone = _measure(local, "confirm")
    requests.delete(faults, timeout=5).raise_for_status()
    with_events = _measure(local, "confirm_with_events")
    command = [sys.executable, "-m", "bench.confirming", local["sandbox"]]
    sdk = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return alone | with_events | {"confirm_sdk_cpu_ms": round(float(sdk.stdout), 2)}


def _measure(local: dict[str, Any], name: str) -> dict[str, Any]:
    with measured(local) as used:
        found = create(local, SECONDS, confirm=True)
    paid = found["requests"] - found["errors"]
    return {
        f"{name}_web_cpu_ms": round(1000 * used["web"] / paid, 2),
        f"{name}_postgres_cpu_ms": round(1000 * used["postgres"] / paid, 2),
        f"{name}_per_second": round(paid / found["seconds"], 1),
        f"{name}_errors": found["errors"],
        f"{name}_p50_ms": found["p50_ms"],
        f"{name}_p99_ms": found["p99_ms"],
    }


def sdk_alone(sandbox: str) -> float:
    """CPU ms of this process for one payment: create and confirm."""
    import stripe

    client = stripe.StripeClient(DEMO_KEY, base_addresses={"api": sandbox})

    def pay() -> None:
        made = client.v1.payment_intents.create(
            {
                "amount": 2000,
                "currency": "usd",
                "payment_method": "pm_card_visa",
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            }
        )
        client.v1.payment_intents.confirm(made.id)

    for _ in range(10):
        pay()
    began = time.process_time()
    for _ in range(ALONE):
        pay()
    return 1000 * (time.process_time() - began) / ALONE


if __name__ == "__main__":
    print(sdk_alone(sys.argv[1]))
