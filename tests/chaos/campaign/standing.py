"""`python -m tests.chaos.campaign.standing`: the local stack with two workers and two crons, on clocks that can be moved.

The clock of web, workers and crons is `clock.c`, preloaded: real time and the seconds in the file `clock` of the state folder.
Postgres, Valkey and the sandbox keep real time. Without that file nothing is moved, and no compiler is needed.
"""

from __future__ import annotations

import faulthandler
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ballast.local import command, services
from ballast.local.supervisor import Service

TWICE = ("worker", "cron")
CLOCK = "clock"

made = services.application


def can_move_clocks() -> bool:
    """Whether there is a C compiler, and a system that preloads."""
    return sys.platform == "linux" and shutil.which("cc") is not None


def doubled(web_port: int, redis_url: str) -> list[Service]:
    """Workers and crons twice, and everybody's clock in a file."""
    found = made(web_port, redis_url)
    found += [replace(service, name=f"{service.name}2") for service in found if service.name in TWICE]
    state = Path(os.environ["BALLAST_STATE_DIR"])
    if not (state / CLOCK).exists():
        return found
    library = compile_clock(state)
    return [on_moved_clock(service, library, state / CLOCK) for service in found]


def compile_clock(state: Path) -> Path:
    """The library that moves a clock, in the state folder."""
    library = state / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return library


def on_moved_clock(service: Service, library: Path, clock: Path) -> Service:
    """The same service, whose clock is read from the file."""
    begun = service.command

    def moved() -> Sequence[str | Path]:
        return ["env", f"LD_PRELOAD={library}", f"CAMPAIGN_CLOCK={clock}", *begun()]

    return replace(service, command=moved)


def main() -> int:
    """Run until asked to stop; the exit code."""
    faulthandler.register(signal.SIGUSR1)
    services.application = doubled
    first, *others = services.STOP_ORDER
    services.STOP_ORDER = ((*first, *(f"{name}2" for name in TWICE)), *others)
    return command.main([])


if __name__ == "__main__":
    sys.exit(main())
