"""The migrations, run on an empty database, make exactly the tables the models describe.

Those that are newer than the first release can run while the release before serves (scripts/expanding.py).
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from flask_migrate import upgrade

from ballast import create_app
from ballast.config import Settings
from ballast.local.errors import LocalError
from ballast.local.postgres import Postgres
from scripts import expanding

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Upgrade a throw-away PostgreSQL and compare; the exit code."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix="ballast-check-") as folder,
            Postgres(Path(folder), fast=True) as server,
        ):
            return run_flask(server, "upgrade", before(expanding.FROM)) or expand(server) or run_flask(server, "check")
    except LocalError as error:
        print(error)
        return 1


def numbered() -> list[Path]:
    """The migrations in their order."""
    return sorted((ROOT / "migrations" / "versions").glob("[0-9]*.py"))


def before(revision: str) -> str:
    """The last migration before this one, which need not be there yet."""
    return max(path.name[:4] for path in numbered() if path.name[:4] < revision)


def expand(server: Postgres) -> int:
    """Run each migration that is looked at, and say what stands against it; the exit code."""
    later = [path for path in numbered() if path.name[:4] >= expanding.FROM]
    if not later:
        return 0
    found = []
    plain = {name: url.replace("postgresql://", "postgresql+psycopg://") for name, url in addresses(server).items()}
    app = create_app("app", Settings(_env_file=None).model_copy(update=plain))
    with app.app_context():
        for migration in later:
            with expanding.spoken() as statements:
                upgrade(revision=migration.name[:4])
            found += expanding.complaints(migration, statements)
    print("\n".join(found))
    return 1 if found else 0


def addresses(server: Postgres) -> dict[str, str]:
    """The three addresses, by the names of the settings."""
    return {
        "database_url": server.app_url,
        "database_owner_url": server.owner_url,
        "database_worker_url": server.worker_url,
    }


def run_flask(server: Postgres, *words: str) -> int:
    """Run `flask db WORDS` on the server; the exit code."""
    env = os.environ | {"BALLAST_ENV": "test"} | {name.upper(): url for name, url in addresses(server).items()}
    command = [sys.executable, "-m", "flask", "--app", "app", "db", *words]
    return subprocess.run(command, check=False, cwd=ROOT, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
