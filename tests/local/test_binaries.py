from pathlib import Path

import pytest

from ballast.local import binaries
from ballast.local.errors import LocalError


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine no wheel fits and on which nothing is installed; a folder on its PATH."""
    monkeypatch.setattr(binaries, "_package_folder", lambda name: None)
    monkeypatch.setattr(binaries, "SYSTEM_POSTGRES", ((str(tmp_path / "lib"), "*/bin"),))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}")
    (tmp_path / "path").mkdir()
    return tmp_path


def _install(program: Path, version: str) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\necho '{version}'\n")
    program.chmod(0o755)


def test_the_wheels_are_taken_first() -> None:
    assert binaries.is_from_wheel(binaries.find_postgres() / "postgres")
    assert binaries.is_from_wheel(binaries.find_valkey())


def test_without_a_wheel_the_newest_postgres_of_the_machine_is_taken(machine: Path) -> None:
    for version in ("9", "16", "17"):
        _install(machine / "lib" / version / "bin" / "postgres", f"postgres (PostgreSQL) {version}.2 (Debian)")
    assert binaries.find_postgres() == machine / "lib" / "17" / "bin"


def test_a_postgres_that_is_too_old_is_named(machine: Path) -> None:
    _install(machine / "path" / "postgres", "postgres (PostgreSQL) 15.1")
    with pytest.raises(LocalError, match=r"Install PostgreSQL 16 or newer.*path/postgres is version 15"):
        binaries.find_postgres()


def test_without_a_wheel_redis_will_do(machine: Path) -> None:
    _install(machine / "path" / "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64")
    assert binaries.find_valkey() == machine / "path" / "redis-server"


def test_with_nothing_to_run_it_says_what_to_install(machine: Path) -> None:
    with pytest.raises(LocalError, match="Install Valkey or Redis"):
        binaries.find_valkey()
    with pytest.raises(LocalError, match="or set DATABASE_URL"):
        binaries.find_postgres()
