"""How users, organizations, members and keys look from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ballast.identity.members import Person
from ballast.models import ApiKey, Organization, User


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def user_payload(user: User, role: str | None) -> dict[str, Any]:
    """A signed-in user, with the role in the organization at hand."""
    return {
        "id": user.id,
        "object": "user",
        "email": user.email,
        "full_name": user.full_name,
        "avatar_url": user.avatar_url,
        "email_verified": user.email_verified,
        "role": role,
        "created_at": _time(user.created_at),
    }


def organization_payload(found: Organization) -> dict[str, Any]:
    """An organization."""
    return {
        "id": found.id,
        "object": "organization",
        "name": found.name,
        "shop_name": found.shop_name,
        "slug": found.slug,
        "plan": found.plan,
        "mode": found.mode,
        "currency": found.currency,
        "timezone": found.timezone,
        "metadata": found.metadata_,
        "created_at": _time(found.created_at),
    }


def member_payload(person: Person) -> dict[str, Any]:
    """A member, or somebody invited."""
    return {
        "id": person.id,
        "object": "member",
        "email": person.email,
        "full_name": person.full_name,
        "role": person.role,
        "status": person.status,
        "created_at": _time(person.since),
        "expires_at": _time(person.expires_at),
    }


def key_payload(key: ApiKey, token: str | None = None) -> dict[str, Any]:
    """An API key; with its token the one time it is known."""
    shown = {
        "id": key.id,
        "object": "api_key",
        "name": key.name,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "status": key.state,
        "rate_limit": key.rate_limit,
        "created_by": key.created_by,
        "created_at": _time(key.created_at),
        "expires_at": _time(key.expires_at),
        "revoked_at": _time(key.revoked_at),
        "last_used_at": _time(key.last_used_at),
    }
    return shown | {"key": token} if token else shown
