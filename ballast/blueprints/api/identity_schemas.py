"""What the API takes and answers about people, organizations and keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt, StrictStr, StringConstraints

from ballast.blueprints.api.fields import MetadataKey, Strict, Text, example
from ballast.blueprints.api.people import CREATED
from ballast.models.identity import MODES, PLANS, ROLES, SCOPES, USUAL_SCOPES

Name = Annotated[StrictStr, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]
Email = Annotated[StrictStr, StringConstraints(min_length=3, max_length=254, strip_whitespace=True)]
# Longer than any password may be: the domain says so in words, and nobody hashes a megabyte.
Password = Annotated[StrictStr, StringConstraints(min_length=1, max_length=1024)]
Role = Annotated[StrictStr, StringConstraints(pattern="(?i)^(owner|admin|viewer)$")]
MODE: Any = Literal[MODES]
PLAN: Any = Literal[PLANS]
ROLE: Any = Literal[ROLES]
SCOPE: Any = Literal[SCOPES]


MEMBER_ID = "usr_01kbe8wv6pe2r9f3x7m5d0t1an"
KEY_ID = "key_01kbe8wv6pe2r9f3x7m5d0t1ap"
EMAIL = "ada@example.com"
FULL_NAME = "Ada Okafor"
EXAMPLE_PASSWORD = "a kettle of unrelated words"  # noqa: S105
ORGANIZATION: dict[str, Any] = {
    "id": "org_01kbe8wv6pe2r9f3x7m5d0t1aq",
    "object": "organization",
    "name": "Acme Corp",
    "shop_name": "Acme Corp",
    "slug": "acme-corp",
    "plan": PLANS[0],
    "mode": "sandbox",
    "currency": "USD",
    "timezone": "UTC",
    "metadata": {},
    "created_at": CREATED,
}
USER: dict[str, Any] = {
    "id": MEMBER_ID,
    "object": "user",
    "email": EMAIL,
    "full_name": FULL_NAME,
    "avatar_url": None,
    "email_verified": True,
    "role": "owner",
    "created_at": CREATED,
}
MEMBER: dict[str, Any] = {
    "id": MEMBER_ID,
    "object": "member",
    "email": EMAIL,
    "full_name": FULL_NAME,
    "role": "owner",
    "status": "active",
    "created_at": CREATED,
    "expires_at": None,
}
KEY: dict[str, Any] = {
    "id": KEY_ID,
    "object": "api_key",
    "name": "Nightly export",
    "prefix": "bl_test_4f9a",
    "scopes": ["payments:read"],
    "status": "active",
    "rate_limit": None,
    "created_by": MEMBER_ID,
    "created_at": CREATED,
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": None,
}


def _example(**fields: Any) -> ConfigDict:
    """Of a body."""
    return example(fields, "forbid")


def _list_of(one: dict[str, Any]) -> ConfigDict:
    return example({"object": "list", "data": [one], "has_more": False})


class Register(Strict):
    """A person and the organization they begin."""

    model_config = _example(
        email=EMAIL,
        password=EXAMPLE_PASSWORD,
        full_name=FULL_NAME,
        organization_name="Acme Corp",
    )

    email: Email
    password: Password = Field(description="12 to 256 characters.")
    full_name: Text = ""
    organization_name: Name = Field(description="Its slug is derived from this.")


class Login(Strict):
    """Address and password."""

    model_config = _example(email=EMAIL, password=EXAMPLE_PASSWORD)

    email: Email
    password: Password
    code: Annotated[StrictStr, StringConstraints(max_length=40)] | None = Field(
        default=None, description="Of your authenticator app, or a recovery code, if you have a second factor."
    )
    organization: Text | None = Field(
        default=None, description="`org_…` or slug, for who is in several; your first one if left out."
    )


class OrganizationChange(Strict):
    """What is to be different; what is left out stays."""

    model_config = _example(name="Acme Coffee Roasters", timezone="America/New_York", metadata={"crm": "4711"})

    name: Name | None = None
    shop_name: Text | None = None
    slug: Text | None = Field(default=None, description="The shop's address: small letters, digits and dashes.")
    currency: Text | None = Field(default=None, description="ISO 4217, capitals.")
    timezone: Text | None = Field(default=None, description="Such as `Europe/Berlin`.")
    metadata: dict[MetadataKey, Text] | None = Field(default=None, description="Replaces what is there.")


class Invite(Strict):
    """Whom to ask to join, and as what."""

    model_config = _example(email="jun@example.com", role="ADMIN")

    email: Email
    role: Role = Field(description="OWNER, ADMIN or VIEWER, in any case.")


class RoleChange(Strict):
    """Another role."""

    model_config = _example(role="VIEWER")

    role: Role = Field(description="OWNER, ADMIN or VIEWER, in any case.")


class KeyCreate(Strict):
    """A key to make."""

    model_config = _example(name="Nightly export", scopes=["payments:read"])

    name: Annotated[StrictStr, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
    scopes: list[SCOPE] = Field(
        default_factory=lambda: list(USUAL_SCOPES), description="All but `audit:read` if left out."
    )
    expires_at: AwareDatetime | None = Field(default=None, description="ISO 8601 with a time zone; never if left out.")
    rate_limit: StrictInt | None = Field(default=None, ge=1, le=100_000, description="Requests a minute.")


class KeyRotate(Strict):
    """How long both keys work."""

    model_config = _example(overlap_seconds=3600)

    overlap_seconds: StrictInt = Field(default=86_400, ge=0, le=30 * 86_400)


class MemberPath(BaseModel):
    """Which member."""

    member_id: str = Field(
        description="`usr_…`, or `inv_…` for somebody invited", json_schema_extra={"example": MEMBER_ID}
    )


class KeyPath(BaseModel):
    """Which key."""

    key_id: str = Field(description="`key_…`", json_schema_extra={"example": KEY_ID})


class OrganizationOut(BaseModel):
    """An organization."""

    model_config = example(ORGANIZATION)

    id: str
    object: Literal["organization"]
    name: str
    shop_name: str
    slug: str
    plan: PLAN
    mode: MODE
    currency: str
    timezone: str
    metadata: dict[str, Any]
    created_at: datetime


class NewUserOut(BaseModel):
    """A person who registered. The id comes with signing in."""

    object: Literal["user"]
    email: str
    full_name: str


class RegisterOut(BaseModel):
    """What was begun. Mail goes to the address; the answer is the same whether or not it had an account."""

    model_config = example({"user": {"object": "user", "email": EMAIL, "full_name": FULL_NAME}, "org": ORGANIZATION})

    user: NewUserOut
    org: OrganizationOut


class UserOut(BaseModel):
    """A signed-in user. `role` is `staff` for platform staff."""

    id: str
    object: Literal["user"]
    email: str
    full_name: str
    avatar_url: str | None
    email_verified: bool
    role: str
    created_at: datetime


class LoginOut(BaseModel):
    """An access token: send it as `Authorization: Bearer`."""

    model_config = example(
        {
            "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c3IifQ.signature",
            "token_type": "Bearer",
            "expires_in": 900,
            "user": USER,
            "org": ORGANIZATION,
        }
    )

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="seconds")
    user: UserOut
    org: OrganizationOut


class MemberOut(BaseModel):
    """A member, or somebody invited."""

    model_config = example(MEMBER)

    id: str
    object: Literal["member"]
    email: str
    full_name: str
    role: ROLE
    status: Literal["active", "invited", "expired"]
    created_at: datetime
    expires_at: datetime | None


class MemberList(BaseModel):
    """Everybody in the organization."""

    model_config = _list_of(MEMBER)

    object: Literal["list"]
    data: list[MemberOut]
    has_more: bool


class KeyOut(BaseModel):
    """An API key, without what it takes to use it."""

    model_config = example(KEY)

    id: str
    object: Literal["api_key"]
    name: str
    prefix: str
    scopes: list[str]
    status: Literal["active", "revoked", "expired", "frozen"]
    rate_limit: int | None
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewKeyOut(KeyOut):
    """A new API key. `key` is shown this once: an answer that is repeated under an Idempotency-Key comes without it."""

    model_config = example(KEY | {"key": "bl_test_4f9a…"})

    key: str | None = Field(default=None, description="Shown once.")


class KeyList(BaseModel):
    """A page of API keys."""

    model_config = _list_of(KEY)

    object: Literal["list"]
    data: list[KeyOut]
    has_more: bool


class Deleted(BaseModel):
    """It is gone."""

    model_config = example({"id": MEMBER_ID, "object": "member", "deleted": True})

    id: str
    object: Literal["member"]
    deleted: Literal[True]
