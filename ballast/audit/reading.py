"""Reading the audit log: what is listed, who did it in words, and what was different afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, select

from ballast.db import db, organization
from ballast.ids import to_uuid
from ballast.models import ApiKey, AuditEntry, PlatformEntry, User
from ballast.models.audit import ACTORS

Row = AuditEntry | PlatformEntry
# What says nothing beside the differences.
NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})
# How much of a key is stored in the open (identity.api_keys).
PREFIX: Final = 12
# What was put into changes by `audit.differences`.
DIFFERENCE: Final = {"before", "after"}


@dataclass(frozen=True)
class Filter:
    """Which entries; what is empty or None lets all pass.

    `action`: one (`member.removed`) or a family (`member.*`). `actor`: an id, an address, a key's prefix or a kind such as `staff`.
    `start`, `end`: moments, both included.
    """

    action: str = ""
    resource_type: str = ""
    resource_id: str = ""
    actor: str = ""
    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_empty(self) -> bool:
        return not any(vars(self).values())


def listed(organization_id: str, chosen: Filter) -> Select[AuditEntry]:
    """An organization's entries that fit, in no order."""
    wanted = select(AuditEntry).where(AuditEntry.organization_id == organization_id)
    if chosen.action:
        wanted = wanted.where(_acts(chosen.action))
    if chosen.resource_type:
        wanted = wanted.where(AuditEntry.resource_type == chosen.resource_type)
    if chosen.resource_id:
        wanted = wanted.where(AuditEntry.resource_id == chosen.resource_id)
    if chosen.actor:
        wanted = wanted.where(_acted(organization_id, chosen.actor))
    if chosen.start:
        wanted = wanted.where(AuditEntry.created_at >= chosen.start)
    if chosen.end:
        wanted = wanted.where(AuditEntry.created_at <= chosen.end)
    return wanted


def _acts(action: str) -> Any:
    family = action.removesuffix("*")
    if family != action:
        return AuditEntry.action.startswith(family, autoescape=True)
    return AuditEntry.action == action


def _acted(organization_id: str, actor: str) -> Any:
    if actor in ACTORS:
        return AuditEntry.actor_kind == actor
    ids = [actor]
    if "@" in actor:
        ids = list(db.session.scalars(select(User.id).where(User.email == actor.lower())))
    elif actor.startswith("bl_"):
        keys = select(ApiKey.id).where(ApiKey.organization_id == organization_id, ApiKey.prefix == actor[:PREFIX])
        ids = list(db.session.scalars(keys))
    return AuditEntry.actor_id.in_(ids) & (AuditEntry.actor_kind != "staff")


@dataclass(frozen=True)
class Who:
    """An actor. `name` and `detail` are for people: a person's name and address, a key's name and prefix."""

    kind: str
    id: str | None
    name: str
    detail: str | None = None


@dataclass(frozen=True)
class Difference:
    """One field, as it was and as it became, as text."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Shown:
    """An entry for people. `facts`: what it says beside the differences, (name, text). `ip`: of the actor, unless that is hidden."""

    entry: Row
    who: Who
    ip: str | None
    differences: list[Difference]
    facts: list[tuple[str, str]]

    @property
    def title(self) -> str:
        """`member.role_changed` → "Member role changed"."""
        words = self.entry.action.replace(".", " ").replace("_", " ")
        return words[:1].upper() + words[1:] if not words.startswith("api ") else "API" + words[3:]


def show(entries: Sequence[Row], names_staff: bool = False) -> list[Shown]:
    """Entries with their actors, in two statements however many they are.

    `names_staff`: whether staff are named, as they are to each other. Merchants see that it was staff, and not which of them or where.
    """
    people, keys = _people(entries), _keys(entries)
    return [
        Shown(
            entry=entry,
            who=_who(entry, people, keys, names_staff),
            ip=entry.ip if names_staff or entry.actor_kind != "staff" else None,
            differences=[Difference(name, text(one["before"]), text(one["after"])) for name, one in _differ(entry)],
            facts=[(name, text(value)) for name, value in sorted(entry.changes.items()) if _is_fact(value)],
        )
        for entry in entries
    ]


def is_difference(value: Any) -> bool:
    """Whether this says what a field was and what it became."""
    return isinstance(value, dict) and set(value) == DIFFERENCE


def _is_fact(value: Any) -> bool:
    return value not in NOTHING and not is_difference(value)


def _differ(entry: Row) -> Iterable[tuple[str, Any]]:
    return ((name, value) for name, value in sorted(entry.changes.items()) if is_difference(value))


def _people(entries: Sequence[Row]) -> dict[str, User]:
    ids = {entry.actor_id for entry in entries if entry.actor_kind in ("user", "staff") and entry.actor_id}
    known = [one for one in ids if to_uuid(one, "usr")]
    return {user.id: user for user in db.session.scalars(select(User).where(User.id.in_(known)))} if known else {}


def _keys(entries: Sequence[Row]) -> dict[str, ApiKey]:
    """The wall shows those of the present organization alone."""
    ids = {entry.actor_id for entry in entries if entry.actor_kind == "key" and entry.actor_id}
    known = [one for one in ids if to_uuid(one, "key")]
    return {key.id: key for key in db.session.scalars(select(ApiKey).where(ApiKey.id.in_(known)))} if known else {}


def _who(entry: Row, people: dict[str, User], keys: dict[str, ApiKey], names_staff: bool) -> Who:
    kind, actor_id = entry.actor_kind, entry.actor_id
    if kind == "staff" and not names_staff:
        return Who(kind, None, "Ballast staff")
    if user := people.get(actor_id or ""):
        return Who(kind, actor_id, user.full_name or user.email, user.email)
    if key := keys.get(actor_id or ""):
        return Who(kind, actor_id, key.name, f"{key.prefix}…")
    name = {"system": "Ballast", "customer": "A customer", "staff": actor_id or "Staff"}.get(kind, actor_id or kind)
    return Who(kind, actor_id, name)


def text(value: Any) -> str:
    """A value as people read it."""
    if value in NOTHING:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def entry_payload(shown: Shown) -> dict[str, Any]:
    """An entry as the API answers it."""
    entry, who = shown.entry, shown.who
    return {
        "id": entry.id,
        "object": "audit_entry",
        "action": entry.action,
        "resource_type": entry.resource_type,
        "resource_id": entry.resource_id,
        "actor": {"type": who.kind, "id": who.id, "name": who.name, "detail": who.detail},
        "changes": entry.changes,
        "ip": shown.ip,
        "request_id": entry.request_id,
        "created_at": entry.created_at.isoformat(),
    }


def of_person(user_id: str, organizations: Sequence[str], most: int) -> list[Row]:
    """What was done to somebody, newest first: the platform's entries and those of these organizations that are about them."""
    own = select(PlatformEntry).where(PlatformEntry.resource_id == user_id).order_by(PlatformEntry.id.desc())
    found: list[Row] = list(db.session.scalars(own.limit(most)))
    for one in organizations:
        found += _about(one, user_id, most)
    return sorted(found, key=lambda entry: (entry.created_at, entry.id), reverse=True)[:most]


def _about(organization_id: str, resource_id: str, most: int) -> list[AuditEntry]:
    with organization(organization_id):
        wanted = select(AuditEntry).where(
            AuditEntry.organization_id == organization_id, AuditEntry.resource_id == resource_id
        )
        return list(db.session.scalars(wanted.order_by(AuditEntry.id.desc()).limit(most)))
