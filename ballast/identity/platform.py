"""What platform staff look at: all organizations and all people. Each organization is read behind its own wall, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from ballast.db import db, organization
from ballast.errors import NotFound
from ballast.ids import from_uuid, to_uuid
from ballast.models import Membership, Organization, User
from ballast.models.identity import members_of

MOST_MEMBERS = 500


@dataclass(frozen=True)
class Search:
    """Which organizations. `text`: part of a name or address, or an id; what is empty lets all pass."""

    text: str = ""
    plan: str = ""
    mode: str = ""


def find_organizations(
    staff_id: str, search: Search, newer_than: str | None, older_than: str | None, most: int
) -> list[tuple[Organization, int]]:
    """Organizations with how many members they have, archived ones too: newest first, or the other way round after `newer_than`.

    Postgres answers ids, and to staff alone. Ids that are none of an organization are ignored.
    """
    if to_uuid(search.text, "org"):
        ids = [search.text]
    else:
        asked = func.organizations_found(
            to_uuid(staff_id, "usr"), search.text, search.plan, search.mode, _key(newer_than), _key(older_than), most
        )
        ids = [from_uuid(row[0], "org") for row in db.session.execute(select(asked.column_valued("id")))]
    found = [_counted(one) for one in ids]
    return [one for one in found if one is not None]


def _key(organization_id: str | None) -> Any:
    return to_uuid(organization_id or "", "org")


def _counted(organization_id: str) -> tuple[Organization, int] | None:
    members = select(func.count()).select_from(Membership).where(Membership.organization_id == Organization.id)
    with organization(organization_id):
        wanted = select(Organization, members.scalar_subquery()).where(Organization.id == organization_id)
        row = db.session.execute(wanted).first()
    return (row[0], row[1]) if row else None


def find_organization(organization_id: str) -> tuple[Organization, list[tuple[Membership, User]]]:
    """One organization and its members. Raises NotFound."""
    if to_uuid(organization_id, "org") is None:
        raise NotFound("organization")
    with organization(organization_id):
        found = db.session.scalars(select(Organization).where(Organization.id == organization_id)).first()
        if found is None:
            raise NotFound("organization")
        members = db.session.execute(members_of(organization_id).limit(MOST_MEMBERS))
        return found, [(row[0], row[1]) for row in members]


def people(text: str, which: str) -> Select[User]:
    """People whose address or name has this in it, or whose id it is. `which`: `banned`, `staff` or empty for everybody."""
    wanted = select(User)
    if to_uuid(text, "usr"):
        wanted = wanted.where(User.id == text)
    elif text:
        wanted = wanted.where(
            User.email.icontains(text, autoescape=True) | User.full_name.icontains(text, autoescape=True)
        )
    if which == "banned":
        wanted = wanted.where(User.banned_at.is_not(None))
    elif which == "staff":
        wanted = wanted.where(User.is_admin)
    return wanted


@dataclass(frozen=True)
class Run:
    """One run of a job that found something to do: how many rows it took, and how many of those failed."""

    id: str
    name: str
    started_at: datetime
    finished_at: datetime | None
    claimed: int
    failed: int


def runs(
    staff_id: str, name: str, failing: bool, newer_than: str | None, older_than: str | None, most: int
) -> list[Run]:
    """Runs of jobs, newest first, or the other way round after `newer_than`; of one name, or those alone in which something failed.

    Postgres answers staff alone. Ids that are none of a run are ignored.
    """
    edges = (to_uuid(newer_than or "", "run"), to_uuid(older_than or "", "run"))
    columns = ("id", "name", "started_at", "finished_at", "claimed", "failed")
    asked = func.job_runs_found(to_uuid(staff_id, "usr"), name, failing, *edges, most).table_valued(*columns)
    return [Run(from_uuid(row[0], "run"), *row[1:]) for row in db.session.execute(select(asked))]
