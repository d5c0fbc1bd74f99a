"""Idempotency keys as Square keeps them: in the body, at most 45 characters.

The same key with the same body gets the same body back, also that of a declined card; with another body it is refused. What
was malformed, and what the processor failed at, is not remembered.
Source: developer.squareup.com/docs/build-basics/common-api-patterns/idempotency.
"""

import hashlib
from dataclasses import dataclass

from ballast.sandbox.square.errors import refuse
from ballast.sandbox.store import Record, Transaction, encode

TAKE = "payments.create"


@dataclass(frozen=True, slots=True)
class Claim:
    """One request under a key; a key counts for one operation."""

    operation: str
    key: str
    fingerprint: str

    @property
    def record_id(self) -> str:
        """Return what the answer is kept under; a key may hold any characters, the journal's ids may not."""
        return name_key(self.operation, self.key)


def name_key(operation: str, key: str) -> str:
    """Return the id of a key's record."""
    return hashlib.sha256(f"{operation} {key}".encode()).hexdigest()


def find_answer(tx: Transaction, claim: Claim) -> tuple[int, bytes] | None:
    """Return the first answer to this key, or None. Raises the 400 for a key of another request."""
    kept = tx.get("square_keys", claim.record_id)
    if kept is None:
        return None
    if kept["fingerprint"] != claim.fingerprint:
        told = "The idempotency key can only be retried with the same request data."
        raise refuse("IDEMPOTENCY_KEY_REUSED", told, "idempotency_key")
    return kept["status"], kept["body"].encode()


def keep(tx: Transaction, claim: Claim, status: int, body: bytes, payment_id: str | None) -> None:
    """Write the answer with the changes it tells of, in one commit."""
    record: Record = {
        "id": claim.record_id,
        "fingerprint": claim.fingerprint,
        "status": status,
        "body": body.decode(),
        "payment": payment_id,
    }
    tx.put("square_keys", record)


def find_payment(tx: Transaction, key: str) -> str | None:
    """Return the id of the payment that was made with a key."""
    kept = tx.get("square_keys", name_key(TAKE, key))
    return kept["payment"] if kept else None


def fingerprint(path: str, body: object) -> str:
    """Return a digest of the request, the same for any order of its fields."""
    return hashlib.sha256(f"{path} {encode(sort_fields(body))}".encode()).hexdigest()


def sort_fields(value: object) -> object:
    """Return nested dicts in the order of their keys."""
    if isinstance(value, dict):
        return {key: sort_fields(value[key]) for key in sorted(value)}
    return [sort_fields(item) for item in value] if isinstance(value, list) else value
