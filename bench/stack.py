"""A whole local stack of its own, in a temporary folder, for as long as a measurement lasts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
OURS = ("DATABASE_", "REDIS_", "STRIPE_", "RESEND_", "BALLAST_", "SANDBOX_", "PUBLIC_URL")


@contextmanager
def running_stack(patience: float = 120) -> Iterator[dict[str, Any]]:
    """Start `python app.py`; yields the content of its local.json, `state`, its folder, and `launcher`, its process id.

    Raises RuntimeError when it does not come up.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    with tempfile.TemporaryDirectory(prefix="ballast-bench-") as folder:
        state = Path(folder) / "state"
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=environment | {"BALLAST_STATE_DIR": str(state)},
            stdout=subprocess.PIPE,
        )
        try:
            yield {"state": str(state), "launcher": process.pid} | _await(
                state / "local.json", process, time.monotonic() + patience
            )
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def _await(published: Path, process: subprocess.Popen[bytes], until: float) -> dict[str, Any]:
    while time.monotonic() < until and process.poll() is None:
        if published.exists():
            content: dict[str, Any] = json.loads(published.read_text())
            return content
        time.sleep(0.1)
    raise RuntimeError("the local stack did not come up; run `make run` to see why")
