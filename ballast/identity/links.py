"""Links sent by mail that do one thing, once, within an hour or a day. Only their hash is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select, update

from ballast.clock import real_time
from ballast.db import db
from ballast.errors import NotFound
from ballast.models import User, UserLink
from ballast.security import hash_token, new_token

LASTS: Final = {
    "verify_email": timedelta(days=1),
    "claim_organization": timedelta(days=1),
    "reset_password": timedelta(hours=1),
    "change_email": timedelta(hours=1),
}


def make(user_id: str, kind: str, data: dict[str, Any] | None = None) -> tuple[UserLink, str]:
    """A new link and its token; older ones of the kind no longer work, except claims. In the caller's transaction."""
    if kind != "claim_organization":
        end_all(user_id, kind)
    token = new_token()
    link = UserLink(
        user_id=user_id,
        kind=kind,
        token_hash=hash_token(token),
        data=data or {},
        expires_at=real_time() + LASTS[kind],
    )
    db.session.add(link)
    db.session.flush()
    return link, token


def end_all(user_id: str, *kinds: str) -> None:
    """Links of these kinds that were not used stop working."""
    db.session.execute(
        update(UserLink)
        .where(UserLink.user_id == user_id, UserLink.kind.in_(kinds), UserLink.used_at.is_(None))
        .values(used_at=real_time())
        .execution_options(synchronize_session=False)
    )


def find(kind: str, token: str) -> tuple[UserLink, User]:
    """The link and whose it is. Raises NotFound when it is unknown, used or lapsed, or its user is banned."""
    wanted = (
        select(UserLink, User)
        .join(User, User.id == UserLink.user_id)
        .where(
            UserLink.token_hash == hash_token(token),
            UserLink.kind == kind,
            UserLink.used_at.is_(None),
            UserLink.expires_at > real_time(),
            User.banned_at.is_(None),
        )
    )
    row = db.session.execute(wanted).first()
    if row is None:
        raise NotFound("link")
    return row[0], row[1]


def use(kind: str, token: str) -> tuple[UserLink, User]:
    """Use the link up; of two at once, one finds it used. In the caller's transaction. Raises NotFound."""
    link, user = find(kind, token)
    used = db.session.execute(
        update(UserLink)
        .where(UserLink.id == link.id, UserLink.used_at.is_(None))
        .values(used_at=real_time())
        .execution_options(synchronize_session=False)
    )
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise NotFound("link")
    return link, user
