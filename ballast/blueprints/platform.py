"""The platform's area, for its staff: organizations, what is live, and what was done to people and the platform."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, flash, request, url_for
from flask_login import current_user
from sqlalchemy import select

from ballast.audit import reading
from ballast.billing import going_live
from ballast.db import end_reading
from ballast.errors import BallastError
from ballast.identity import platform, second_factor
from ballast.identity.platform import Search
from ballast.models import PlatformEntry
from ballast.models.identity import MODES, PLANS
from ballast.security import without_card_number
from ballast.web import PAGE_SIZE, Page, cut, filter_url, keyset, render, see_other, staff_area

blueprint = Blueprint("platform", __name__, url_prefix="/platform")
staff_area(blueprint)

ROUTE: Final = "platform.organizations"


@blueprint.get("/organizations")
def organizations() -> Response:
    """All organizations, newest first, by name, plan and mode."""
    chosen = {name: request.args.get(name, "").strip()[:120] for name in ("text", "plan", "mode")}
    chosen["text"] = without_card_number(chosen["text"])
    page = _found(chosen, request.args.get("before"), request.args.get("after"))
    return render(
        "platform/organizations.html",
        "list",
        rows=page.rows,
        chosen=chosen,
        plans=PLANS,
        modes=MODES,
        filtered=any(chosen.values()),
        previous_url=filter_url(ROUTE, chosen, before=page.before),
        next_url=filter_url(ROUTE, chosen, after=page.after),
    )


def _found(chosen: dict[str, str], before: str | None, after: str | None) -> Page:
    rows: list[Any] = platform.find_organizations(
        current_user.id, Search(**chosen), before, None if before else after, PAGE_SIZE + 1
    )
    return cut(rows, PAGE_SIZE, backwards=bool(before), started=bool(after))


@blueprint.get("/organizations/<organization_id>")
def organization(organization_id: str) -> Response:
    """One organization: its mode and its members."""
    found, members = platform.find_organization(organization_id)
    asks_factor = second_factor.is_asked(found)
    return render("platform/organization.html", found=found, members=members, asks_factor=asks_factor)


@blueprint.get("/organizations/<organization_id>/live")
def live_form(organization_id: str) -> Response:
    """What going live comes to, before it happens."""
    return _live(organization_id)


@blueprint.post("/organizations/<organization_id>/live")
def live(organization_id: str) -> Response:
    """Make it live, for good."""
    found, _members = platform.find_organization(organization_id)
    name, reason = found.name, request.form.get("reason", "")
    end_reading()
    try:
        going_live.go_live(organization_id, reason)
    except BallastError as error:
        return _live(organization_id, error)
    flash(f"{name} is live.", "success")
    return see_other(url_for("platform.organization", organization_id=organization_id))


def _live(organization_id: str, error: BallastError | None = None) -> Response:
    found, _members = platform.find_organization(organization_id)
    return render(
        "platform/live.html",
        status=(409 if error.status == 409 else 422) if error else 200,
        found=found,
        outlook=going_live.foresee(organization_id),
        reason=without_card_number(request.form.get("reason", "")),
        errors={"reason": error.message} if error and error.param == "reason" else {},
        problem=error.message if error and error.param != "reason" else None,
    )


@blueprint.get("/audit")
def audit() -> Response:
    """What was done to people and the platform, newest first. (What was done in an organization is in its own log.)"""
    given = request.args
    page = keyset(select(PlatformEntry), PlatformEntry.id, "aud", given.get("before"), given.get("after"))
    shown = reading.show([row[0] for row in page.rows], names_staff=True)
    return render(
        "platform/audit.html",
        "list",
        shown=shown,
        links={one.entry.id: _person(one.entry) for one in shown},
        previous_url=filter_url("platform.audit", {}, before=page.before),
        next_url=filter_url("platform.audit", {}, after=page.after),
    )


def _person(entry: reading.Row) -> str | None:
    if entry.resource_type != "user":
        return None
    return url_for("platform_users.show", user_id=entry.resource_id)
