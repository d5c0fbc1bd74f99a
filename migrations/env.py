"""Alembic's environment: migrations run as the owner of the tables, never as the serving role."""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Uuid, create_engine, pool

from ballast.db import Base, PublicId

settings = current_app.extensions["ballast"].settings


def render_item(kind: str, item: Any, _context: Any) -> str | bool:
    """Migrations outlive the models: a public id is written as the uuid it is."""
    return "sa.Uuid()" if kind == "type" and isinstance(item, PublicId) else False


def same_type(_context: Any, _inspected: Any, metadata: Any, found: Any, wanted: Any) -> bool | None:
    """A public id equals a uuid; everything else is compared by Alembic."""
    return not isinstance(found, Uuid) if isinstance(wanted, PublicId) else None


def run() -> None:
    """Apply the migrations in one transaction, on a connection of their own."""
    engine = create_engine(settings.owner_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=same_type,
            compare_server_default=True,
            render_item=render_item,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit(
        "Offline migrations are not supported: run `flask --app app db upgrade` with DATABASE_OWNER_URL set."
    )
run()
