"""`make bench` and `make bench-full`: the table of docs/performance.md, on this machine, now.

Every part starts from the same stack and measures what it is compared with in the same minutes. `--full` adds what takes long:
renewals with a hundred thousand due, the statements of create+confirm in pgbench, the pages with a million payments.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ballast.config import Settings
from bench import confirming, creates, deliveries, pages, reads, renewals, replaying
from bench.confirming import DEMO_KEY
from bench.stack import ROOT, running_stack
from bench.usage import memory

# Ten seconds' worth of the processor's pace; at length, whether it matters how many are due.
RENEWALS: Final = 800
RENEWALS_AT_LENGTH: Final = (1_000, 100_000)
# What is read, the figure, its unit, what is wanted of it, and what begins with the same words and is no figure of its own.
ROWS: Final = (
    ("API create, share of four inserts in pgbench", "create_ratio", "", ">= 0.30", "create_"),
    ("API read of a payment, times the road through Flask", "read_ratio", "", ">= 3", "read_"),
    ("create + confirm, CPU of web and SDK", "confirm_web_cpu_ms", "ms", "<= 6", "confirm_"),
    ("deliveries, sink at 0 ms", "deliveries_0ms_per_second", "/s", "36 x RQ", "deliveries_0ms_"),
    ("deliveries, sink at 100 ms", "deliveries_100ms_per_second", "/s", ">= 450", "deliveries_100ms_"),
    ("renewals, processor at 300 ms, share of its pace", "renewals_ratio", "", ">= 0.95", "renewals_"),
    ("memory of one web process", "memory_web_mb", "MB", "<= 110", None),
    ("memory of the whole stack", "memory_stack_mb", "MB", "<= 450", "memory_by_"),
    ("create + confirm, share of its statements in pgbench", "replay_ratio", "", "", "replay_"),
)


def main() -> None:
    """Measure, print the table, keep it as JSON."""
    asked = _read_options()
    print(f"{platform.machine()}, {platform.system()}", flush=True)
    result: dict[str, Any] = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "full": asked.full}
    counts = (asked.renewals,) if asked.renewals else RENEWALS_AT_LENGTH if asked.full else (RENEWALS,)
    parts: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "memory": weigh,
        "creates": creates.measure,
        "reads": reads.measure,
        "confirming": confirming.measure,
        "deliveries": lambda local: deliveries.measure(local, _settings(local)),
    }
    if asked.full:
        parts["replaying"] = lambda local: replaying.measure(local, _settings(local))
    # Last, for many are still due afterwards.
    parts["renewals"] = lambda local: renew(local, counts)
    with running_stack() as local:
        for name, measure in parts.items():
            if not asked.only or name in asked.only:
                began = time.monotonic()
                result |= measure(local)
                print(f"  {name}: {time.monotonic() - began:.0f} s", flush=True)
    report(result)
    if asked.full and not asked.only:
        with running_stack() as local:
            pages.measure_and_report(local, pages.PAYMENTS, pages.AMONG)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("only", nargs="*", help="parts: memory creates reads confirming deliveries renewals replaying")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--renewals", type=int, metavar="COUNT")
    return parser.parse_args()


def _settings(local: dict[str, Any]) -> Settings:
    secrets = json.loads((Path(local["state"]) / "secrets.json").read_text())
    return Settings(
        _env_file=None,
        database_url=local["database_app_url"],
        redis_url=local["redis_url"],
        sandbox_url=local["sandbox"],
        stripe_api_base=local["sandbox"],
        encryption_key=secrets["ENCRYPTION_KEY"],
        secret_key="bench",
    )


def renew(local: dict[str, Any], counts: tuple[int, ...]) -> dict[str, Any]:
    """With so many due, and then with so many; the first is the figure, the others stand beside it."""
    found: dict[str, Any] = {}
    for count in counts:
        measured = renewals.measure(local, _settings(local), DEMO_KEY, count)
        found |= (
            measured
            if not found
            else {name.replace("renewals", f"renewals_{count}"): value for name, value in measured.items()}
        )
    return found


def weigh(local: dict[str, Any]) -> dict[str, Any]:
    """MB once everything has answered: what processes share is counted once. One web process: half of the two and of the process that
    started them. The stack: these, what else runs, and the launcher."""
    creates.create(local, 2, confirm=True)
    found = {name: memory(pid)["pss"] for name, pid in local["pids"].items()}
    found["launcher"] = memory(local["launcher"], alone=True)["pss"]
    return {
        "memory_web_mb": round(found["web"] / 2),
        "memory_stack_mb": round(sum(found.values())),
        "memory_by_part_mb": ", ".join(f"{name} {mb:.0f}" for name, mb in found.items()),
    }


def report(result: dict[str, Any]) -> None:
    """The table on the terminal, and bench/results/<date>.json."""
    for name, key, unit, target, family in ROWS:
        if key in result:
            print(f"{name:<54}{result[key]:>9} {unit:<3} {target}")
            beside = {one: value for one, value in result.items() if family and one.startswith(family) and one != key}
            print("".join(f"    {one}: {value}\n" for one, value in beside.items()), end="")
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{result['measured_at'][:10]}.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
