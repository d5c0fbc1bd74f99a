"""`python app.py`, `python app.py stop`, and `python app.py flask …` for a command of the running stack."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ballast.local import stack
from ballast.local.errors import LocalError
from ballast.local.lock import Lock
from ballast.local.panel import complain, say

USAGE = "usage: python app.py [stop | flask COMMAND ...]"
STOP_PATIENCE_SECONDS = 100.0


def main(arguments: Sequence[str]) -> int:
    """Start or stop the local stack of this checkout; the exit code."""
    root = Path(__file__).resolve().parents[2]
    state = Path(os.environ.get("BALLAST_STATE_DIR") or root / ".ballast").expanduser().absolute()
    try:
        if not arguments:
            return stack.run(root, state, os.environ)
        if list(arguments) == ["stop"]:
            return stop(state)
        if arguments[0] == "flask":
            return run_flask(root, state, arguments[1:])
    except (LocalError, OSError, subprocess.SubprocessError) as error:
        complain(f"ballast: {error}")
        return 1
    complain(USAGE)
    return 2


def run_flask(root: Path, state: Path, words: Sequence[str]) -> int:
    """Run `flask --app app …` with the settings of the stack that runs on this state folder; its exit code."""
    if not (state / "local.json").exists():
        raise LocalError("Nothing is running here. `make run` starts it.")
    environ = json.loads((state / "environment.json").read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "flask", "--app", "app", *words]
    return subprocess.run(command, cwd=root, env=os.environ | environ, check=False).returncode


def stop(state: Path) -> int:
    """End the stack that holds this state folder and wait for it; the exit code. Nothing running is a success."""
    if not state.exists():
        say("Nothing is running here.")
        return 0
    lock = Lock(state / "lock")
    if lock.acquire():
        stack.clear_leftovers(state)
        lock.release()
        say("Nothing is running here.")
        return 0
    pid, _ = lock.read_holder()
    if not pid:
        raise LocalError("A stack is just starting here; try again in a moment.")
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_PATIENCE_SECONDS
    while not lock.acquire():
        if time.monotonic() > deadline:
            raise LocalError(f"Process {pid} is still stopping after {STOP_PATIENCE_SECONDS:.0f} seconds.")
        time.sleep(0.1)
    lock.release()
    say("Stopped.")
    return 0
