"""Public ids: TypeIDs (`pay_01j…`), a prefix that names the kind and a UUIDv7 inside, so they sort by time and leak no count."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from uuid import UUID

import uuid_utils
from typeid import TypeID
from typeid.core.errors import TypeIDException


def new_id(prefix: str) -> str:
    """A fresh id, time-ordered within its prefix."""
    return str(TypeID(prefix))


def new_pair(prefix: str) -> tuple[str, str]:
    """A fresh id and the UUID inside it, as Postgres reads it."""
    made = TypeID(prefix)
    return str(made), str(made.uuid)


def id_at(prefix: str, instant: datetime, noise: int) -> str:
    """The id that would have been made at `instant` (aware); `noise` is its random part, of which 74 bits count (RFC 9562, 5.7)."""
    milliseconds = int(instant.timestamp() * 1000)
    high, low = noise >> 62 & 0xFFF, noise & (1 << 62) - 1
    return from_uuid(UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low), prefix)


def to_uuid(public_id: str, prefix: str) -> UUID | None:
    """The UUID inside `public_id`, or None when it is not an id of this kind."""
    return _decoded(public_id, prefix) if len(public_id) == len(prefix) + 27 else None


@lru_cache(maxsize=8192)
def _decoded(public_id: str, prefix: str) -> UUID | None:
    """Kept, because the same few ids stand in one row after another."""
    if public_id.rpartition("_")[0] != prefix:
        return None
    try:
        return UUID(str(TypeID.from_string(public_id).uuid))
    except (TypeIDException, ValueError):
        return None


def from_uuid(value: UUID, prefix: str) -> str:
    """The public id of kind `prefix` for a UUID out of the database."""
    return str(TypeID.from_uuid(uuid_utils.UUID(int=value.int), prefix=prefix))
