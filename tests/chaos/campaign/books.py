"""The reconciliation at a campaign's end, by the command a person would give: what it can mend is mended, and nothing else is left."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from datetime import date

from tests.local.checkout import clean_environment
from tests.stack import Stack

PATIENCE = 1800.0


def reconcile(stack: Stack, days: Iterable[date]) -> list[str]:
    """Drift that is left, in the words of the command."""
    findings: list[str] = []
    for day in sorted(set(days)):
        ended = subprocess.run(
            [sys.executable, "app.py", "flask", "reconcile", "--day", day.isoformat(), "--repair"],
            check=False,
            cwd=stack.folder,
            env=clean_environment() | {"BALLAST_STATE_DIR": str(stack.state)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        print(ended.stdout, file=sys.stderr, flush=True)
        if ended.returncode:
            findings.append(f"Drift on {day}: {ended.stdout[-2000:]}{ended.stderr[-1000:]}")
    return findings
