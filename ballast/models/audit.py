"""The audit log: who did what, in an organization or to people and the platform, and the seals that prove it was not changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Index, LargeBinary, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ballast.clock import real_time
from ballast.db import Base, PublicId
from ballast.ids import new_id
from ballast.models.columns import Scoped, id_column, one_of

ACTORS: Final = ("user", "key", "staff", "customer", "system")


class Entry:
    """What every entry says. Append-only; Postgres refuses UPDATE and DELETE. Times are real time."""

    actor_kind: Mapped[str]
    actor_id: Mapped[str | None]
    action: Mapped[str]
    resource_type: Mapped[str]
    resource_id: Mapped[str]
    ip: Mapped[str | None]
    request_id: Mapped[str | None]
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict, server_default="{}")
    created_at: Mapped[datetime] = mapped_column(default=real_time)


class AuditEntry(Scoped, Entry, Base):
    """Who did what to which row of an organization."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        one_of("actor_kind", ACTORS),
        Index("ix_audit_entries_resource", "organization_id", "resource_id", "id"),
        Index("ix_audit_entries_action", "organization_id", "action", "id"),
        Index("ix_audit_entries_actor", "organization_id", "actor_id", "id"),
        Index("ix_audit_entries_created", "organization_id", "created_at"),
    )

    id: Mapped[str] = id_column("aud")


class PlatformEntry(Entry, Base):
    """Who did what to a person or to the platform: of no organization, as users are."""

    __tablename__ = "platform_entries"
    __table_args__ = (
        one_of("actor_kind", ACTORS),
        Index("ix_platform_entries_resource", "resource_id", "id"),
    )

    id: Mapped[str] = mapped_column(PublicId("aud"), primary_key=True, default=lambda: new_id("aud"))


class UnsealedEntry(Base):
    """An entry that no seal holds yet. A trigger writes the row in the entry's own transaction, so an entry that commits late waits
    here like any other. `chain`: the organization, or the nil UUID for the platform's own."""

    __tablename__ = "audit_unsealed"

    chain: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)


class AuditSeal(Base):
    """What some entries said when they were sealed, chained to the seal before. Append-only, and the web cannot even read it."""

    __tablename__ = "audit_seals"

    chain: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    number: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, doc="1, 2, 3 … without gaps in its chain"
    )
    entries: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    digests: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary), doc="SHA-256 of each entry, in the same order")
    emptied: Mapped[bool] = mapped_column(doc="whether nothing of the chain waited any more when this was sealed")
    hash: Mapped[bytes] = mapped_column(LargeBinary, doc="SHA-256 of all of this and of the seal before")
    mac: Mapped[bytes] = mapped_column(LargeBinary, doc="of the hash, with a key the database does not have")
    sealed_at: Mapped[datetime] = mapped_column(default=real_time)
