"""Browsers somebody is signed in with. A row each, asked of Postgres at every request; ending one ends any copy of its cookie."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, select, update

from ballast import audit
from ballast.clock import real_time
from ballast.db import db, transaction
from ballast.errors import NotFound
from ballast.ids import new_id, to_uuid
from ballast.models import User, UserSession

log = logging.getLogger(__name__)

# "Last seen" is for people: rarely written, and no page waits for it.
SEEN_EVERY: Final = timedelta(minutes=10)
LASTS: Final = timedelta(days=7)
# However much it is used: then the password is asked for again.
LONGEST: Final = timedelta(days=30)
MOST_SHOWN: Final = 50


def begin(user_id: str, generation: int, user_agent: str) -> str:
    """A session of this browser; its id."""
    session_id = new_id("ses")
    with transaction() as session:
        session.add(
            UserSession(
                id=session_id,
                user_id=user_id,
                generation=generation,
                ip=audit.actor().ip,
                user_agent=user_agent[:200],
            )
        )
    log.info("signed in: user %s, session %s, from %s", user_id, session_id, audit.actor().ip or "-")
    return session_id


def load(user_id: str, generation: int, session_id: str) -> User | None:
    """The user of a session, unless it ended, was left alone for a week or begun a month ago, or they are banned or signed out
    everywhere (both raise the generation)."""
    if to_uuid(user_id, "usr") is None or to_uuid(session_id, "ses") is None:
        return None
    row = db.session.execute(
        select(User, UserSession)
        .join(UserSession, UserSession.user_id == User.id)
        .where(
            User.id == user_id,
            User.banned_at.is_(None),
            User.token_generation == generation,
            UserSession.id == session_id,
            UserSession.generation == generation,
            UserSession.ended_at.is_(None),
            *_holds(),
        )
    ).first()
    if row is None:
        return None
    if row[1].last_seen_at <= real_time() - SEEN_EVERY:
        _note_seen(session_id)
    return db.session.get(User, user_id)


def _holds() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    now = real_time()
    return UserSession.last_seen_at > now - LASTS, UserSession.created_at > now - LONGEST


def _note_seen(session_id: str) -> None:
    with transaction() as session:
        session.execute(
            update(UserSession)
            .where(UserSession.id == session_id)
            .values(last_seen_at=real_time(), ip=audit.actor().ip)
            .execution_options(synchronize_session=False)
        )


def open_of(user_id: str, generation: int) -> list[UserSession]:
    """The user's sessions that still hold, the latest first."""
    wanted = select(UserSession).where(
        UserSession.user_id == user_id,
        UserSession.generation == generation,
        UserSession.ended_at.is_(None),
        *_holds(),
    )
    return list(db.session.scalars(wanted.order_by(UserSession.last_seen_at.desc()).limit(MOST_SHOWN)))


def end(user_id: str, session_id: str) -> None:
    """End one of the user's sessions. Raises NotFound."""
    if to_uuid(session_id, "ses") is None:
        raise NotFound("session")
    with transaction() as session:
        ended = session.scalars(
            update(UserSession)
            .where(UserSession.user_id == user_id, UserSession.id == session_id)
            .values(ended_at=real_time())
            .returning(UserSession.id)
            .execution_options(synchronize_session=False)
        ).first()
        if ended is None:
            raise NotFound("session")
        audit.record_platform("user.session_ended", "user", user_id, {"session": session_id})
