"""Organizations, the people in them, and the keys their programs use."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    Select,
    String,
    exists,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column

from ballast.clock import real_time
from ballast.db import Base, PublicId
from ballast.ids import new_id
from ballast.models.columns import Scoped, created_column, id_column, json_column, one_of

ROLES: Final = ("owner", "admin", "viewer")
PLANS: Final = ("STARTER", "GROWTH", "ENTERPRISE")
MODES: Final = ("live", "sandbox")
SCOPES: Final = (
    "payments:read",
    "payments:write",
    "refunds:write",
    "customers:read",
    "customers:write",
    "disputes:read",
    "disputes:write",
    "subscriptions:read",
    "subscriptions:write",
    "financing:read",
    "financing:write",
    "webhooks:read",
    "webhooks:write",
    "audit:read",
)
# What a key may do where nobody chose. The audit log holds people's names, addresses and IPs: a key that reads it is made on purpose.
USUAL_SCOPES: Final = tuple(scope for scope in SCOPES if scope != "audit:read")


class Organization(Base):
    """A merchant. Mode belongs to it: key prefix and processor mode follow."""

    __tablename__ = "organizations"
    __table_args__ = (
        one_of("plan", PLANS),
        one_of("mode", MODES),
        CheckConstraint("slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'", name="slug_shape"),
    )

    id: Mapped[str] = mapped_column(PublicId("org"), primary_key=True, default=lambda: new_id("org"))
    name: Mapped[str]
    shop_name: Mapped[str] = mapped_column(server_default="")
    slug: Mapped[str] = mapped_column(unique=True)
    plan: Mapped[str] = mapped_column(default="STARTER", server_default="STARTER")
    mode: Mapped[str] = mapped_column(default="sandbox", server_default="sandbox")
    currency: Mapped[str] = mapped_column(default="USD", server_default="USD")
    timezone: Mapped[str] = mapped_column(default="UTC", server_default="UTC")
    clock_at: Mapped[datetime | None] = mapped_column(
        doc="a sandbox organization's own clock; it stands still between advances"
    )
    clock_lease_until: Mapped[datetime | None] = mapped_column(doc="real time; whoever moves the clock holds it")
    clock_problem: Mapped[str | None] = mapped_column(doc="what an advance waits for")
    clock_target_at: Mapped[datetime | None] = mapped_column(doc="where an advance that is under way leads")
    requires_second_factor: Mapped[bool] = mapped_column(default=False, server_default="false")
    card_testing: Mapped[dict[str, Any]] = json_column()
    metadata_: Mapped[dict[str, Any]] = json_column("metadata")
    created_at: Mapped[datetime] = created_column()
    archived_at: Mapped[datetime | None]


class User(Base):
    """A person who can sign in. Not of one organization: see Membership."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_lower"),)

    id: Mapped[str] = mapped_column(PublicId("usr"), primary_key=True, default=lambda: new_id("usr"))
    email: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str] = mapped_column(default="", server_default="")
    avatar_url: Mapped[str | None]
    password_hash: Mapped[str]
    email_verified: Mapped[bool] = mapped_column(default=False, server_default="false")
    is_admin: Mapped[bool] = mapped_column(default=False, server_default="false")
    token_generation: Mapped[int] = mapped_column(default=0, server_default="0")
    banned_at: Mapped[datetime | None]
    totp_secret: Mapped[bytes | None] = mapped_column(LargeBinary, doc="sealed; see identity.second_factor")
    totp_confirmed_at: Mapped[datetime | None] = mapped_column(doc="since when signing in takes a code; real time")
    totp_step: Mapped[int] = mapped_column(default=0, server_default="0", doc="the last one used: no code works twice")
    recovery_codes: Mapped[list[bytes]] = mapped_column(
        ARRAY(LargeBinary), default=list, server_default="{}", doc="hashes of those that were not used"
    )
    created_at: Mapped[datetime] = created_column()


class Membership(Scoped, Base):
    """What a user may do in an organization. Read per request, never from a token."""

    __tablename__ = "memberships"
    __table_args__ = (one_of("role", ROLES), Index("ix_memberships_user", "user_id"))

    user_id: Mapped[str] = mapped_column(PublicId("usr"), ForeignKey("users.id"), primary_key=True)
    role: Mapped[str]
    created_at: Mapped[datetime] = created_column()


class ApiKey(Scoped, Base):
    """A program's credential. Only its SHA-256 is kept."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("rate_limit > 0", name="rate_limit_positive"),
        Index("ix_api_keys_created_by", "created_by"),
    )

    id: Mapped[str] = id_column("key")
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(String(16))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String))
    created_by: Mapped[str | None] = mapped_column(PublicId("usr"), ForeignKey("users.id"))
    created_at: Mapped[datetime] = created_column()
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    frozen_at: Mapped[datetime | None] = mapped_column(doc="since when its creator's ban keeps it from working")
    rate_limit: Mapped[int | None] = mapped_column(doc="requests a window; RATE_LIMIT_DEFAULT_RPM where there is none")

    @property
    def state(self) -> str:
        """active, revoked, expired or frozen; only an active key works."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= real_time():
            return "expired"
        return "frozen" if self.frozen_at is not None else "active"

    @property
    def usable(self) -> bool:
        return self.state == "active"


def members_of(organization_id: str) -> Select[Membership, User]:
    """Members with their users, oldest first."""
    joined = select(Membership, User).join(User, User.id == Membership.user_id)
    return joined.where(Membership.organization_id == organization_id).order_by(Membership.created_at)


def owners_of(organization_id: str) -> Select[Membership, User]:
    """Who is told when something of the organization's needs an owner; nobody who is banned."""
    return members_of(organization_id).where(Membership.role == "owner", User.banned_at.is_(None))


def lives_by_real_time(organization_id: Any) -> ColumnElement[bool]:
    """Whether the organization a column names has no clock of its own: the live sweepers leave the others alone."""
    return ~exists().where(Organization.id == organization_id, Organization.clock_at.is_not(None))
