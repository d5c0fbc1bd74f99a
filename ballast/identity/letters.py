"""Mails about accounts. A row of the outbox needs an organization: the one it is about, or the user's first."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import select

from ballast import config
from ballast.db import db, organization
from ballast.identity import users
from ballast.models import Organization, User
from ballast.notifications import emails

log = logging.getLogger(__name__)


def url(path: str) -> str:
    """An address of ours, whole."""
    return f"{config.current().public_url}{path}"


def write(
    organization_id: str, kind: str, recipient: str, subject: str, dedupe_key: str, context: dict[str, Any]
) -> None:
    """Write one mail in an organization's name. In the caller's transaction."""
    with organization(organization_id):
        named = db.session.scalars(select(Organization).where(Organization.id == organization_id)).one()
        whole = {"organization": named, **context}
        emails.compose(organization_id, kind, recipient, subject, dedupe_key, None, whole)
        db.session.flush()


def write_to(user: User, kind: str, subject: str, dedupe_key: str, recipient: str = "", **context: Any) -> None:
    """Write to a user, wherever they belong. Somebody who belongs nowhere gets no mail, and the log says so."""
    home = users.organizations_of(user.id) or users.organizations_for_staff(user.id)
    if not home:
        log.warning("no mail of kind %s to %s, who is in no organization", kind, user.id)
        return
    write(home[0], kind, recipient or user.email, subject, dedupe_key, {"user": user, **context})
