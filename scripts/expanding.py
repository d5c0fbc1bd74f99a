"""Whether a migration can run while the release before serves: what it takes away, and what it would lock for long.

Our own rules are in ballast/doctor/schema.py; squawk reads the very statements that a migration sends to PostgreSQL, those of
`op.execute` too. A migration that takes something away declares `breaks_before`, or says why the release before does not mind:
`harmless = "why"`. One that locks a table that is small enough says so: `locks = "why nobody waits"`.
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
FROM: Final = "0020"
SQUAWK: Final = Path(sys.executable).parent / "squawk"
# What env.py sees to (timeouts), and what is a matter of taste.
NOT_ASKED: Final = (
    *("require-lock-timeout", "require-statement-timeout"),
    *("prefer-text-field", "prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-robust-stmts"),
    *("prefer-timestamptz", "prefer-identity", "require-table-schema"),
)
# How squawk's rules begin that are about what the release before misses; the others are about locks.
TAKES_AWAY: Final = ("ban-drop-", "renaming-")
# One may stand after others, or after a comment.
CHANGES: Final = re.compile(r"(^|;)\s*(alter|create|drop)\s", re.IGNORECASE | re.MULTILINE)
LOCKS: Final = re.compile(r'^locks = "(.+)"$', re.MULTILINE)
HARMLESS: Final = re.compile(r'^harmless = "(.+)"$', re.MULTILINE)


@contextmanager
def spoken() -> Iterator[list[str]]:
    """The statements that change tables and are sent inside the block, by this process."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if CHANGES.search(statement):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def complaints(migration: Path, statements: list[str]) -> list[str]:
    """What stands against running a migration while the release before serves; empty where nothing does."""
    written, found = migration.read_text(encoding="utf-8"), _squawk(statements)
    taken = [one for one in found if one.startswith(TAKES_AWAY)]
    locked = [one for one in found if one not in taken]
    taken = [f"{one.line}: {one.said}" for one in schema.contractions(migration)] + [f" {said}" for said in taken]
    if schema.breaks_before(migration) or HARMLESS.search(written):
        taken = []
    if LOCKS.search(written):
        locked = []
    mend = 'declare `breaks_before`, do it a release later, or say why nobody misses it: `harmless = "…"`'
    return [f"{migration.name}:{said}; {mend}" for said in taken] + [
        f'{migration.name}: {said}; or say why nobody waits: `locks = "…"`' for said in locked
    ]


def _squawk(statements: list[str]) -> list[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(";\n".join(statements) + ";\n")
        file.flush()
        words = ["--assume-in-transaction", "--reporter", "json", f"--exclude={','.join(NOT_ASKED)}", file.name]
        done = subprocess.run([SQUAWK, *words], check=False, capture_output=True, text=True)
    if done.returncode not in (0, 1) or not done.stdout.strip().startswith("["):
        raise RuntimeError(f"squawk failed: {done.stderr[-500:]}")
    return sorted({f"{one['rule_name']}: {one['message']}" for one in json.loads(done.stdout)})
