"""The migrations, run on an empty database, make exactly the tables the models describe."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ballast.local.errors import LocalError
from ballast.local.postgres import Postgres

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Upgrade a throw-away PostgreSQL and compare; the exit code."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix="ballast-check-") as folder,
            Postgres(Path(folder), fast=True) as server,
        ):
            return run_flask(server, "upgrade") or run_flask(server, "check")
    except LocalError as error:
        print(error)
        return 1


def run_flask(server: Postgres, verb: str) -> int:
    """Run `flask db VERB` on the server; the exit code."""
    env = os.environ | {
        "BALLAST_ENV": "test",
        "DATABASE_URL": server.app_url,
        "DATABASE_OWNER_URL": server.owner_url,
        "DATABASE_WORKER_URL": server.worker_url,
    }
    command = [sys.executable, "-m", "flask", "--app", "app", "db", verb]
    return subprocess.run(command, check=False, cwd=ROOT, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
