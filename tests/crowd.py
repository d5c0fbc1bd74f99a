"""Many rows of many organizations, copied inside the database: a thousand in the time one takes over the API."""

from __future__ import annotations

from typing import Any

import psycopg

from ballast.db import db, transaction
from ballast.ids import new_id, to_uuid
from ballast.notifications.turns import FIRST, Due
from tests.world import World

# Columns that are each row's own, beside its id.
OWN = {
    "id": "gen_random_uuid()",
    "token": "gen_random_uuid()::text",
    "dedupe_key": "gen_random_uuid()::text",
    "external_id": "gen_random_uuid()::text",
    "event_id": "gen_random_uuid()",
    "agreement_id": "gen_random_uuid()",
}


def neighbors(connection: psycopg.Connection, world: World, count: int) -> list[str]:
    """As many organizations like Acme, empty; answers their ids."""
    found = [new_id("org") for _ in range(count)]
    for owner in found:
        copies(connection, "organizations", world.acme.id, 1, id=owner, slug=owner)
    return found


def copies(connection: psycopg.Connection, table: str, of: str, count: int, **changed: str) -> None:
    """As many copies of an organization's first row of a table, each with an id, a token and keys of its own."""
    asked = "select column_name from information_schema.columns where table_schema = 'public' and table_name = %s"
    columns = [str(row[0]) for row in connection.execute(asked, [table])]
    values = {name: f"%({name})s" for name in changed}
    chosen = ", ".join(values.get(name) or OWN.get(name) or f"row.{name}" for name in columns)
    owner = "id" if table == "organizations" else "organization_id"
    given = {name: uuid_of(value) for name, value in changed.items()} | {"of": uuid_of(of), "count": count}
    connection.execute(
        f"insert into {table} ({', '.join(columns)}) select {chosen} from "  # type: ignore[arg-type]
        f"(select * from {table} where {owner} = %(of)s limit 1) as row, generate_series(1, %(count)s)",
        given,
    )


def uuid_of(value: str) -> Any:
    """A public id as the uuid it is; any other text as it is."""
    prefix, _, rest = value.rpartition("_")
    return (to_uuid(value, prefix) or value) if prefix and rest else value


def put(connection: psycopg.Connection, table: str, **values: Any) -> None:
    """One row; what it refers to need not be there."""
    given = {name: uuid_of(value) if isinstance(value, str) else value for name, value in values.items()}
    marks = ", ".join(f"%({name})s" for name in given)
    connection.execute(f"insert into {table} ({', '.join(given)}) values ({marks})", given)  # type: ignore[arg-type]


def explained(rows: Due, owner: str) -> str:
    """How Postgres finds whose turn it is, and what is due of them."""
    given = rows.moment() | {"after": FIRST, "owners": [owner], "share": 64}
    found = []
    with transaction() as session:
        for statement in (rows.owners, rows.heads, rows.oldest()):
            named = {name: value for name, value in given.items() if name in statement.compile().params}
            asked = str(statement.params(**named).compile(db.engine, compile_kwargs={"literal_binds": True}))
            asked = asked.replace("'])", "']::uuid[])")
            found += [row[0] for row in session.connection().exec_driver_sql(f"explain {asked}")]
    return "\n".join(found)
