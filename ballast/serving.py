"""The web server: granian with the application, `python -m ballast.serving --port 8000`, in production and on a local stack alike.

On SIGTERM it first answers 503 at /readyz for `--drain` seconds, and everything else as ever: who stands in front sends requests
elsewhere from there on. Only then it stops listening, finishes what it has, and ends. A second SIGTERM, or Ctrl-C, does not wait.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import Interfaces
from sqlalchemy.orm import configure_mappers

from ballast import footprint

# How long a worker process may take to finish its requests; longer than a processor may keep one waiting.
# Braintree's gateway takes a minute, and a charge at Stripe is two calls of half a minute.
FINISH_SECONDS = 75


class Server(Granian):  # type: ignore[misc,valid-type]
    """granian that says it is leaving before it leaves. Its worker processes learn of it by a file, which they know by name."""

    def __init__(self, *args: Any, leaving: Path, drain: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self.leaving = leaving
        self.drain = drain

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        if args[0] != signal.SIGTERM or not self.drain or self.leaving.exists():
            super().signal_handler_interrupt(*args, **kwargs)
            return
        self.leaving.touch()
        end = threading.Timer(self.drain, super().signal_handler_interrupt, args)
        end.daemon = True
        end.start()


def main() -> None:
    """Serve until told to stop."""
    asked = _read_options()
    with tempfile.TemporaryDirectory(prefix="ballast-web-") as folder:
        leaving = Path(folder) / "leaving"
        os.environ["BALLAST_LEAVING"] = str(leaving)
        os.environ["BALLAST_WEB_THREADS"] = str(asked.threads)
        _load()
        if sys.platform == "linux":
            # From Python 3.14 on it is no longer what is done unasked.
            multiprocessing.set_start_method("fork", force=True)
        Server(
            "app:app",
            address=asked.host,
            port=asked.port,
            interface=Interfaces.WSGI,
            workers=asked.processes,
            blocking_threads=asked.threads,
            workers_kill_timeout=FINISH_SECONDS,
            respawn_failed_workers=True,
            leaving=leaving,
            drain=asked.drain,
        ).serve()


def _load() -> None:
    """Load the application before granian forks its worker processes, so that they share the memory of what none of them changes.

    Nothing is connected and no thread runs by then. A new release is a new server, never a signal to this one.
    """
    app = import_module("app").app
    # What the first request would have each of them do for itself.
    app.url_map.update()
    configure_mappers()
    footprint.settle()


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve the application.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=4, help="requests at once in each process")
    parser.add_argument(
        "--drain", type=float, default=0, metavar="SECONDS", help="how long to say 503 at /readyz first"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
