"""Whether a migration can run while the release before serves: what it takes away, and what it would lock for long.

Our own rules are in ballast/doctor/schema.py; squawk reads the very statements that a migration sends to PostgreSQL. A migration that
takes something away declares `breaks_before`; one that locks a table that is small enough says so: `locks = "why nobody waits"`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event

from ballast.doctor import schema

# Migrations from this one on are looked at. Those before make up the first release, on a database that is still empty.
FROM: Final = "0022"
SQUAWK: Final = Path(sys.executable).parent / "squawk"
# What env.py sees to (timeouts), what our own rules say better, and what is a matter of taste.
NOT_ASKED: Final = (
    *("require-lock-timeout", "require-statement-timeout", "ban-drop-column", "ban-drop-table", "ban-drop-constraint"),
    *("prefer-text-field", "prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-robust-stmts"),
    *("prefer-timestamptz", "prefer-identity", "require-table-schema"),
)
CHANGES: Final = re.compile(r"^\s*(alter|create|drop)\s", re.IGNORECASE)
EXCUSED: Final = re.compile(r'^locks = "(.+)"$', re.MULTILINE)


@contextmanager
def spoken() -> Iterator[list[str]]:
    """The statements that change tables and are sent inside the block, by this process."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if CHANGES.match(statement):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def complaints(migration: Path, statements: list[str]) -> list[str]:
    """What stands against running a migration while the release before serves; empty where nothing does."""
    taken = [] if schema.breaks_before(migration) else schema.contractions(migration)
    found = [
        f"{migration.name}:{one.line}: {one.said}; declare `breaks_before`, or do it a release later" for one in taken
    ]
    if EXCUSED.search(migration.read_text(encoding="utf-8")):
        return found
    return found + [f'{migration.name}: {said}; or say why nobody waits: `locks = "…"`' for said in _squawk(statements)]


def _squawk(statements: list[str]) -> list[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(";\n".join(statements) + ";\n")
        file.flush()
        words = ["--assume-in-transaction", "--reporter", "json", f"--exclude={','.join(NOT_ASKED)}", file.name]
        done = subprocess.run([SQUAWK, *words], check=False, capture_output=True, text=True)
    if done.returncode not in (0, 1) or not done.stdout.strip().startswith("["):
        raise RuntimeError(f"squawk failed: {done.stderr[-500:]}")
    return sorted({f"{one['rule_name']}: {one['message']}" for one in json.loads(done.stdout)})
