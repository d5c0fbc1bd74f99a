"""The drill of docs/deploying.md, "Point in time", with its own scripts: `make point-in-time`.

A server that archives is backed up, goes on, loses what it has to a mistake, and comes back as it was right before.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from ballast.local.postgres import Postgres
from tests.local.checkout import wait_for

SCRIPTS = Path(__file__).parents[2] / "deploy" / "postgres"


def archiving(folder: Path, archive: Path) -> Postgres:
    """A server that hands each full segment to our script."""
    server = Postgres(folder)
    command = f"WAL_ARCHIVE={archive} {SCRIPTS}/archive-wal %p %f"
    server._settings = server._settings | {"archive_mode": "on", "archive_command": command}
    return server


def superuser_of(server: Postgres) -> dict[str, str]:
    """The environment in which PostgreSQL's programs reach a server as its superuser."""
    at = urlsplit(server.superuser_url)
    return os.environ | {
        "PATH": f"{server.programs}:{os.environ['PATH']}",
        "PGHOST": str(at.hostname),
        "PGPORT": str(at.port),
        "PGUSER": str(at.username),
        "PGPASSWORD": str(at.password),
    }


def run(server: Postgres, script: str, *words: Path | str) -> None:
    """One of the scripts, as the superuser of a server."""
    subprocess.run([SCRIPTS / script, *words], check=True, env=superuser_of(server))


def facts(server: Postgres) -> list[str]:
    with psycopg.connect(server.owner_url) as connection:
        return [str(row[0]) for row in connection.execute("select said from facts order by said")]


def drill(folder: Path) -> float:
    """Do it; how long the restored server took to be as it was, seconds. Raises AssertionError where it is not."""
    archive = folder / "archive"
    archive.mkdir()
    with (
        archiving(folder / "first", archive) as server,
        psycopg.connect(server.owner_url, autocommit=True) as connection,
    ):
        connection.execute("create table facts (said text)")
        connection.execute("insert into facts values ('before the backup')")
        run(server, "base-backup", folder / "backup")
        run(server, "prune-wal", folder / "backup", archive)
        connection.execute("insert into facts values ('after the backup')")
        moment = connection.execute("select clock_timestamp()::text").fetchone()
        assert moment
        connection.execute("delete from facts")  # the mistake
        with psycopg.connect(server.superuser_url, autocommit=True) as superuser:
            segment = superuser.execute("select pg_walfile_name(pg_switch_wal())").fetchone()
        assert segment
        wait_for((archive / str(segment[0])).exists, 30, lambda: f"{segment[0]} was never archived")
        assert facts(server) == []
    restored = Postgres(folder / "second")
    restored._settings = restored._settings | {"hot_standby": "off"}  # it is there once it takes writes
    restored.directory.mkdir(mode=0o700)
    shutil.copy(folder / "first" / "passwords.json", restored.directory)
    began = time.monotonic()
    run(server, "restore", folder / "backup", archive, restored._prepared_account().home / "data", moment[0])
    with restored:
        assert facts(restored) == ["after the backup", "before the backup"], facts(restored)
        took = time.monotonic() - began
        with psycopg.connect(restored.owner_url, autocommit=True) as connection:
            connection.execute("insert into facts values ('it takes writes again')")
    return took


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ballast-restore-") as folder:
        print(f"As it was before the mistake, and taking writes, {drill(Path(folder)):.1f} s after the restore began.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
