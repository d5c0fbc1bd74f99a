"""Creating and confirming a payment through the Stripe adapter, the sandbox at no latency: whose CPU it takes.

Two calls of the SDK each, create and confirm. What the SDK takes alone is measured in a process of its own, with the same two calls.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any, Final

from bench.creates import create
from bench.stack import ROOT
from bench.usage import measured

SECONDS: Final = 8
ALONE: Final = 100
# What the local stack gives its sandbox (ballast/local/environment.py).
DEMO_KEY: Final = "sk_test_ballast_demo"


def measure(local: dict[str, Any]) -> dict[str, Any]:
    """CPU ms of each part for one payment, p50 and p99 in ms at 16 clients."""
    create(local, 3, confirm=True)
    with measured(local) as used:
        found = create(local, SECONDS, confirm=True)
    paid = found["requests"] - found["errors"]
    command = [sys.executable, "-m", "bench.confirming", local["sandbox"]]
    alone = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return {
        "confirm_per_second": round(paid / found["seconds"], 1),
        "confirm_errors": found["errors"],
        "confirm_p50_ms": found["p50_ms"],
        "confirm_p99_ms": found["p99_ms"],
        "confirm_web_cpu_ms": round(1000 * used["web"] / paid, 2),
        "confirm_postgres_cpu_ms": round(1000 * used["postgres"] / paid, 2),
        "confirm_sdk_cpu_ms": round(float(alone.stdout), 2),
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
