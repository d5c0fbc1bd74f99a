"""Drives a checkout as a person would: from outside, with `python app.py`."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

NOT_OURS = ("DATABASE_", "REDIS_", "STRIPE_", "RESEND_", "BALLAST_", "PUBLIC_URL", "SECRET_KEY", "JWT_", "ENCRYPTION_")


class Checkout:
    """A folder with `app.py` and the stack that runs in it. `program`: what starts it, in the words of Python's command line."""

    program: tuple[str, ...] = ("app.py",)
    starts_within = 90.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / ".ballast"
        self.output = folder / "terminal.txt"
        self.supervisor: subprocess.Popen[bytes] | None = None

    def start(self, **extra: str) -> dict[str, Any]:
        """Start the stack and wait until it has written `local.json`; its content."""
        self.begin(**extra)
        wait_for(lambda: self.is_published() or self.has_ended(), self.starts_within, self.read_output)
        assert not self.has_ended(), self.read_output()
        return self.read_local()

    def begin(self, **extra: str) -> None:
        """Start the stack, its output in `terminal.txt`."""
        with self.output.open("wb") as output:
            self.supervisor = subprocess.Popen(
                [sys.executable, *self.program],
                cwd=self.folder,
                env=clean_environment() | extra,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run `python app.py ARGUMENTS` to its end."""
        return subprocess.run(
            [sys.executable, "app.py", *arguments],
            check=False,
            cwd=self.folder,
            env=clean_environment() | extra,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def stop(self) -> int:
        """Interrupt as Ctrl-C does and wait; the supervisor's exit code."""
        if self.supervisor is None:
            return 0
        if self.supervisor.poll() is None:
            self.supervisor.send_signal(signal.SIGINT)
        return self.supervisor.wait(60)

    def is_published(self) -> bool:
        """Whether the stack says it is up."""
        return (self.state / "local.json").exists()

    def has_ended(self) -> bool:
        """Whether the supervisor is gone."""
        return self.supervisor is None or self.supervisor.poll() is not None

    def read_local(self) -> dict[str, Any]:
        """The content of `local.json`."""
        content: dict[str, Any] = json.loads((self.state / "local.json").read_text())
        return content

    def read_output(self) -> str:
        """What the terminal shows."""
        return self.output.read_text()

    def pid_of(self, name: str) -> int:
        """Process id of a child, as `local.json` has it."""
        return int(self.read_local()["pids"][name])


def clean_environment() -> dict[str, str]:
    """Our environment without what would replace a part of the stack."""
    return {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}


def get_status(address: str, path: str, within: float = 2) -> int:
    """Status of a GET, 0 if nobody answers within so many seconds."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=within)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def wait_for(is_so: Callable[[], bool], seconds: float, explain: Callable[[], str] = str) -> None:
    """Return as soon as something is so; fails with `explain()` when it is not in time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    """Whether no process of this number does anything any more."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
