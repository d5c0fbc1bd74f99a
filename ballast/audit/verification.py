"""Proving that the audit log is as it was sealed: nothing changed, nothing gone, nothing put in behind.

Read by a worker's role in one snapshot, so that who writes and who seals meanwhile changes nothing of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select

from ballast.audit import seals
from ballast.db import db
from ballast.ids import to_uuid
from ballast.models import AuditSeal, Organization, UnsealedEntry
from ballast.security import keyring

# How long before a seal that left nothing waiting an entry may have been written that is not in it: no transaction of ours is as long.
LATE: Final = timedelta(hours=1)
SEALS_AT_ONCE: Final = 50


@dataclass(frozen=True)
class Proof:
    """What became of one chain. `broken` says what is wrong first, None when nothing is. `head`: the newest seal's hash."""

    chain: str
    broken: str | None
    entries: int = 0
    seals: int = 0
    waiting: int = 0
    head: str = ""


class _Broken(Exception):
    """The first thing that is wrong with a chain."""


@dataclass
class _Walk:
    """How far along a chain one is."""

    chain: UUID
    number: int = 0
    hash: bytes = seals.NOTHING
    emptied_at: datetime | None = None
    entries: int = 0
    vouched: bool | None = True


def verify(organization_id: str | None = None) -> list[Proof]:
    """Verify one organization's chain, or all of them and the platform's own. Outside of a transaction, as the worker's role."""
    db.session.rollback()
    db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    try:
        return [_verify(chain) for chain in _chains(organization_id)]
    finally:
        db.session.rollback()


def _chains(organization_id: str | None) -> list[UUID]:
    """Asked of the organizations and not of the seals: somebody may have taken all of a chain's seals away."""
    wanted = select(Organization.id).order_by(Organization.id)
    if organization_id is not None:
        wanted = wanted.where(Organization.id == organization_id)
    found = [key for one in db.session.scalars(wanted) if (key := to_uuid(one, "org"))]
    return found if organization_id is not None else [seals.PLATFORM, *found]


def _verify(chain: UUID) -> Proof:
    walk = _Walk(chain)
    try:
        for seal in _seals_of(chain):
            _check_seal(walk, seal)
            _check_entries(walk, seal)
            walk.emptied_at = seal.sealed_at if seal.emptied else walk.emptied_at
            db.session.expunge_all()
        _check_last(walk)
        waiting = _check_waiting(walk)
    except _Broken as broken:
        return Proof(seals.name_of(chain), str(broken), walk.entries, walk.number)
    return Proof(seals.name_of(chain), None, walk.entries, walk.number, waiting, walk.hash.hex())


def _seals_of(chain: UUID) -> Iterator[AuditSeal]:
    number = 0
    while True:
        wanted = select(AuditSeal).where(AuditSeal.chain == chain, AuditSeal.number > number)
        found = list(db.session.scalars(wanted.order_by(AuditSeal.number).limit(SEALS_AT_ONCE)))
        yield from found
        if len(found) < SEALS_AT_ONCE:
            return
        number = found[-1].number


def _check_seal(walk: _Walk, seal: AuditSeal) -> None:
    walk.number += 1
    if seal.number != walk.number:
        raise _Broken(f"seal {walk.number} is missing")
    if len(seal.entries) != len(seal.digests) or seals.hash_of(seal, walk.hash) != seal.hash:
        raise _Broken(f"seal {seal.number} is not what it was, or the one before it is not")
    walk.vouched = keyring().vouches(seal.hash, seal.mac)
    if walk.vouched is False:
        raise _Broken(f"seal {seal.number} was not made by Ballast")
    walk.hash = seal.hash


def _check_entries(walk: _Walk, seal: AuditSeal) -> None:
    found = seals.entries_of(walk.chain, seal.entries)
    for entry_id, said in zip(seal.entries, seal.digests, strict=True):
        name = f"entry {seals.public_id(entry_id)} of seal {seal.number}"
        entry = found.get(entry_id)
        if entry is None:
            raise _Broken(f"{name} was deleted")
        if seals.digest(entry) != said:
            raise _Broken(f"{name} was changed")
        _check_not_late(walk, entry, name)
    walk.entries += len(seal.entries)


def _check_not_late(walk: _Walk, entry: Any, name: str) -> None:
    """All that had been written before was in the seals before: what comes later and claims to be older was not there."""
    if walk.emptied_at is not None and entry.created_at < walk.emptied_at - LATE:
        raise _Broken(f"{name} claims an earlier time than it can have: it was put in behind")


def _check_last(walk: _Walk) -> None:
    """Keys are changed, and old seals then name one that is gone: the newest, of a key that is here, vouches for what is before."""
    if walk.vouched is None:
        raise _Broken(f"seal {walk.number} was made with a key that is not in ENCRYPTION_KEY, and none after it")


def _check_waiting(walk: _Walk) -> int:
    """What is in no seal must be waiting for one, and be new. Answers how many are."""
    model = seals.model_of(walk.chain)
    waits = exists().where(UnsealedEntry.chain == walk.chain, UnsealedEntry.entry_id == model.id)
    unsealed = seals.of_chain(walk.chain).where(~_is_sealed(walk.chain))
    stray = db.session.scalars(unsealed.where(~waits).order_by(model.id).limit(1)).first()
    if stray is not None:
        raise _Broken(f"entry {stray.id} is in no seal and waits for none: it was put in behind")
    oldest = db.session.scalars(unsealed.order_by(model.created_at).limit(1)).first()
    if oldest is not None:
        _check_not_late(walk, oldest, f"entry {oldest.id}, which waits for seal {walk.number + 1},")
    counted = select(func.count()).select_from(UnsealedEntry).where(UnsealedEntry.chain == walk.chain)
    return db.session.scalar(counted) or 0


def _is_sealed(chain: UUID) -> ColumnElement[bool]:
    sealed = select(func.unnest(AuditSeal.entries).label("id")).where(AuditSeal.chain == chain).subquery()
    return exists().where(sealed.c.id == seals.model_of(chain).id)
