"""Whether this release may run on the database as it is, and whether what is still to be migrated lets the release before go on.

A migration *expands*: it adds what the release before does not know and does not miss. One that takes something away *contracts*, and
says so with `breaks_before = "0017"`: code whose newest migration is older than that cannot run on what it leaves. The highest of
these is written beside the version in the database (migrations/env.py), so that an older release knows too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from ballast.db import db
from ballast.doctor.finding import Finding, fail, ok, warn

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations"
# What env.py writes as the comment of alembic_version.
NOTE: Final = "runs code from {}"
DECLARED: Final = re.compile(r'^breaks_before = "(\d{4})"$', re.MULTILINE)
NOTED: Final = re.compile(r"^runs code from (\d{4})$")
FIRST: Final = "0001"
# Operations that take away what the release before may be using.
TAKES_AWAY: Final = {
    "drop_table": "drops a table",
    "drop_column": "drops a column",
    "rename_table": "renames a table",
}


@dataclass(frozen=True)
class Contraction:
    """Something a migration does that the release before cannot live with."""

    revision: str
    line: int
    said: str


def check(folder: Path = MIGRATIONS) -> Iterator[Finding]:
    """Compare the database with this release's migrations, and read those that are still to come. As the worker's role: the web's may
    not see the version."""
    scripts = _scripts(folder)
    head = scripts.get_current_head() or ""
    there = _version(db.session())
    if there == head:
        yield ok("migrations", f"At {head}, the newest.")
    elif (newer := unknown(db.session(), folder)) is not None:
        yield newer
    else:
        yield from _pending(scripts, there, head)


def unknown(asked: Session | Connection, folder: Path = MIGRATIONS) -> Finding | None:
    """Whether this release may run on a database that a newer one migrated; None where it knows the database's version."""
    scripts, there = _scripts(folder), _version(asked)
    if not there or there in {one.revision for one in scripts.walk_revisions()}:
        return None
    return _newer(there, scripts.get_current_head() or "", _noted(asked))


def skips_a_release(asked: Session | Connection, folder: Path = MIGRATIONS, to: str = "head") -> Finding | None:
    """Whether migrating up to `to` would take away what code as old as the database needs, which may be what serves; None where it
    would not, or where the database is empty. Raises alembic's RevisionError where no way leads there."""
    there = _version(asked)
    if not there:
        return None
    for one in list(_scripts(folder).iterate_revisions(to, there, implicit_base=True))[::-1]:
        needed = breaks_before(Path(one.path))
        if needed and needed > there:
            return _hasty(one, needed, there)
    return None


def _hasty(one: Script, needed: str, there: str) -> Finding:
    """The releases between have what is needed and do not yet take it away; there is none where one migration does both."""
    last = str(one.down_revision)
    between = f"Upgrade first to a release whose newest migration is {needed}{f' to {last}' if last > needed else ''}. "
    said = f"{one.revision} contracts: code before {needed} cannot run on what it leaves, "
    said += f"and the database is at {there}, so such code may serve."
    mend = "Where every process is stopped: `flask --app app db upgrade --nobody-serves`."
    return fail("migrations", said, (between if needed <= last else "") + mend)


def _version(asked: Session | Connection) -> str:
    """The newest migration of a database, "" for one that has none."""
    if asked.execute(text("select to_regclass('alembic_version') is null")).scalar_one():
        return ""
    return asked.execute(text("select version_num from alembic_version")).scalars().first() or ""


def _newer(there: str, head: str, oldest: str | None) -> Finding:
    if oldest is not None and oldest <= head:
        return ok("migrations", f"The database is at {there}, this release at {head}, and may run on it.")
    mend = (
        f"Start a newer release, or bring the database back with the newer one's `flask --app app db downgrade {head}`."
    )
    return fail(
        "migrations", f"The database is at {there}, which needs code from {oldest or there} on; this is {head}.", mend
    )


def _noted(asked: Session | Connection) -> str | None:
    found = NOTED.match(asked.execute(text("select obj_description('alembic_version'::regclass)")).scalar_one() or "")
    return found[1] if found else None


def _pending(scripts: ScriptDirectory, there: str, head: str) -> Iterator[Finding]:
    waiting = pending(scripts, there)
    mend = "`flask --app app db upgrade`"
    yield fail("migrations", f"The database is at {there or 'nothing'}, this release at {head}.", mend)
    for one in waiting:
        declared = breaks_before(Path(one.path))
        if declared:
            mend = f"Run it only when no process of a release before {declared} is left."
            yield warn(
                "migrations", f"{one.revision} contracts: code before {declared} cannot run on what it leaves.", mend
            )
        else:
            yield ok("migrations", f"{one.revision} expands: the release before goes on while it runs.")


def pending(scripts: ScriptDirectory, there: str) -> list[Script]:
    """The migrations that come after a version, oldest first."""
    return list(scripts.iterate_revisions("head", there or "base"))[::-1]


def oldest_code(scripts: ScriptDirectory, there: str) -> str:
    """The oldest release, named by its newest migration, that can run on a database at `there`."""
    applied = scripts.iterate_revisions(there, "base")
    return max([FIRST, *(found for one in applied if (found := breaks_before(Path(one.path))))])


def breaks_before(migration: Path) -> str | None:
    """What a migration declares as `breaks_before`; None for one that expands."""
    found = DECLARED.search(migration.read_text(encoding="utf-8"))
    return found[1] if found else None


def contractions(migration: Path) -> list[Contraction]:
    """What a migration does, downgrade() apart, that the release before cannot live with, whether or not it declares so."""
    tree = ast.parse(migration.read_text(encoding="utf-8"))
    parts = [node for node in tree.body if getattr(node, "name", None) != "downgrade"]
    calls = [node for part in parts for node in ast.walk(part) if isinstance(node, ast.Call)]
    new_tables = {_word(call, 0) for call in calls if _name(call) == "create_table"}
    found = [(call.lineno, said) for call in calls if (said := _said_of(call, new_tables))]
    revision = migration.name.partition("_")[0]
    return [Contraction(revision, line, said) for line, said in sorted(found)]


def _said_of(call: ast.Call, new_tables: set[str | None]) -> str | None:
    """What is wrong with one call of Alembic's, None for nothing. A table that the same migration makes nobody uses yet."""
    name, given = _name(call), {word.arg: word.value for word in call.keywords}
    if name in TAKES_AWAY:
        return TAKES_AWAY[name]
    if name == "alter_column":
        return _said_of_change(given)
    if name == "add_column" and isinstance(call.args[-1], ast.Call):
        return None if _word(call, 0) in new_tables else _said_of_column(call.args[-1])
    makes_unique = name == "create_unique_constraint" or (name == "create_index" and _is(given.get("unique"), True))
    if makes_unique and _word(call, 1) not in new_tables:
        return "makes something unique that was not: the release before may insert it twice"
    if name == "create_check_constraint" and _word(call, 1) not in new_tables:
        valid = not _is(given.get("postgresql_not_valid"), True)
        return "checks what was not checked: the release before may write what it refuses" if valid else None
    return None


def _said_of_column(column: ast.Call) -> str | None:
    given = {word.arg: word.value for word in column.keywords}
    if _is(given.get("nullable"), False) and "server_default" not in given:
        return "adds a column that must be filled and has no default: the release before cannot insert"
    return None


def _said_of_change(given: dict[str | None, ast.expr]) -> str | None:
    if "new_column_name" in given:
        return "renames a column"
    if "type_" in given:
        return "changes a column's type, which rewrites the table under a lock"
    return (
        "lets a column be empty no more: the release before may still leave it so"
        if _is(given.get("nullable"), False)
        else None
    )


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _word(call: ast.Call, place: int) -> str | None:
    """A positional argument that is written out."""
    given = call.args[place] if len(call.args) > place else None
    return str(given.value) if isinstance(given, ast.Constant) else None


def _is(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _scripts(folder: Path) -> ScriptDirectory:
    options = Config()
    options.set_main_option("script_location", str(folder))
    return ScriptDirectory.from_config(options)
