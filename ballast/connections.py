"""Connections past the session, for statements that do all a request has to (docs/decisions/0017-some-requests-go-past-flask.md)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

# What such a statement raises: it failed, or there was no connection for it.
NO_ANSWER: Final = (psycopg.Error, SQLAlchemyError)
# Open connections that nobody uses, by engine.
_idle: WeakKeyDictionary[Engine, deque[psycopg.Connection[Any]]] = WeakKeyDictionary()


@contextmanager
def past_session(engine: Engine) -> Iterator[psycopg.Connection[Any]]:
    """A connection on which each statement is a transaction of its own, for one that does all a request has to: no session, no model,
    and no question beforehand whether the connection still lives. One that fails is closed, whatever became of its statement.
    """
    idle = _idle.setdefault(engine, deque())
    try:
        connection = idle.pop()
    except IndexError:
        connection = _connect_apart(engine)
    try:
        yield connection
    except BaseException:
        connection.close()
        raise
    idle.append(connection)


def _connect_apart(engine: Engine) -> psycopg.Connection[Any]:
    """Made as the engine makes its own, in the same role, and no part of its pool."""
    taken = engine.raw_connection()
    taken.detach()
    connection: Any = taken.dbapi_connection
    connection.autocommit = True
    made: psycopg.Connection[Any] = connection
    return made


@event.listens_for(Engine, "engine_disposed")
def _close_idle(engine: Engine) -> None:
    for connection in _idle.pop(engine, ()):
        connection.close()
