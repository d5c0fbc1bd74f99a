"""API keys: made, shown once, recognized by their hash."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update

from ballast import audit
from ballast.clock import real_time
from ballast.db import db, set_organization, transaction
from ballast.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthenticated
from ballast.identity import known_keys
from ballast.identity.users import lookup
from ballast.ids import new_id, to_uuid
from ballast.models import ApiKey, Organization
from ballast.models.identity import SCOPES, USUAL_SCOPES
from ballast.security import hash_token, new_api_key

PREFIX_LENGTH: Final = 12
LONGEST_NAME: Final = 80
REFUSED: Final = {
    "revoked": "This API key was revoked or has expired.",
    "expired": "This API key was revoked or has expired.",
    "frozen": "This API key is on hold. Ask an owner of your organization.",
}


def create(
    organization: Organization,
    name: str,
    created_by: str | None,
    scopes: tuple[str, ...] = USUAL_SCOPES,
    expires_at: datetime | None = None,
    rate_limit: int | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its token, which is shown this once. In the caller's transaction. Raises InvalidRequest."""
    _check(name, scopes, expires_at)
    token = new_api_key(organization.mode)
    key = ApiKey(
        id=new_id("key"),
        organization_id=organization.id,
        name=name,
        prefix=token[:PREFIX_LENGTH],
        token_hash=hash_token(token),
        scopes=list(scopes),
        created_by=created_by,
        expires_at=expires_at,
        rate_limit=rate_limit,
    )
    db.session.add(key)
    db.session.flush()
    made = {"name": name, "prefix": key.prefix, "scopes": list(scopes), "expires_at": _text(expires_at)}
    audit.record(organization.id, "api_key.created", "api_key", key.id, made | {"rate_limit": rate_limit})
    return key, token


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _check(name: str, scopes: tuple[str, ...], expires_at: datetime | None) -> None:
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidRequest("parameter_invalid", f"A name has 1 to {LONGEST_NAME} characters.", param="name")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise InvalidRequest("scope_unknown", f"There is no scope {unknown[0][:64]}.", param="scopes")
    if expires_at is not None and expires_at <= real_time():
        raise InvalidRequest("parameter_invalid", "Choose a time to come.", param="expires_at")


def find(organization_id: str, key_id: str, for_update: bool = False) -> ApiKey:
    """One key of the organization. Raises NotFound."""
    if to_uuid(key_id, "key") is None:
        raise NotFound("API key", key_id[:64])
    wanted = select(ApiKey).where(ApiKey.organization_id == organization_id, ApiKey.id == key_id)
    if for_update:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found = db.session.scalars(wanted).first()
    if found is None:
        raise NotFound("API key", key_id)
    return found


def revoke(organization_id: str, key_id: str) -> ApiKey:
    """The key is refused from its next request on; again changes nothing. In the caller's transaction. Raises NotFound."""
    key = find(organization_id, key_id, for_update=True)
    if key.revoked_at is None:
        was, key.revoked_at = key.state, real_time()
        changes = {"name": key.name} | audit.differences({"state": was}, {"state": key.state})
        audit.record(organization_id, "api_key.revoked", "api_key", key.id, changes)
    return key


def rotate(organization: Organization, key_id: str, created_by: str | None, overlap: timedelta) -> tuple[ApiKey, str]:
    """A new key like this one, and its token; the old one works for `overlap` more. In the caller's transaction.

    Raises NotFound, Conflict(`api_key_inactive`).
    """
    old = find(organization.id, key_id, for_update=True)
    if not old.usable:
        raise Conflict("api_key_inactive", "This key no longer works, so there is nothing to rotate.")
    # The new one lives as long as the old one was made to live.
    lasts = old.expires_at - old.created_at if old.expires_at else None
    expires_at = real_time() + lasts if lasts and lasts > timedelta() else None
    made, token = create(organization, old.name, created_by, tuple(old.scopes), expires_at, old.rate_limit)
    was, ends = old.expires_at, real_time() + overlap
    old.expires_at = min(ends, old.expires_at) if old.expires_at else ends
    changes = audit.differences({"expires_at": _text(was)}, {"expires_at": _text(old.expires_at)})
    audit.record(organization.id, "api_key.rotated", "api_key", old.id, {"replaced_by": made.id} | changes)
    return made, token


def authenticate(token: str) -> ApiKey:
    """The key behind a token; the context works for its organization from here on. Raises Unauthenticated."""
    hashed = hash_token(token)
    organization_id = known_keys.organization_of(hashed)
    key = _read(organization_id, hashed) if organization_id else None
    if key is None:
        set_organization(None)
        organization_id = lookup("organization_of_api_key", hashed) if token.startswith("bl_") else None
        key = _read(organization_id, hashed) if organization_id else None
    if key is None:
        raise Unauthenticated("api_key_invalid", "This API key is not valid.")
    if not key.usable:
        raise Unauthenticated("api_key_revoked", REFUSED[key.state])
    return key


def _read(organization_id: str, hashed: bytes) -> ApiKey | None:
    set_organization(organization_id)
    wanted = select(ApiKey).where(ApiKey.organization_id == organization_id, ApiKey.token_hash == hashed)
    return db.session.scalars(wanted).first()


def require_scope(key: ApiKey, scope: str) -> None:
    """Raises Forbidden(`scope_missing`)."""
    if scope not in key.scopes:
        raise Forbidden("scope_missing", f"This API key does not have the scope {scope}.")


def note_use(key: ApiKey) -> None:
    """Remember when the key was last used, about once a minute; of requests at once, one writes."""
    seen = real_time()
    if key.last_used_at is not None and key.last_used_at > seen - known_keys.LAST_USED_EVERY:
        return
    with transaction() as session:
        session.execute(
            update(ApiKey)
            .where(
                ApiKey.organization_id == key.organization_id,
                ApiKey.id == key.id,
                ApiKey.last_used_at.is_(None) | (ApiKey.last_used_at <= seen - known_keys.LAST_USED_EVERY),
            )
            .values(last_used_at=seen)
            .execution_options(synchronize_session=False)
        )
