"""Create and confirm against the statements it speaks, captured from the application and replayed by pgbench."""

from __future__ import annotations

import tempfile
from typing import Any, Final

from ballast.config import Settings
from bench.creates import create, pgbench
from bench.statements import capture, write_script

SECONDS: Final = 20


def measure(local: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """How many of them there are, how often a second pgbench speaks them all, and our share of that."""
    spoken = capture(settings, local["api_key"])
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(write_script(spoken))
        file.flush()
        served = create(local, SECONDS, confirm=True)
        base = pgbench(local["database_app_url"], file.name, SECONDS, mode="extended")
    rate = (served["requests"] - served["errors"]) / served["seconds"]
    return {
        "replay_statements": sum(1 for line in spoken if line not in ("begin", "commit", "rollback")),
        "replay_per_second": round(base, 1),
        "replay_ratio": round(rate / base, 3),
    }
