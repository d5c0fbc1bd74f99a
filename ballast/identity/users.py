"""People: signing in, and which organizations they belong to."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, func, select, update

from ballast import audit, config
from ballast.db import db, glance, organization, transaction
from ballast.errors import NotFound
from ballast.identity import throttle
from ballast.ids import from_uuid, to_uuid
from ballast.models import Membership, Organization, User
from ballast.security import verify_password

_ADMIN: Final = frozenset(
    {
        "read",
        "audit",
        "capture",
        "charge",
        "refund",
        "disputes",
        "api_keys",
        "webhooks",
        "catalog",
        "orders",
        "lending",
        "replay",
        "resolve",
        "clock",
        "mails",
        "privacy",
    }
)
# What each role may do. Everyone in an organization may read everything but the audit log.
PERMISSIONS: Final[dict[str, frozenset[str]]] = {
    "owner": _ADMIN | {"members", "settings", "processors"},
    "admin": _ADMIN,
    "viewer": frozenset({"read"}),
    # Platform staff look at any organization and change nothing of it, but they have its processors asked.
    "staff": frozenset({"read", "audit", "resolve"}),
}


# Platform staff choose among so many; the newer ones they open by address.
MOST_SHOWN: Final = 50


def authenticate(email: str, password: str) -> User | None:
    """The user, or None. The work is the same whether or not the address is known, so timing tells nothing."""
    user = db.session.scalars(select(User).where(User.email == email.strip().lower())).first()
    fits = verify_password(user.password_hash if user else None, password)
    if user and fits and _may_sign_in(user):
        return user
    throttle.refused("sign_in", email, "banned or not confirmed" if user and fits else "wrong password or no account")
    return None


def _may_sign_in(user: User) -> bool:
    return user.banned_at is None and (user.email_verified or not config.current().needs_verified_email)


def load(user_id: str, generation: int) -> User | None:
    """The user of a session, unless banned or signed out everywhere since (both raise the token generation)."""
    if to_uuid(user_id, "usr") is None:
        return None
    user = db.session.scalars(select(User).where(User.id == user_id)).first()
    return user if user and user.banned_at is None and user.token_generation == generation else None


def locked(user_id: str) -> User:
    """The user, whose account nobody else changes until the transaction ends. (What refers to them goes on.)"""
    wanted = select(User).where(User.id == user_id).with_for_update(key_share=True)
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one()


def locked_by_email(email: str) -> User:
    """The user with this address, however it is written, locked as by `locked`. Raises NotFound."""
    found = db.session.scalars(select(User.id).where(User.email == email.strip().lower())).first()
    if found is None:
        raise NotFound("user")
    return locked(found)


def find(user_id: str) -> User:
    """Anybody, by id. Raises NotFound."""
    wanted = select(User).where(User.id == user_id) if to_uuid(user_id, "usr") else None
    found = db.session.scalars(wanted).first() if wanted is not None else None
    if found is None:
        raise NotFound("user")
    return found


def end_sessions(user_id: str) -> None:
    """Sign the user out everywhere: a session carries the generation it began in."""
    with transaction() as session:
        session.execute(
            update(User)
            .where(User.id == user_id)
            .values(token_generation=User.token_generation + 1)
            .execution_options(synchronize_session=False)
        )
        audit.record_platform("user.signed_out_everywhere", "user", user_id)


def organizations_of(user_id: str) -> list[str]:
    """Ids of the organizations the user is a member of, oldest membership first. Asked before an organization is known."""
    return _ids_from("organizations_of_user", user_id)


def organizations_with(user_id: str) -> list[str]:
    """Ids of the organizations where the user is a member, made an API key or is a customer."""
    found: list[str] = glance(("with", user_id), lambda: _ids_from("organizations_with_user", user_id))
    return found


def organizations_for_staff(user_id: str) -> list[str]:
    """Ids of all organizations, for platform staff; none for anybody else."""
    return _ids_from("organizations_for_staff", user_id)


def _ids_from(function: str, user_id: str) -> list[str]:
    asked = getattr(func, function)(to_uuid(user_id, "usr"))
    return [from_uuid(row[0], "org") for row in db.session.execute(select(asked.column_valued("id")))]


def organization_by_slug(slug: str) -> Organization | None:
    """The organization behind a shop address; from here on the context works for it when the caller sets it."""
    found = db.session.scalar(select(func.organization_by_slug(slug)))
    return _organization(from_uuid(found, "org")) if found else None


def _organization(organization_id: str) -> Organization | None:
    with organization(organization_id):
        return db.session.scalars(select(Organization).where(Organization.id == organization_id)).first()


def named(user_id: str) -> list[Organization]:
    """The organizations to choose from, for a member or for platform staff; the oldest membership first."""
    ids = organizations_of(user_id) or organizations_for_staff(user_id)[:MOST_SHOWN]
    return [found for found in map(_organization, ids) if found is not None and found.archived_at is None]


def role_in(organization_id: str, user_id: str) -> str | None:
    """The user's role, read anew: never from a token or a session."""
    wanted = select(Membership.role).where(Membership.organization_id == organization_id, Membership.user_id == user_id)
    return db.session.scalars(wanted).first()


def place_of(organization_id: str, user_id: str) -> tuple[Organization, str | None] | None:
    """The organization with the user's role in it (none for who is no member), both read anew; none where there is no such one."""
    ours = and_(Membership.organization_id == Organization.id, Membership.user_id == user_id)
    wanted = select(Organization, Membership.role).outerjoin(Membership, ours).where(Organization.id == organization_id)
    found = db.session.execute(wanted).first()
    return (found[0], found[1]) if found else None


def may(role: str | None, permission: str) -> bool:
    """Whether a role carries a permission."""
    return permission in PERMISSIONS.get(role or "", frozenset())


def lookup(function: str, value: Any) -> str | None:
    """One of the questions asked before the organization is known (see migrations/wall.py); answers an organization id."""
    found = db.session.scalar(select(getattr(func, function)(value)))
    return from_uuid(found, "org") if found else None
