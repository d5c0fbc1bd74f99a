"""Reading one payment over the API, past Flask and, asked for by its version, on the plain road: in turns, in the same minutes."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from ballast.models.outbox import API_VERSION
from bench import creates
from bench.calls import call
from bench.usage import measured

ROUNDS: Final = 2
SECONDS: Final = 3
# Whoever names a version is served on the plain road.
ROADS: Final = {"": (), "_plain": (API_VERSION,)}


def measure(local: dict[str, Any]) -> dict[str, Any]:
    """Reads a second on both roads and their ratio, p99 in ms, CPU ms of web and Postgres for each."""
    creates.open_up(local)
    payment = call(local, "/payments", creates.BODY)["id"]
    came: dict[str, list[dict[str, Any]]] = {road: [] for road in ROADS}
    used: dict[str, Counter[str]] = {road: Counter() for road in ROADS}
    for _ in range(ROUNDS):
        for road, version in ROADS.items():
            creates.ask(local, 1, payment, *version)
            with measured(local) as spent:
                came[road].append(creates.ask(local, SECONDS, payment, *version))
            used[road].update(spent)
    found: dict[str, Any] = {}
    for road, rounds in came.items():
        found |= _figures(f"read{road}", rounds, used[road])
    return found | {"read_ratio": round(found["read_per_second"] / found["read_plain_per_second"], 2)}


def _figures(name: str, rounds: list[dict[str, Any]], used: Counter[str]) -> dict[str, Any]:
    asked = sum(one["requests"] for one in rounds)
    return {
        f"{name}_per_second": round(asked / sum(one["seconds"] for one in rounds), 1),
        f"{name}_errors": sum(one["errors"] for one in rounds),
        f"{name}_p99_ms": max(one["p99_ms"] for one in rounds),
        f"{name}_web_cpu_ms": round(1000 * used["web"] / asked, 2),
        f"{name}_postgres_cpu_ms": round(1000 * used["postgres"] / asked, 2),
    }
