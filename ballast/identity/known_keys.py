"""API keys that this process has recognized before: whose they are, so that a request need not ask first.

What is kept decides nothing. Whether a key still works, and may do what is asked, Postgres says in the very statement that does it
(`STILL_WORKS`): a revoked, expired, frozen or forgotten key is refused on its next request, with Redis or without.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ballast.ids import to_uuid
from ballast.models import ApiKey
from ballast.security import hash_token

MOST: Final = 10_000
# "Last used" is for people: one write a minute is plenty, and no payment waits for it.
LAST_USED_EVERY: Final = timedelta(minutes=1)
# A row where the key works as it did, may do what is asked and was noted as used not long ago. `told`: the organization, once the
# wall's setting stands.
STILL_WORKS: Final = """
    select from api_keys as k where k.organization_id = told.organization_id and k.id = %(key)s::uuid and k.revoked_at is null
      and k.frozen_at is null and (k.expires_at is null or k.expires_at > %(at)s) and %(scope)s = any(k.scopes)
      and k.rate_limit is not distinct from %(rate_limit)s and k.last_used_at > %(used_since)s limit 1"""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as it was when it last opened a door. `uuid` and `organization_uuid`: the same ids as Postgres has them."""

    id: str
    uuid: str
    organization_id: str
    organization_uuid: str
    scopes: tuple[str, ...]
    rate_limit: int | None


# By the token's hash; the token itself is kept nowhere.
_known: dict[bytes, KnownKey] = {}


def remember(key: ApiKey) -> None:
    """Keep whose key this is."""
    if len(_known) >= MOST:
        _known.clear()
    inside, organization = to_uuid(key.id, "key"), to_uuid(key.organization_id, "org")
    _known[key.token_hash] = KnownKey(
        key.id, str(inside), key.organization_id, str(organization), tuple(key.scopes), key.rate_limit
    )


def organization_of(token_hash: bytes) -> str | None:
    """Whose a key was when it was last seen here."""
    known = _known.get(token_hash)
    return known.organization_id if known else None


def find(token: str) -> KnownKey | None:
    """Whose key this was when it was last seen here."""
    return _known.get(hash_token(token))


def to_ask(key: KnownKey, scope: str, at: datetime) -> dict[str, Any]:
    """What a statement with `STILL_WORKS` is given; `at`: real time."""
    return {
        "organization": key.organization_uuid,
        "key": key.uuid,
        "scope": scope,
        "rate_limit": key.rate_limit,
        "at": at,
        "used_since": at - LAST_USED_EVERY,
    }
