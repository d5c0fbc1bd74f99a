"""Who did what. Entries are written in the transaction of the fact and never changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ballast.db import db
from ballast.models import AuditEntry


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
    """Note an action (`payment.created`, `refund.requested` …) of the present actor, with what changed."""
    who = _actor.get()
    db.session.add(
        AuditEntry(
            organization_id=organization_id,
            actor_kind=who.kind,
            actor_id=who.id,
            action=action,
            resource_type=resource_type,
            resource_id=resource_id,
            ip=who.ip,
            request_id=who.request_id,
            changes=changes or {},
        )
    )
