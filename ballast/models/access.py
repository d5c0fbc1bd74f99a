"""How people get in: invitations, links sent by mail, sessions. Only hashes of what was sent are kept; times are real time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, LargeBinary, Select, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.clock import real_time
from ballast.db import Base, PublicId
from ballast.ids import new_id
from ballast.models.columns import Scoped, id_column, json_column, one_of
from ballast.models.identity import ROLES

LINKS: Final = ("verify_email", "reset_password", "change_email", "claim_organization")
# What a browser says of itself, the most telling mark first: nearly all of them claim to be Safari too.
BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


class Invitation(Scoped, Base):
    """Somebody asked to join an organization, by mail. At most one is open per address."""

    __tablename__ = "invitations"
    __table_args__ = (
        one_of("role", ROLES),
        Index(
            "uq_invitations_open",
            "organization_id",
            "email",
            unique=True,
            postgresql_where="accepted_at is null and revoked_at is null",
        ),
    )

    id: Mapped[str] = id_column("inv")
    email: Mapped[str]
    role: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    invited_by: Mapped[str | None] = mapped_column(PublicId("usr"), ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=real_time)
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class UserLink(Base):
    """A link sent to a user's address that does one thing, once. Of no organization, as users are."""

    __tablename__ = "user_links"
    __table_args__ = (one_of("kind", LINKS), Index("ix_user_links_user", "user_id"))

    id: Mapped[str] = mapped_column(PublicId("lnk"), primary_key=True, default=lambda: new_id("lnk"))
    user_id: Mapped[str] = mapped_column(PublicId("usr"), ForeignKey("users.id"))
    kind: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    data: Mapped[dict[str, Any]] = json_column()
    created_at: Mapped[datetime] = mapped_column(default=real_time)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class UserSession(Base):
    """A browser somebody signed in with. The cookie names it, so ending the row ends the session at its next request."""

    __tablename__ = "user_sessions"
    __table_args__ = (Index("ix_user_sessions_user", "user_id", "id"),)

    id: Mapped[str] = mapped_column(PublicId("ses"), primary_key=True, default=lambda: new_id("ses"))
    user_id: Mapped[str] = mapped_column(PublicId("usr"), ForeignKey("users.id"))
    generation: Mapped[int]
    ip: Mapped[str | None]
    user_agent: Mapped[str] = mapped_column(default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(default=real_time)
    last_seen_at: Mapped[datetime] = mapped_column(default=real_time)
    ended_at: Mapped[datetime | None]

    @property
    def device(self) -> str:
        """The browser and its system in two words, as far as it says: "Firefox on Linux"."""
        browser = next((name for mark, name in BROWSERS if mark in self.user_agent), "A browser")
        system = next((name for mark, name in SYSTEMS if mark in self.user_agent), None)
        return f"{browser} on {system}" if system else browser


def open_invitations(organization_id: str) -> Select[Invitation]:
    """Invitations nobody has answered or taken back, newest first; lapsed ones too."""
    return (
        select(Invitation)
        .where(
            Invitation.organization_id == organization_id,
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
        )
        .order_by(Invitation.id.desc())
    )
