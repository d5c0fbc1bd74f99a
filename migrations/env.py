"""Alembic's environment: migrations run as the owner of the tables, never as the serving role."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from alembic import context
from flask import current_app
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Uuid, create_engine, pool, text
from sqlalchemy.exc import OperationalError

from ballast.db import Base, PublicId
from ballast.doctor import schema

log = logging.getLogger("alembic.runtime.migration")
settings = current_app.extensions["ballast"].settings


def render_item(kind: str, item: Any, _context: Any) -> str | bool:
    """Migrations outlive the models: a public id is written as the uuid it is."""
    return "sa.Uuid()" if kind == "type" and isinstance(item, PublicId) else False


def same_type(_context: Any, _inspected: Any, metadata: Any, found: Any, wanted: Any) -> bool | None:
    """A public id equals a uuid; everything else is compared by Alembic."""
    return not isinstance(found, Uuid) if isinstance(wanted, PublicId) else None


# How long a migration waits for a lock. While it waits, everybody who comes after it waits for it: requests, which may take longer than
# that but not for ever. Then it gives up, lets them through, and tries again.
LOCK_TIMEOUT = os.environ.get("MIGRATION_LOCK_TIMEOUT", "2s")
TRIES = 30
PAUSE_SECONDS = 1.0


def run() -> None:
    """Apply each migration in a transaction of its own, on a connection of their own; one that waits too long for a lock, again."""
    engine = create_engine(settings.owner_url, poolclass=pool.NullPool)
    for left in reversed(range(TRIES)):
        try:
            with engine.connect() as connection:
                _apply(connection)
            return
        except OperationalError as error:
            if not left or not isinstance(error.orig, LockNotAvailable):
                raise
            log.warning("a table was in use for more than %s: trying again, %s times more", LOCK_TIMEOUT, left)
            time.sleep(PAUSE_SECONDS)


def _apply(connection: Connection) -> None:
    connection.execute(text("select set_config('lock_timeout', :most, false)"), {"most": LOCK_TIMEOUT})
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=same_type,
        compare_server_default=True,
        render_item=render_item,
        transaction_per_migration=True,
        on_version_apply=note_oldest_code,
    )
    with context.begin_transaction():
        context.run_migrations()


def note_oldest_code(ctx: Any, heads: set[str], **_more: Any) -> None:
    """Write beside the version which code can still run on it, for releases that do not know this migration (`flask db-check`)."""
    if heads:
        oldest = schema.oldest_code(context.script, max(heads))
        ctx.connection.execute(text(f"comment on table alembic_version is '{schema.NOTE.format(oldest)}'"))


if context.is_offline_mode():
    raise SystemExit(
        "Offline migrations are not supported: run `flask --app app db upgrade` with DATABASE_OWNER_URL set."
    )
run()
