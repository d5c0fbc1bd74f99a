"""`scripts/create_roles.sh` on a new server: three roles, their passwords told to nobody else, and the database."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from ballast.local.postgres import Postgres
from tests.deploy.compose import ROOT
from tests.deploy.point_in_time import superuser_of

SCRIPT = ROOT / "scripts" / "create_roles.sh"
# Whatever a password may hold.
PASSWORD = 'it\'s "so" $HOME \\ 100%'
ROLES = ("ballast_owner", "ballast_app", "ballast_worker")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One on which there is nothing yet."""
    with Postgres(tmp_path_factory.mktemp("new"), fast=True) as made:
        with psycopg.connect(made.superuser_url.rpartition("/")[0] + "/postgres", autocommit=True) as connection:
            connection.execute("drop database if exists ballast with (force)")
            for role in ROLES:
                connection.execute(f"drop owned by {role}")  # type: ignore[arg-type]
                connection.execute(f"drop role {role}")  # type: ignore[arg-type]
        yield made


def create(server: Postgres) -> subprocess.CompletedProcess[str]:
    env = superuser_of(server)
    env["POSTGRES_USER"] = env["PGUSER"]
    env |= {name: f"{PASSWORD} of {name}" for name in ("OWNER_PASSWORD", "APP_PASSWORD", "WORKER_PASSWORD")}
    return subprocess.run([SCRIPT], env=env, capture_output=True, text=True, check=False)


def test_roles_and_database_are_made_and_a_second_run_tells_nobody_a_password(server: Postgres) -> None:
    assert create(server).returncode == 0
    at = urlsplit(server.superuser_url)
    for role, name in zip(ROLES, ("OWNER", "APP", "WORKER"), strict=True):
        secret = quote(f"{PASSWORD} of {name}_PASSWORD", safe="")
        with psycopg.connect(f"postgresql://{role}:{secret}@{at.hostname}:{at.port}/ballast") as connection:
            waits = connection.execute("show idle_in_transaction_session_timeout").fetchone()
            assert waits == ("0",) if role == "ballast_owner" else ("5min",)
            kept = connection.execute(
                "select pg_encoding_to_char(encoding), datlocale, pg_get_userbyid(datdba) from pg_database where datname = 'ballast'"
            ).fetchone()
            assert kept == ("UTF8", "C.UTF-8", "ballast_owner")

    again = create(server)
    assert again.returncode != 0
    assert "already exists" in again.stderr
    written = "".join(path.read_text(errors="replace") for path in logs(server))
    assert "already exists" in written
    assert '"so" $HOME' not in written + again.stderr  # a part of the passwords that SQL writes as it is


def logs(server: Postgres) -> list[Path]:
    return [path for path in server.directory.rglob("*log*") if path.is_file()]


def test_a_password_that_is_missing_is_asked_for_before_anything_is_made() -> None:
    left = {name: value for name, value in os.environ.items() if not name.endswith("_PASSWORD")}
    done = subprocess.run([SCRIPT], env=left, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "OWNER_PASSWORD" in done.stderr


def test_no_password_stands_on_a_command_line() -> None:
    command = SCRIPT.read_text().partition("psql -v")[2].partition("<<")[0]
    assert "PASSWORD" not in command
