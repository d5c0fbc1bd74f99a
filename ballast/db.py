"""The database: one session a context, one way to commit, and the tenant wall's setting.

This is the only module that knows Flask-SQLAlchemy.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    MetaData,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    column,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction, registry
from sqlalchemy.types import TypeDecorator

from ballast import clock, ids, replica

log = logging.getLogger(__name__)
Found = TypeVar("Found")

APP_ROLE = "ballast_app"
WORKER_ROLE = "ballast_worker"

_organization: ContextVar[str | None] = ContextVar("ballast_organization", default=None)
_asked: ContextVar[int] = ContextVar("ballast_statements", default=0)


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


db = SQLAlchemy(model_class=Base, session_options={"class_": replica.routed(FlaskSession)})


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


@event.listens_for(Engine, "before_cursor_execute")
def _count_statement(*_told: Any) -> None:
    _asked.set(_asked.get() + 1)


def count_statements() -> None:
    """Count anew what the database is asked in this context."""
    _asked.set(0)


def statements() -> int:
    """How many statements that were."""
    return _asked.get()


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
    replica.leave(session)
    session.info["in_block"] = True
    callbacks: list[Callable[[], None]] = []
    session.info["after_commit"] = callbacks
    refusals: list[Callable[[], None]] = []
    session.info["after_refusal"] = refusals
    session.info["once"], session.info["gathered"] = {}, None
    try:
        yield session
        _write_gathered(session)
        session.commit()
    except Exception:
        session.rollback()
        session.info["in_block"] = False
        for callback in refusals:
            callback()
        raise
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info["in_block"], session.info["once"] = False, {}
    for callback in callbacks:
        callback()


def look() -> None:
    """Have `once` remember outside of transactions too, as long as this session lives: for a request that only looks."""
    info = db.session().info
    info["once"], info["is_looking"] = {}, True


def _remembered() -> dict[Hashable, Any]:
    info = db.session().info
    found: dict[Hashable, Any] = info["once"] if info.get("in_block") or info.get("is_looking") else {}
    return found


def once(key: Hashable, find: Callable[[], Found]) -> Found:
    """What `find` answers, asked once in the running transaction(), or in a request that looks; for what nobody changes meanwhile."""
    found = _remembered()
    if key not in found:
        found[key] = find()
    answer: Found = found[key]
    return answer


def glance(key: Hashable, find: Callable[[], Found]) -> Found:
    """As `once`, but only in a request that looks: a transaction() asks each time, for there it may change meanwhile."""
    return find() if db.session().info.get("in_block") else once(key, find)


def know(key: Hashable, value: Any) -> None:
    """Have `once` answer `value` for `key` where it remembers: it was read for many rows in one statement."""
    _remembered()[key] = value


def known(key: Hashable) -> Any:
    """What `once` or `know` have for `key` in the running transaction(); None for nothing."""
    return _remembered().get(key)


def forget(key: Hashable) -> None:
    """Have `once` ask again for `key`: it has changed."""
    db.session().info.get("once", {}).pop(key, None)


def among(column: Any, values: Iterable[str]) -> ColumnElement[bool]:
    """Whether a column has one of these values: one parameter however many there are, so the statement stays the same one."""
    found: ColumnElement[bool] = column == any_(bindparam(None, list(values), type_=ARRAY(column.type)))
    return found


def gather() -> None:
    """From here to the commit of the running transaction(), rows given to `insert_row` are inserted together, right before it."""
    db.session().info["gathered"] = {}


def gathers() -> bool:
    """Whether the running transaction() does."""
    return db.session().info.get("gathered") is not None


def insert_row(model: Any, values: dict[str, Any], once_per: tuple[str, ...] = ()) -> None:
    """Insert a row: at once, or where the transaction gathers before its commit, with all others of its kind in one statement.

    `values`: of every column that the database has no default for. `once_per`: columns that are unique; a second row does nothing.
    What the row refers to is in the session or the database. Nobody may read in the transaction what it has gathered.
    """
    session = db.session()
    kind = (model.__table__, tuple(values), once_per)
    gathered: dict[Any, list[dict[str, Any]]] | None = session.info.get("gathered")
    if gathered is None:
        _insert(session, kind, [values])
    else:
        gathered.setdefault(kind, []).append(values)


def insert_rows(model: Any, rows: list[dict[str, Any]], once_per: tuple[str, ...] = ()) -> None:
    """Insert rows of one shape at once, in one statement; otherwise as `insert_row`."""
    if rows:
        _insert(db.session(), (model.__table__, tuple(rows[0]), once_per), rows)


def _write_gathered(session: Session) -> None:
    """What the rows refer to was added to the session, so that goes first; a kind that refers to another comes after it."""
    if gathered := session.info["gathered"]:
        session.flush()
        for kind, rows in gathered.items():
            _insert(session, kind, rows)


def _insert(session: Session, kind: tuple[Table, tuple[str, ...], tuple[str, ...]], rows: list[dict[str, Any]]) -> None:
    table = kind[0]
    types = ((name, table.c[name].type) for name in kind[1])
    prefixes = {name: type_.prefix for name, type_ in types if isinstance(type_, PublicId)}
    for row in rows:
        row.update({name: ids.to_uuid(row[name], prefix) for name, prefix in prefixes.items() if row[name]})
    session.execute(_insertion(*kind), {"rows": json.dumps(rows, default=str)})


@cache
def _insertion(table: Table, names: tuple[str, ...], once_per: tuple[str, ...]) -> Insert:
    """The rows come as one JSON text: a short statement however many there are, and the least work on this side."""
    columns = (column(name, _plain_type(table.c[name].type)) for name in names)
    given = func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON)).table_valued(*columns)
    given = given.render_derived(with_types=True)
    made = insert(table).from_select(list(names), select(*given.c), include_defaults=False)
    return made.on_conflict_do_nothing(index_elements=list(once_per)) if once_per else made


def _plain_type(kind: Any) -> Any:
    return kind.impl if isinstance(kind, TypeDecorator) else kind


def after_commit(callback: Callable[[], None]) -> None:
    """Run `callback` once the running transaction() has committed; equal callbacks run once. Raises RuntimeError outside of one."""
    if not db.session().info.get("in_block"):
        raise RuntimeError("after_commit() outside transaction()")
    callbacks: list[Callable[[], None]] = db.session().info["after_commit"]
    if callback not in callbacks:
        callbacks.append(callback)


def after_refusal(callback: Callable[[], None]) -> None:
    """Run `callback`, in a transaction of its own if it wants one, once the running transaction() was rolled back for an error.

    Outside of one nothing is run: nobody was refused anything.
    """
    info = db.session().info
    if info.get("in_block"):
        info["after_refusal"].append(callback)


def end_reading() -> None:
    """Give the connection back: from here until the next statement no transaction is open."""
    if db.session().info.get("in_block"):
        raise RuntimeError("end_reading() inside transaction()")
    db.session.rollback()


def is_reading() -> bool:
    """Whether what was read last is still as it was read: no end_reading() or transaction() came since."""
    return db.session().in_transaction()


def assert_no_transaction() -> None:
    """Raise unless no transaction and no connection is held: what must be true while a processor is being called."""
    if db.session.registry.has() and db.session().in_transaction():
        raise RuntimeError("a database transaction is open around a call to a processor")
