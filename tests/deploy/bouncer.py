"""A PgBouncer in front of a test's PostgreSQL, started by the script that production starts it with."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from ballast.local import ports, processes
from ballast.local.postgres import Postgres
from tests.local.checkout import wait_for

ROOT = Path(__file__).parents[2]
START = ROOT / "deploy" / "pgbouncer" / "start"
# The first that follows prepared statements from connection to connection.
FOLLOWS_PREPARED = (1, 21)
NOBODY = 65534


@dataclass(frozen=True)
class Bouncer:
    """Where it listens, and what a test asks of it."""

    port: int
    server: Postgres
    process: subprocess.Popen[bytes]
    database: str = "ballast"

    def outgoing_ports(self) -> set[int]:
        """From where it has come to PostgreSQL."""
        links = psutil.Process(self.process.pid).net_connections("tcp")
        return {link.laddr.port for link in links if link.raddr and link.raddr.port == self.server.port}

    def address(self, url: str) -> str:
        """A database address of the server's, by way of PgBouncer."""
        return url.replace(f":{self.server.port}/ballast", f":{self.port}/{self.database}")

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.address(self.server.app_url), connect_timeout=2, prepare_threshold=None):
                return True
        except psycopg.OperationalError:
            return False


def version() -> tuple[int, int]:
    """The PgBouncer of this machine; skips the test where there is none."""
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("no pgbouncer on this machine (apt-get install pgbouncer; .ci/run does)")
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"PgBouncer (\d+)\.(\d+)", told)
    assert found, told
    return int(found[1]), int(found[2])


@contextmanager
def running(server: Postgres, **extra: str) -> Iterator[Bouncer]:
    """A PgBouncer in transaction mode with two connections for each role: far fewer than who asks for one."""
    version()
    port = ports.any_free()
    with tempfile.TemporaryDirectory(prefix="ballast-pgbouncer-") as folder:
        env = os.environ | {
            "POSTGRES_HOST": ports.HOST,
            "POSTGRES_PORT": str(server.port),
            "PGBOUNCER_HOST": ports.HOST,
            "PGBOUNCER_PORT": str(port),
            "PGBOUNCER_DIRECTORY": folder,
            "PGBOUNCER_POOL_SIZE": "2",
            "APP_PASSWORD": str(urlsplit(server.app_url).password),
            "WORKER_PASSWORD": str(urlsplit(server.worker_url).password),
            **extra,
        }
        log = Path(folder) / "pgbouncer.log"
        process = processes.spawn([*_as_nobody(folder), START], log, env)
        bouncer = Bouncer(port, server, process, extra.get("POSTGRES_DATABASE", "ballast"))
        try:
            wait_for(bouncer.answers, 20, lambda: processes.tail(log))
            yield bouncer
        finally:
            processes.stop([bouncer.process], signal.SIGTERM, patience=5)


def _as_nobody(folder: str) -> list[str]:
    """PgBouncer refuses to run as root."""
    if os.getuid() != 0:
        return []
    os.chown(folder, NOBODY, NOBODY)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
