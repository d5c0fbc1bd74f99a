"""PostgreSQL and Valkey by themselves, as the tests of the application use them."""

import os
import signal
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ballast.local import account, processes
from ballast.local.errors import LocalError
from ballast.local.postgres import Postgres
from ballast.local.valkey import Valkey
from tests.local.checkout import is_gone, wait_for


def test_postgres_keeps_its_data_through_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    server = Postgres(folder).start()
    with psycopg.connect(server.owner_url) as connection:
        connection.execute("create table kept as select 7 as n")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_for(lambda: is_gone(server.pid or 0), 5)
    server.stop()
    assert (folder / "data" / "postmaster.pid").exists()

    with Postgres(folder) as again, psycopg.connect(again.owner_url) as connection:
        assert connection.execute("select n from kept").fetchone() == (7,)


def test_a_pid_file_that_names_a_stranger_does_not_stop_postgres(tmp_path: Path) -> None:
    with Postgres(tmp_path, fast=True):
        pass
    (tmp_path / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path / 'data'}\n0\n1\n\n\n\n")
    with Postgres(tmp_path, fast=True) as server:
        assert server.is_ready()


def test_a_server_that_still_runs_on_the_folder_is_ended_first(tmp_path: Path) -> None:
    first = Postgres(tmp_path, fast=True).start()
    with Postgres(tmp_path, fast=True) as second:
        assert second.is_ready()
        first.stop()
        assert second.is_ready()


def test_passwords_that_do_not_fit_the_data_are_explained(tmp_path: Path) -> None:
    with Postgres(tmp_path, fast=True):
        (tmp_path / "passwords.json").unlink()
    with pytest.raises(LocalError, match="belongs to another"):
        Postgres(tmp_path, fast=True).start()


def test_data_of_another_version_are_explained(tmp_path: Path) -> None:
    with Postgres(tmp_path, fast=True):
        pass
    (tmp_path / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(LocalError, match="was made by PostgreSQL 15"):
        Postgres(tmp_path, fast=True).start()


def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    with Postgres(tmp_path / "first", fast=True) as first, pytest.raises(LocalError, match="Address already in use"):
        Postgres(tmp_path / "second", first.port, fast=True).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused by PostgreSQL and needs another account")
def test_root_without_namespaces_runs_postgres_below_the_systems_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest's own folders are closed to others; the state folder must be one `nobody` can reach.
    open_folder = Path("/var/tmp") / f"ballast-test-{os.getpid()}"
    monkeypatch.setattr(account, "SYSTEM_STATE", open_folder)
    try:
        with Postgres(tmp_path / "home", fast=True, namespaces=False) as server:
            assert server.is_ready()
            assert server.programs.is_relative_to(open_folder)
            assert not (tmp_path / "home" / "data").exists()
    finally:
        processes.runs(["rm", "-rf", open_folder])


def test_valkey_keeps_its_data_through_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / 'with "quotes" and a space'
    server = Valkey(folder).start()
    redis.Redis.from_url(server.url).set("kept", "7")
    # Appended data are on disk within a second, or at once when asked.
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_for(lambda: is_gone(server.pid or 0), 5)
    server.stop()
    with Valkey(folder) as again:
        assert redis.Redis.from_url(again.url).get("kept") == b"7"


def test_valkey_refuses_those_without_the_password(tmp_path: Path) -> None:
    with Valkey(tmp_path, fast=True) as server, pytest.raises(redis.AuthenticationError):
        redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)).ping()
