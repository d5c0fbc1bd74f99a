"""API keys: made, shown once, recognized by their hash."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from ballast import audit
from ballast.clock import real_time
from ballast.db import db, set_organization, transaction
from ballast.errors import Forbidden, Unauthenticated
from ballast.identity.users import lookup
from ballast.ids import new_id
from ballast.models import ApiKey, Organization
from ballast.models.identity import SCOPES
from ballast.security import hash_token, new_api_key

# "Last used" is for people: one write a minute is plenty, and no payment waits for it.
LAST_USED_EVERY = timedelta(minutes=1)


def create(
    organization: Organization, name: str, created_by: str | None, scopes: tuple[str, ...] = SCOPES
) -> tuple[ApiKey, str]:
    """A new key and its token, which is shown this once. In the caller's transaction."""
    token = new_api_key(organization.mode)
    key = ApiKey(
        id=new_id("key"),
        organization_id=organization.id,
        name=name,
        prefix=token[:12],
        token_hash=hash_token(token),
        scopes=list(scopes),
        created_by=created_by,
    )
    db.session.add(key)
    audit.record(organization.id, "api_key.created", "api_key", key.id, {"name": name, "scopes": list(scopes)})
    return key, token


def authenticate(token: str) -> ApiKey:
    """The key behind a token; the context works for its organization from here on. Raises Unauthenticated."""
    hashed = hash_token(token)
    organization_id = lookup("organization_of_api_key", hashed) if token.startswith("bl_") else None
    if organization_id is None:
        raise Unauthenticated("api_key_invalid", "This API key is not valid.")
    set_organization(organization_id)
    key = db.session.scalars(
        select(ApiKey).where(ApiKey.organization_id == organization_id, ApiKey.token_hash == hashed)
    ).one()
    if not key.usable:
        raise Unauthenticated("api_key_revoked", "This API key was revoked or has expired.")
    return key


def require_scope(key: ApiKey, scope: str) -> None:
    """Raises Forbidden(`scope_missing`)."""
    if scope not in key.scopes:
        raise Forbidden("scope_missing", f"This API key does not have the scope {scope}.")


def note_use(key: ApiKey) -> None:
    """Remember when the key was last used, about once a minute."""
    seen = real_time()
    if key.last_used_at is not None and key.last_used_at > seen - LAST_USED_EVERY:
        return
    with transaction() as session:
        session.execute(
            update(ApiKey)
            .where(ApiKey.organization_id == key.organization_id, ApiKey.id == key.id)
            .values(last_used_at=seen)
            .execution_options(synchronize_session=False)
        )
