"""Who did what. Entries are written in the transaction of the fact and never changed; `seals` proves that, `reading` shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ballast.clock import real_time
from ballast.db import db, gathers, insert_row
from ballast.ids import new_id
from ballast.models import AuditEntry, PlatformEntry


@dataclass(frozen=True)
class Actor:
    """Whoever acts in this context. `kind`: user, key, staff, customer or system."""

    kind: str = "system"
    id: str | None = None
    ip: str | None = None
    request_id: str | None = None


SYSTEM = Actor()
_actor: ContextVar[Actor] = ContextVar("ballast_actor", default=SYSTEM)


def actor() -> Actor:
    """Who is acting here."""
    return _actor.get()


def act_as(who: Actor) -> None:
    """From here on in this context, `who` acts."""
    _actor.set(who)


@contextmanager
def acting(who: Actor) -> Iterator[None]:
    """Inside the block, `who` acts."""
    token = _actor.set(who)
    try:
        yield
    finally:
        _actor.reset(token)


def record(
    organization_id: str, action: str, resource_type: str, resource_id: str, changes: dict[str, Any] | None = None
) -> None:
    """Note an action (`payment.created`, `refund.requested` …) of the present actor, with what changed.

    `changes`: of each field that was changed what `differences` says, and facts as they are. Never a secret.
    """
    said = _said(action, resource_type, resource_id, changes)
    if gathers():
        insert_row(
            AuditEntry, {"organization_id": organization_id, "id": new_id("aud"), "created_at": real_time(), **said}
        )
    else:
        db.session.add(AuditEntry(organization_id=organization_id, **said))


def record_platform(action: str, resource_type: str, resource_id: str, changes: dict[str, Any] | None = None) -> None:
    """Note an action about a person or the platform itself, which no organization is the owner of; otherwise as `record`."""
    db.session.add(PlatformEntry(**_said(action, resource_type, resource_id, changes)))


def _said(action: str, resource_type: str, resource_id: str, changes: dict[str, Any] | None) -> dict[str, Any]:
    who = _actor.get()
    return {
        "actor_kind": who.kind,
        "actor_id": who.id,
        "action": action,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "ip": who.ip,
        "request_id": who.request_id,
        "changes": changes or {},
    }


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{field: {"before", "after"}} of the fields that differ; None where there is no such field on one side."""
    return {
        name: {"before": before.get(name), "after": after.get(name)}
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    }
