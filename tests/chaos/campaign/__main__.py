"""`make chaos` and `make chaos-long`: a campaign on a stack of its own; the exit code is 1 where anything was found."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.chaos.campaign.running import ENVIRONMENT, Plan, run
from tests.chaos.campaign.stack import DoubledStack

# From so many payments on a campaign takes the time that late charges take.
LONG = 1000


def main() -> int:
    """Run one campaign; prints its seed before anything else."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--payments", type=int, default=120)
    parser.add_argument("--kills", type=int, default=8)
    asked = parser.parse_args()
    plan = Plan(asked.seed, asked.payments, asked.kills)
    if plan.payments >= LONG:
        plan = replace(plan, clients=24, buyers=6, subscriptions=300, due_at_once=100, is_late=True)
    print(f"seed {plan.seed}, {plan.payments} payments, {plan.kills} kills", flush=True)
    with tempfile.TemporaryDirectory(prefix="ballast-chaos-") as folder:
        Path(folder).chmod(0o755)
        stack, collected = DoubledStack(Path(folder)), Path(folder) / "wire"
        try:
            stack.start(**ENVIRONMENT, BALLAST_SANDBOX_WIRE_DIR=str(collected))
            report = run(stack, plan, collected)
        finally:
            stack.stop()
    print("\n".join(report.lines()))
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
