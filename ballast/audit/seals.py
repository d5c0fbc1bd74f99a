"""Seals: what the audit log says is hashed in batches behind the writers, each seal with the one before, a chain per organization.

An entry waits in `audit_unsealed`, where a trigger puts it in its own transaction: nobody waits for a chain, and an entry whose
transaction commits late, under an id that is older than ones sealed meanwhile, is in the next seal. See docs/decisions/0010.
"""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, delete, func, select

from ballast.clock import real_time
from ballast.db import db, transaction
from ballast.ids import from_uuid, to_uuid
from ballast.models import AuditEntry, AuditSeal, PlatformEntry, UnsealedEntry
from ballast.security import keyring

log = logging.getLogger(__name__)

# The chain of entries that belong to no organization.
PLATFORM: Final = UUID(int=0)
BATCH: Final = 500
# A run ends before the next one is due; what is left waits for it.
MOST_SECONDS: Final = 60.0
# Any number that nobody else locks; one sealer at a time.
LOCK: Final = 4_611_730_106
NOTHING: Final = bytes(32)
FIELDS: Final = (
    "id",
    "actor_kind",
    "actor_id",
    "action",
    "resource_type",
    "resource_id",
    "ip",
    "request_id",
    "changes",
)


def seal_due() -> int:
    """Seal what waits. The job behind `queue.SEAL_AUDIT`; answers how many entries."""
    started, sealed = real_time(), 0
    while (real_time() - started).total_seconds() < MOST_SECONDS:
        took = _seal_batch()
        if not took:
            break
        sealed += took
    return sealed


def _seal_batch() -> int:
    """One seal of one chain. None while another sealer is at work: it takes what this one would."""
    with transaction() as session:
        if not session.scalar(select(func.pg_try_advisory_xact_lock(LOCK))):
            return 0
        waiting = session.scalars(select(UnsealedEntry.chain).order_by(UnsealedEntry.chain).limit(1)).first()
        if waiting is None:
            return 0
        wanted = select(UnsealedEntry.entry_id).where(UnsealedEntry.chain == waiting)
        found = list(session.scalars(wanted.order_by(UnsealedEntry.entry_id).limit(BATCH + 1)))
        ids = found[:BATCH]
        _seal(waiting, ids, emptied=len(found) <= BATCH)
        session.execute(
            delete(UnsealedEntry)
            .where(UnsealedEntry.chain == waiting, UnsealedEntry.entry_id.in_(ids))
            .execution_options(synchronize_session=False)
        )
        return len(ids)


def _seal(chain: UUID, ids: list[UUID], emptied: bool) -> None:
    """An entry that went before it was sealed is sealed as nothing, so that verifying names it."""
    found = {entry_id: digest(entry) for entry_id, entry in entries_of(chain, ids).items()}
    last = newest(chain)
    seal = AuditSeal(
        chain=chain,
        number=last.number + 1 if last else 1,
        entries=ids,
        digests=[found.get(one, NOTHING) for one in ids],
        emptied=emptied,
        sealed_at=real_time(),
    )
    seal.hash = hash_of(seal, last.hash if last else NOTHING)
    seal.mac = keyring().vouch(seal.hash)
    db.session.add(seal)
    # The log leaves the database: whoever takes the newest seals away cannot take this line away with them.
    log.info("audit seal %s #%d %s, %d entries", name_of(chain), seal.number, seal.hash.hex(), len(ids))


def newest(chain: UUID) -> AuditSeal | None:
    """The last seal of a chain."""
    wanted = select(AuditSeal).where(AuditSeal.chain == chain).order_by(AuditSeal.number.desc()).limit(1)
    return db.session.scalars(wanted).first()


def name_of(chain: UUID) -> str:
    """A chain as people see it: the organization's id, or `platform`."""
    return "platform" if chain == PLATFORM else from_uuid(chain, "org")


def public_id(entry_id: UUID) -> str:
    """An entry's id as people see it."""
    return from_uuid(entry_id, "aud")


def model_of(chain: UUID) -> type[AuditEntry] | type[PlatformEntry]:
    """Where a chain's entries are."""
    return PlatformEntry if chain == PLATFORM else AuditEntry


def of_chain(chain: UUID) -> Select[Any]:
    """All entries of a chain."""
    if chain == PLATFORM:
        return select(PlatformEntry)
    return select(AuditEntry).where(AuditEntry.organization_id == from_uuid(chain, "org"))


def entries_of(chain: UUID, ids: list[UUID]) -> dict[UUID, Any]:
    """Those of a chain's entries with these ids, by id."""
    wanted = of_chain(chain).where(model_of(chain).id.in_([public_id(one) for one in ids]))
    return {key: row for row in db.session.scalars(wanted) if (key := to_uuid(row.id, "aud")) is not None}


def digest(entry: AuditEntry | PlatformEntry) -> bytes:
    """SHA-256 of what an entry says. The form is for ever: a column that is added later needs a seal of another kind."""
    said = [
        getattr(entry, "organization_id", None),
        *(getattr(entry, name) for name in FIELDS),
        _plain(entry.created_at),
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).digest()


def _plain(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def hash_of(seal: AuditSeal, before: bytes) -> bytes:
    """SHA-256 of a seal, `before` being the hash of the one before it (32 zero bytes for the first)."""
    head = seal.chain.bytes + seal.number.to_bytes(8, "big") + bytes([seal.emptied]) + _plain(seal.sealed_at).encode()
    rows = b"".join(one.bytes + said for one, said in zip(seal.entries, seal.digests, strict=True))
    return hashlib.sha256(before + head + rows).digest()
