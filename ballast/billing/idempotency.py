"""One effect per Idempotency-Key: the claim row, the stored answer, and what happens when the first request died.

Source: draft-ietf-httpapi-idempotency-key-header-06, with 409 for a reused key (a product decision). Keys live 72 hours of real time.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from ballast.billing import prevented
from ballast.clock import real_time
from ballast.db import db, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.models import IdempotencyKey

KEPT = timedelta(hours=72)
# Longer than any request may take; after it, an unanswered key belongs to a request that died.
LOCKED = timedelta(seconds=90)
# What moves money, by the prefix of what was made: repeating it would move it twice.
CHARGES = ("pay", "re", "sub", "inv", "agr")
UUID_SHAPE = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Stored:
    """The first answer, byte for byte."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Orphan:
    """The first request died before it answered; `resource_id` is what it had made, if it got that far."""

    resource_id: str | None


def read_key(header: str | None) -> str:
    """The key out of the header: a UUID, bare or as a quoted structured-field string.

    Raises InvalidRequest(`idempotency_key_missing`, `idempotency_key_invalid`).
    """
    if header is None:
        raise InvalidRequest(
            "idempotency_key_missing",
            "Send an Idempotency-Key header with a UUID of your own.",
            param="Idempotency-Key",
        )
    value = header.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if not UUID_SHAPE.fullmatch(value):
        raise InvalidRequest("idempotency_key_invalid", "The Idempotency-Key must be a UUID.", param="Idempotency-Key")
    return str(UUID(value))


def fingerprint(method: str, path: str, body: Any) -> bytes:
    """What makes two requests the same: method, path and canonical body."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{method} {path}\n{canonical}".encode()).digest()


def claim(organization_id: str, key: str, wanted: bytes) -> Stored | Orphan | None:
    """Take the key. None: this is the first request. In the caller's transaction, first thing.

    A concurrent second request waits here for the first one's commit. Raises Conflict(`idempotency_key_reused`) for another request
    under the same key, Conflict(`idempotency_in_progress`) while the first one runs.
    """
    now = real_time()
    inserted = db.session.execute(
        insert(IdempotencyKey)
        .values(
            organization_id=organization_id,
            key=key,
            fingerprint=wanted,
            locked_until=now + LOCKED,
            created_at=now,
            expires_at=now + KEPT,
        )
        .on_conflict_do_nothing()
        .returning(IdempotencyKey.key)
    ).first()
    return None if inserted else _met(organization_id, key, wanted)


def _met(organization_id: str, key: str, wanted: bytes) -> Stored | Orphan:
    row = db.session.scalars(
        select(IdempotencyKey).where(IdempotencyKey.organization_id == organization_id, IdempotencyKey.key == key)
    ).one()
    if row.fingerprint != wanted:
        raise Conflict(
            "idempotency_key_reused",
            "This Idempotency-Key was used with a different body. Send the original body for its answer, "
            "or a new UUID for a new request.",
            param="Idempotency-Key",
        )
    charges = (row.resource_id or "").partition("_")[0] in CHARGES
    payment_id = row.resource_id if charges and (row.resource_id or "").startswith("pay_") else None
    if row.response is not None and row.response_status is not None:
        if charges:
            prevented.note(organization_id, "same_key", key, payment_id)
        return Stored(row.response_status, row.response)
    if row.locked_until > real_time():
        if charges:
            prevented.note_refusal(organization_id, "same_key", key, payment_id)
        raise Conflict(
            "idempotency_in_progress",
            "The first request with this Idempotency-Key is still running. Try again shortly.",
        )
    return Orphan(row.resource_id)


def attach(organization_id: str, key: str, resource_id: str) -> None:
    """Note what the request made, so that its answer can be given even if it dies. In the caller's transaction."""
    _update(organization_id, key, resource_id=resource_id)


def store(organization_id: str, key: str, status: int, body: bytes) -> None:
    """Keep the answer. In the caller's transaction. The first answer stays."""
    _update(organization_id, key, response_status=status, response=body)


def _update(organization_id: str, key: str, **values: Any) -> None:
    db.session.execute(
        update(IdempotencyKey)
        .where(
            IdempotencyKey.organization_id == organization_id,
            IdempotencyKey.key == key,
            IdempotencyKey.response.is_(None),
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def forget_expired() -> int:
    """Delete answers past their time, in one statement per run. A payment's own key stays on the payment for ever."""
    with transaction() as session:
        gone = session.execute(
            delete(IdempotencyKey)
            .where(IdempotencyKey.expires_at < real_time())
            .returning(IdempotencyKey.key)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all())
