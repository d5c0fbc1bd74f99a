"""The database: one session a context, one way to commit, and the tenant wall's setting.

This is the only module that knows Flask-SQLAlchemy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, Connection, DateTime, Engine, MetaData, Uuid, event, text
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction, registry
from sqlalchemy.types import TypeDecorator

from ballast import clock, ids

log = logging.getLogger(__name__)
Found = TypeVar("Found")

APP_ROLE = "ballast_app"
WORKER_ROLE = "ballast_worker"

_organization: ContextVar[str | None] = ContextVar("ballast_organization", default=None)


class PublicId(TypeDecorator[str]):
    """A TypeID outside (`pay_01j…`), a native uuid inside."""

    impl = Uuid
    cache_ok = True

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    def process_bind_param(self, value: str | None, _dialect: Any) -> UUID | None:
        if value is None:
            return None
        found = ids.to_uuid(value, self.prefix)
        if found is None:
            raise ValueError(f"{value!r} is not a {self.prefix}_ id")
        return found

    def process_result_value(self, value: UUID | None, _dialect: Any) -> str | None:
        return None if value is None else ids.from_uuid(value, self.prefix)


NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


TYPES: dict[Any, Any] = {datetime: DateTime(timezone=True), int: BigInteger}


class Base(DeclarativeBase):
    """Every model. Times are timestamptz; constraint names are derived, so migrations can name them."""

    registry = registry(metadata=MetaData(naming_convention=NAMES), type_annotation_map=TYPES)


db = SQLAlchemy(model_class=Base)


WHO_AND_WHEN = text(
    "select set_config('app.organization', :value, true), "
    "(select clock_at from organizations where id = nullif(:value, '')::uuid) as clock_at"
)

# --- Who is asking -----------------------------------------------------------------------------------------------------------


def current_organization() -> str | None:
    """The organization id this context works for."""
    return _organization.get()


def set_organization(organization_id: str | None) -> None:
    """Work for this organization from here on, in the running transaction too."""
    _organization.set(organization_id)
    clock.follow(None)
    if db.session.registry.has() and db.session().in_transaction():
        _tell_postgres(db.session.connection())


@contextmanager
def organization(organization_id: str) -> Iterator[None]:
    """Work for this organization inside the block."""
    before = _organization.get()
    set_organization(organization_id)
    try:
        yield
    finally:
        set_organization(before)


def _tell_postgres(connection: Connection) -> None:
    """The tenant wall's setting; the same round trip brings the clock of an organization that has one of its own."""
    found = _organization.get()
    value = str(ids.to_uuid(found, "org")) if found else ""
    row = connection.execute(WHO_AND_WHEN, {"value": value}).one()
    clock.follow(row.clock_at)


@event.listens_for(Session, "after_begin")
def _on_begin(_session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    if _organization.get() is not None:
        _tell_postgres(connection)


def assume_role(engine: Engine, role: str) -> None:
    """Make each new connection of `engine` serve as `role` unless it signed in as it (one DATABASE_URL for everything)."""
    if engine.url.username == role:
        return

    @event.listens_for(engine, "connect")
    def set_role(connection: Any, _record: Any) -> None:
        before, connection.autocommit = connection.autocommit, True
        connection.execute(f'set role "{role}"')
        connection.autocommit = before


@contextmanager
def own_session() -> Iterator[None]:
    """A session of this thread's own: pool threads copy the context they come from and must not share its session."""
    with current_app.app_context():
        yield


# --- Transactions ------------------------------------------------------------------------------------------------------------


@contextmanager
def transaction() -> Iterator[Session]:
    """The only place that commits. After the commit, callbacks given to `after_commit` run; after an error nothing of it remains."""
    session = db.session()
    if session.info.get("in_block"):
        raise RuntimeError("transaction() does not nest: let the outermost caller own it")
    session.info["in_block"] = True
    callbacks: list[Callable[[], None]] = []
    session.info["after_commit"] = callbacks
    session.info["once"] = {}
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        callbacks.clear()
        raise
    finally:
        session.info["in_block"] = False
    for callback in callbacks:
        callback()


def once(key: Hashable, find: Callable[[], Found]) -> Found:
    """What `find` answers, asked once in the running transaction(); for what many of its steps read and none of them changes."""
    found: dict[Hashable, Any] = db.session().info.setdefault("once", {}) if db.session().info.get("in_block") else {}
    if key not in found:
        found[key] = find()
    answer: Found = found[key]
    return answer


def after_commit(callback: Callable[[], None]) -> None:
    """Run `callback` once the running transaction() has committed; equal callbacks run once. Raises RuntimeError outside of one."""
    if not db.session().info.get("in_block"):
        raise RuntimeError("after_commit() outside transaction()")
    callbacks: list[Callable[[], None]] = db.session().info["after_commit"]
    if callback not in callbacks:
        callbacks.append(callback)


def end_reading() -> None:
    """Give the connection back: from here until the next statement no transaction is open."""
    if db.session().info.get("in_block"):
        raise RuntimeError("end_reading() inside transaction()")
    db.session.rollback()


def assert_no_transaction() -> None:
    """Raise unless no transaction and no connection is held: what must be true while a processor is being called."""
    if db.session.registry.has() and db.session().in_transaction():
        raise RuntimeError("a database transaction is open around a call to a processor")
