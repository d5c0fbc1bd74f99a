"""Idempotency keys exactly as Stripe keeps them.

The answer, a 500 included, is kept once the endpoint has begun to execute; what failed validation is not. The same key
with other parameters is refused with 400, and while the first request is still running with 409. Keys live for a day.
Source: docs.stripe.com/api/idempotent_requests.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from ballast.sandbox.store import Store, Transaction, encode
from ballast.sandbox.stripe.errors import StripeError, refuse_parameter

LIFETIME_SECONDS = 24 * 3600
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Kept:
    """The first answer to a key."""

    status: int
    body: bytes
    request_id: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right of one request to answer for a key."""

    account: str
    key: str
    fingerprint: str

    @property
    def record_id(self) -> str:
        """Return what the answer is kept under; a key may hold any characters, the journal's ids may not."""
        return hashlib.sha256(self.key.encode()).hexdigest()


class IdempotencyKeys:
    """The keys that are in use or were used."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._in_flight: dict[tuple[str, str], str] = {}

    def claim(self, claim: Claim) -> Kept | None:
        """Take the key, or return the answer it has. Raises the 409 of a key in use and the 400 of a reused one."""
        if len(claim.key) > LONGEST_KEY:
            raise refuse_parameter(f"Idempotency keys may have at most {LONGEST_KEY} characters.")
        running = self._in_flight.get((claim.account, claim.key))
        if running is not None:
            refuse_reuse(claim, running)
            raise StripeError(
                409,
                "idempotency_error",
                f"There is currently another in-progress request using this Idempotent Key: {claim.key}.",
                code="idempotency_key_in_use",
                executed=False,
            )
        tx = self._store.begin(claim.account)
        kept = tx.get("idempotency", claim.record_id)
        if kept is not None and tx.now - kept["created"] < LIFETIME_SECONDS:
            refuse_reuse(claim, kept["fingerprint"])
            return Kept(kept["status"], kept["body"].encode(), kept["request"])
        self._in_flight[claim.account, claim.key] = claim.fingerprint
        return None

    def release(self, claim: Claim) -> None:
        """Let go of the key."""
        self._in_flight.pop((claim.account, claim.key), None)


def keep(tx: Transaction, claim: Claim, answer: Kept) -> None:
    """Write the answer with the changes it tells of, in one commit."""
    record = {
        "id": claim.record_id,
        "created": tx.now,
        "fingerprint": claim.fingerprint,
        "status": answer.status,
        "body": answer.body.decode(),
        "request": answer.request_id,
    }
    tx.put("idempotency", record)


def refuse_reuse(claim: Claim, fingerprint: str) -> None:
    """Raise the 400 for a key that was first used with another request."""
    if fingerprint != claim.fingerprint:
        raise StripeError(
            400,
            "idempotency_error",
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
            f"using a key other than '{claim.key}' if you meant to execute a different request.",
            executed=False,
        )


def fingerprint(path: str, params: dict[str, Any]) -> str:
    """Return a digest of the request, the same for any order of its parameters."""
    return hashlib.sha256(f"{path}?{encode(sort_keys(params))}".encode()).hexdigest()


def sort_keys(value: Any) -> Any:
    """Return nested dicts in the order of their keys."""
    if isinstance(value, dict):
        return {key: sort_keys(value[key]) for key in sorted(value)}
    return [sort_keys(item) for item in value] if isinstance(value, list) else value
