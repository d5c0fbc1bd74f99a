"""The children of the stack: how each is started, asked whether it answers, and ended."""

import functools
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from ballast.local import ports, probes
from ballast.local.postgres import Postgres
from ballast.local.supervisor import Service
from ballast.local.valkey import Valkey

WEB_WORKERS = 2
WEB_THREADS = 4

STOP_ORDER: Sequence[Sequence[str]] = (("web", "worker", "cron"), ("sandbox",), ("postgres",), ("valkey",))
STOP_SIGNALS = {"postgres": signal.SIGINT}


def setup_command(credentials: Path) -> list[str | Path]:
    """The command that migrates, fills the demo organization once and writes its sign-ins to a file."""
    return [sys.executable, "-m", "ballast.local.setup", credentials]


def postgres_service(server: Postgres) -> Service:
    """PostgreSQL; every start first clears what a killed server left in its folder."""
    return Service(
        name="postgres",
        command=server.command,
        is_ready=lambda _: server.is_ready(),
        prepare=server.prepare,
        stop_signal=STOP_SIGNALS["postgres"],
        patience=30,
    )


def valkey_service(server: Valkey) -> Service:
    """Valkey."""
    return Service("valkey", server.command, lambda _: server.is_ready(), prepare=server.prepare)


def sandbox_service(port: int, state: Path) -> Service:
    """The stand-in of the payment processors and of the mail service."""
    address = f"http://{ports.HOST}:{port}"
    words: list[str | Path] = ["--host", ports.HOST, "--port", str(port), "--state", state]
    return Service(
        name="sandbox",
        command=lambda: [sys.executable, "-m", "ballast.sandbox", *words],
        is_ready=lambda _: probes.answers_http(address, "/_sandbox/health"),
        patience=5,
    )


def application(web_port: int, redis_url: str) -> list[Service]:
    """What runs the product, on servers that are there."""
    return [web_service(web_port), worker_service(redis_url), cron_service(redis_url)]


def web_service(port: int) -> Service:
    """The web server, with the command production uses."""
    return Service(
        name="web",
        command=functools.partial(web_command, port),
        is_ready=lambda _: probes.answers_http(f"http://{ports.HOST}:{port}", "/health"),
        patience=12,
    )


def web_command(port: int) -> list[str | Path]:
    """The server of production, for this machine alone; nobody stands in front, so it says no goodbye."""
    words = ("--host", ports.HOST, "--port", str(port), "--processes", str(WEB_WORKERS), "--threads", str(WEB_THREADS))
    return [sys.executable, "-m", "ballast.serving", *words]


def worker_service(redis_url: str) -> Service:
    """The RQ worker."""
    is_ready = functools.partial(probes.is_registered_worker, redis_url)
    return Service("worker", lambda: [sys.executable, "worker.py"], is_ready, patience=20)


def cron_service(redis_url: str) -> Service:
    """RQ's cron, which wakes the sweepers."""
    is_ready = functools.partial(probes.is_registered_cron, redis_url)
    return Service("cron", lambda: [sys.executable, "worker.py", "cron"], is_ready, patience=5)
