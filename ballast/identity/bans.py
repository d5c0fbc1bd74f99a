"""Banning a person, and taking it back. By platform staff.

A ban raises the token generation, so sessions and access tokens fail at their next request. What it froze or held carries the instant
of the ban, so that taking it back releases that and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.engine import CursorResult

from ballast import audit
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.errors import Conflict, NotFound
from ballast.identity import users
from ballast.models import ApiKey, Customer, User


@dataclass
class Effect:
    """What a ban, or its end, touched."""

    keys: int = 0
    customers: int = 0
    organizations: int = 0


def ban(email: str, reason: str, keep_keys: bool = False) -> Effect:
    """Shut a user out everywhere. Keys they made stop working unless kept; what they owe as a customer is not charged meanwhile.

    Raises NotFound, Conflict(`banned_already`).
    """
    with transaction():
        user = _locked(email)
        if user.banned_at is not None:
            raise Conflict("banned_already", f"{user.email} is banned already.")
        user.banned_at = since = real_time()
        user.token_generation += 1
        db.session.flush()
        effect = Effect()
        for organization_id in _each_organization(user, effect):
            if not keep_keys:
                unfrozen = (ApiKey.created_by == user.id) & ApiKey.frozen_at.is_(None) & ApiKey.revoked_at.is_(None)
                effect.keys += _set(ApiKey, organization_id, unfrozen, frozen_at=since)
            free = (Customer.user_id == user.id) & Customer.held_at.is_(None)
            effect.customers += _set(Customer, organization_id, free, held_at=since)
        _record(user, "user.banned", effect, {"reason": reason, "keys": "kept" if keep_keys else "frozen"})
    return effect


def unban(email: str, reason: str) -> Effect:
    """Let the user in again: they sign in anew, and what the ban froze or held goes on. Raises NotFound, Conflict(`not_banned`)."""
    with transaction():
        user = _locked(email)
        since = user.banned_at
        if since is None:
            raise Conflict("not_banned", f"{user.email} is not banned.")
        user.banned_at = None
        user.token_generation += 1
        db.session.flush()
        effect = Effect()
        for organization_id in _each_organization(user, effect):
            frozen = (ApiKey.created_by == user.id) & (ApiKey.frozen_at == since)
            effect.keys += _set(ApiKey, organization_id, frozen, frozen_at=None)
            held = (Customer.user_id == user.id) & (Customer.held_at == since)
            effect.customers += _set(Customer, organization_id, held, held_at=None)
        _record(user, "user.unbanned", effect, {"reason": reason})
    return effect


def _locked(email: str) -> User:
    found = db.session.scalars(select(User.id).where(User.email == email.strip().lower())).first()
    if found is None:
        raise NotFound("user")
    return users.locked(found)


def _each_organization(user: User, effect: Effect) -> Iterator[str]:
    """Each organization that knows the user, worked for in turn."""
    for organization_id in users.organizations_with(user.id):
        effect.organizations += 1
        with organization(organization_id):
            yield organization_id


def _set(
    model: type[ApiKey] | type[Customer], organization_id: str, where: ColumnElement[bool], **values: object
) -> int:
    done = db.session.execute(
        update(model)
        .where(model.organization_id == organization_id, where)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(done, CursorResult)
    return done.rowcount


def _record(user: User, action: str, effect: Effect, more: dict[str, str]) -> None:
    """One entry, in the user's first organization. (Somebody in none leaves the command's own log alone.)"""
    known = users.organizations_with(user.id)
    home = (users.organizations_of(user.id) or known)[:1]
    for organization_id in home:
        with organization(organization_id):
            counts = {"keys_touched": effect.keys, "customers_touched": effect.customers}
            audit.record(organization_id, action, "user", user.id, more | counts)
            db.session.flush()
