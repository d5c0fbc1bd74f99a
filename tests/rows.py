"""All rows of the tests' database: taken away, kept, and put back."""

from __future__ import annotations

from itertools import count
from zlib import crc32

import psycopg

_numbers = count()


class KeptRows:
    """All rows as they are now, in temporary tables of the session, so that one statement puts them back."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        here = f"pg_temp.kept_{next(_numbers)}"
        fill = []
        for table in tables(connection):
            connection.execute(f"create table {here}_{table} as table {table}")  # type: ignore[arg-type]
            if connection.execute(f"select from {here}_{table} limit 1").fetchone() is not None:  # type: ignore[arg-type]
                columns = ", ".join(_columns(connection, table))
                chosen = f"overriding system value select {columns} from {here}_{table}"
                fill.append(f"insert into {table} ({columns}) {chosen}")
        self._fill = "; ".join(fill)

    def put_back(self) -> None:
        """Into tables that are empty."""
        _do(self._connection, self._fill)


def empty(connection: psycopg.Connection) -> None:
    """Delete every row. DELETE and not TRUNCATE: on small tables it is several times as fast."""
    _do(connection, "; ".join(f"delete from {table}" for table in tables(connection)))


def tables(connection: psycopg.Connection) -> list[str]:
    """Names of all tables of ours."""
    ours = "relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname <> 'alembic_version'"
    return [str(row[0]) for row in connection.execute(f"select relname from pg_class where {ours}")]  # type: ignore[arg-type]


def _do(connection: psycopg.Connection, statements: str) -> None:
    """The statements, from a function of the session's: so Postgres plans them once, which takes longer than to do them."""
    name = f"pg_temp.do_{crc32(statements.encode())}"
    if connection.execute("select to_regproc(%s)", [name]).fetchone() == (None,):
        body = f"begin {statements}; end"
        connection.execute(f"create function {name}() returns void language plpgsql as $${body}$$")  # type: ignore[arg-type]
    connection.execute(f"select {name}()")  # type: ignore[arg-type]


def _columns(connection: psycopg.Connection, table: str) -> list[str]:
    """Those that are written and not generated."""
    written = "attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = ''"
    rows = connection.execute(f"select quote_ident(attname) from pg_attribute where {written}", [table])  # type: ignore[arg-type]
    return [str(row[0]) for row in rows]
