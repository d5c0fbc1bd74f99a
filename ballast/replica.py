"""A second PostgreSQL that follows the first, for reading. Who looks may be sent there; who changes anything never reads there.

It is a little behind, and it may be away: then everything is read where it is written, as without one.
"""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

# How long one that did not answer is left alone, so that it slows one page and not all of them.
LEFT_ALONE_SECONDS = 10.0

_engine: Engine | None = None
_reads_there: ContextVar[bool] = ContextVar("ballast_reads_replica", default=False)
_left_alone_until = 0.0


def routed(kind: type[Session]) -> type[Session]:
    """A kind of session whose statements go to the replica while its context reads there."""

    class Routed(kind):  # type: ignore[valid-type,misc]
        def get_bind(self, *args: Any, **kwargs: Any) -> Any:
            return _engine if _engine is not None and _reads_there.get() else super().get_bind(*args, **kwargs)

    return Routed


def use(url: str, options: dict[str, Any]) -> None:
    """Have this process know a replica; an empty `url` for none. `options` are those of the engine that writes."""
    global _engine, _left_alone_until
    if _engine is not None:
        _engine.dispose()
    _engine, _left_alone_until = (create_engine(url, **options) if url else None), 0.0


def is_known() -> bool:
    """Whether there is one, and it is not being left alone."""
    return _engine is not None and time.monotonic() >= _left_alone_until


def read_there(session: Session) -> None:
    """From here on in this context the session reads at the replica, if it answers; what was read before is read anew there."""
    global _left_alone_until
    if not is_known():
        return
    session.rollback()
    _reads_there.set(True)
    try:
        session.connection()
    except (OperationalError, PoolTimeout) as error:
        _left_alone_until = time.monotonic() + LEFT_ALONE_SECONDS
        log.warning("the replica does not answer and is left alone for %s s: %s", LEFT_ALONE_SECONDS, error)
        session.rollback()
        _reads_there.set(False)


def leave(session: Session) -> None:
    """From here on in this context everything is read where it is written; what was read at the replica is read anew."""
    if _reads_there.get():
        session.rollback()
        _reads_there.set(False)
