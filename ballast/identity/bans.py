"""Banning a person, and taking it back. By platform staff.

A ban raises the token generation, so sessions and access tokens fail at their next request. What it froze or held carries the instant
of the ban, so that taking it back releases that and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select, update

from ballast import audit
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.errors import Conflict
from ballast.identity import organizations, reasons, users
from ballast.models import ApiKey, Customer, Organization, User
from ballast.models.identity import owners_of

# What is to be done where customers' charges go on: organization, the customers' ids, since when they were held.
Release = Callable[[str, Sequence[str], datetime], None]
# A page shows no more; a ban itself reaches all of them.
MOST_PLACES: Final = 50


@dataclass(frozen=True)
class _Mark:
    """What a ban does to rows of a kind: which column has its instant, and the word for it in the audit log."""

    model: type[ApiKey] | type[Customer]
    column: str
    kind: str
    word: str


KEYS: Final = _Mark(ApiKey, "frozen_at", "api_key", "frozen")
CUSTOMERS: Final = _Mark(Customer, "held_at", "customer", "held")


@dataclass
class Effect:
    """What a ban, or its end, touched."""

    keys: int = 0
    customers: int = 0
    organizations: int = 0


@dataclass(frozen=True)
class Place:
    """An organization that knows a user. `role`: theirs, None where they made a key or are a customer only."""

    organization: Organization
    role: str | None
    keys: int
    customers: int
    is_last_owner: bool


def places_of(user: User) -> list[Place]:
    """Where a ban would be felt: the organizations that know the user, with what it would freeze and hold there. At most 50."""
    return [_place(user, one) for one in users.organizations_with(user.id)[:MOST_PLACES]]


def _place(user: User, organization_id: str) -> Place:
    with organization(organization_id):
        counts = (
            _count(ApiKey, organization_id, _working_keys(user)),
            _count(Customer, organization_id, (Customer.user_id == user.id) & Customer.held_at.is_(None)),
        )
        keys, customers = db.session.execute(select(*(count.scalar_subquery() for count in counts))).one()
        found, role = users.place_of(organization_id, user.id) or (organizations.find(organization_id), None)
        others = owners_of(organization_id).where(User.id != user.id).limit(1)
        is_last_owner = role == "owner" and db.session.execute(others).first() is None
        return Place(found, role, keys, customers, is_last_owner)


def _working_keys(user: User) -> ColumnElement[bool]:
    return (ApiKey.created_by == user.id) & ApiKey.frozen_at.is_(None) & ApiKey.revoked_at.is_(None)


def _count(model: type[ApiKey] | type[Customer], organization_id: str, where: ColumnElement[bool]) -> Select[int]:
    return select(func.count()).select_from(model).where(model.organization_id == organization_id, where)


def ban(email: str, reason: str, keep_keys: bool = False) -> Effect:
    """Shut a user out everywhere. Keys they made stop working unless kept; what they owe as a customer is not charged meanwhile.

    Raises NotFound, what `reasons.read` raises, Conflict(`banned_already`, `own_account`).
    """
    reason = reasons.read(reason)
    with transaction():
        user = users.locked_by_email(email)
        if audit.actor().id == user.id:
            raise Conflict("own_account", "You would shut yourself out. Ask another member of staff.")
        if user.banned_at is not None:
            raise Conflict("banned_already", f"{user.email} is banned already.")
        user.banned_at = since = real_time()
        user.token_generation += 1
        db.session.flush()
        effect = Effect()
        for organization_id in _each_organization(user, effect):
            if not keep_keys:
                effect.keys += _set(KEYS, organization_id, _working_keys(user), since)
            free = (Customer.user_id == user.id) & Customer.held_at.is_(None)
            effect.customers += _set(CUSTOMERS, organization_id, free, since)
        _record(user, "user.banned", effect, {"reason": reason, "keys": "kept" if keep_keys else "frozen"})
    return effect


def unban(email: str, reason: str, release: Release) -> Effect:
    """Let the user in again: they sign in anew, and what the ban froze or held goes on.

    `release` is called in this transaction, for each organization with customers of theirs.

    Raises NotFound, what `reasons.read` raises, Conflict(`not_banned`).
    """
    reason = reasons.read(reason)
    with transaction():
        user = users.locked_by_email(email)
        since = user.banned_at
        if since is None:
            raise Conflict("not_banned", f"{user.email} is not banned.")
        user.banned_at = None
        user.token_generation += 1
        db.session.flush()
        effect = Effect()
        for organization_id in _each_organization(user, effect):
            frozen = (ApiKey.created_by == user.id) & (ApiKey.frozen_at == since)
            effect.keys += _set(KEYS, organization_id, frozen, None)
            held = (Customer.user_id == user.id) & (Customer.held_at == since)
            _release(organization_id, held, since, release)
            effect.customers += _set(CUSTOMERS, organization_id, held, None)
        _record(user, "user.unbanned", effect, {"reason": reason})
    return effect


def _release(organization_id: str, held: ColumnElement[bool], since: datetime, release: Release) -> None:
    """Before the customers are written: everybody locks what they owe before them."""
    wanted = select(Customer.id).where(Customer.organization_id == organization_id, held)
    if ids := db.session.scalars(wanted).all():
        release(organization_id, ids, since)


def _each_organization(user: User, effect: Effect) -> Iterator[str]:
    """Each organization that knows the user, worked for in turn."""
    for organization_id in users.organizations_with(user.id):
        effect.organizations += 1
        with organization(organization_id):
            yield organization_id


def _set(mark: _Mark, organization_id: str, where: ColumnElement[bool], since: datetime | None) -> int:
    """Set the instant of the ban, or take it away; each key and customer has an entry in its own organization's log."""
    touched = db.session.scalars(
        update(mark.model)
        .where(mark.model.organization_id == organization_id, where)
        .values({mark.column: since})
        .returning(mark.model.id)
        .execution_options(synchronize_session=False)
    ).all()
    action = f"{mark.kind}.{mark.word if since else 'released'}"
    changes = audit.differences({mark.word: since is None}, {mark.word: since is not None})
    for row_id in touched:
        audit.record(organization_id, action, mark.kind, row_id, changes)
    db.session.flush()
    return len(touched)


def _record(user: User, action: str, effect: Effect, more: dict[str, str]) -> None:
    """One entry: in the user's first organization, where its owners see it; of somebody no organization knows, in the platform's own
    log."""
    banned = action == "user.banned"
    changes: dict[str, Any] = more | {"keys_touched": effect.keys, "customers_touched": effect.customers}
    changes |= audit.differences({"banned": not banned}, {"banned": banned})
    home = next(iter(users.organizations_of(user.id) or users.organizations_with(user.id)), None)
    if home is None:
        audit.record_platform(action, "user", user.id, changes)
        return
    with organization(home):
        audit.record(home, action, "user", user.id, changes)
        db.session.flush()
