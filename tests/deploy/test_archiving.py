"""What `flask doctor` and the alarm know of PostgreSQL's archive, read from a server whose archive is away and comes back."""

from __future__ import annotations

from pathlib import Path

import psycopg
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from ballast import archiving
from ballast.local.postgres import Postgres
from tests.local.checkout import wait_for


def archiving_if(there: Path, folder: Path) -> Postgres:
    """A server whose archive takes what it is given only while a file is there."""
    server = Postgres(folder)
    server._settings = server._settings | {"archive_mode": "on", "archive_command": f"test -e '{there}'"}
    return server


def failing(server: Postgres) -> float:
    """Asked as the role that measures."""
    address = server.worker_url.replace("postgresql:", "postgresql+psycopg:")
    with Session(create_engine(address, poolclass=NullPool)) as session:
        assert archiving.is_on(session)
        return archiving.failing_seconds(session)


def fill_a_segment(server: Postgres) -> None:
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute("select pg_logical_emit_message(false, 'drill', 'x')")
        connection.execute("select pg_switch_wal()")


def test_an_archive_that_takes_nothing_is_known_until_it_does_again(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    there = tmp_path / "mounted"
    with archiving_if(there, tmp_path / "postgres") as server:
        assert failing(server) == 0
        fill_a_segment(server)
        wait_for(lambda: failing(server) > 0, 30)
        there.touch()
        fill_a_segment(server)
        wait_for(lambda: failing(server) == 0, 90)
