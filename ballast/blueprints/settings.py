"""Settings: what the organization is called, who is in it, and what each role may do. Everyone reads, owners change."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for
from flask_login import current_user

from ballast import config
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError
from ballast.identity import members, organizations, second_factor, users
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("settings", __name__, url_prefix="/admin/settings")
dashboard(blueprint)

# In the order of the page, each in a few words.
PERMISSION_WORDS: Final = {
    "read": "See every page and list",
    "audit": "Read the audit log",
    "charge": "Charge customers",
    "capture": "Capture and release holds",
    "refund": "Refund payments",
    "disputes": "Answer disputes",
    "replay": "Replay processor events",
    "resolve": "Resolve unknown outcomes",
    "catalog": "Change the catalog",
    "orders": "Send orders",
    "lending": "Change financing offers and lending settings",
    "mails": "Read and resend mails",
    "clock": "Move the clock of a sandbox",
    "api_keys": "Make and revoke API keys",
    "webhooks": "Change webhook endpoints",
    "processors": "Connect processors, route cards",
    "members": "Invite, change and remove members",
    "privacy": "Hand out and erase what is known of a customer",
    "settings": "Change these settings",
}
ROLE_WORDS: Final = {
    "owner": "Everything, members and processors included",
    "admin": "Runs the business: refunds, keys, webhooks, catalog",
    "viewer": "Sees everything but the audit log, changes nothing",
}
SHOWN_ROLES: Final = ("owner", "admin", "viewer", "staff")
FIELDS: Final = ("name", "shop_name", "slug", "currency", "timezone")


# --- The organization --------------------------------------------------------------------------------------------------------


@blueprint.get("")
def index() -> Response:
    """What the organization is called, and the permission matrix."""
    return _settings()


@blueprint.post("")
@requires("settings")
def change() -> Response:
    """Change what was typed differently."""
    given = {name: request.form[name].strip() for name in FIELDS if name in request.form}
    if "name" not in given:
        return _settings({"name": "Say what your organization is called."})
    end_reading()
    try:
        with transaction():
            organizations.change(g.organization.id, given)
    except BallastError as error:
        db.session.refresh(g.organization)
        return _settings({error.param or "name": error.message}, given)
    flash("Saved.", "success")
    return see_other(url_for("settings.index"))


def _settings(errors: dict[str, str] | None = None, typed: dict[str, str] | None = None) -> Response:
    organization = g.organization
    return render(
        "admin/settings/index.html",
        status=422 if errors else 200,
        values={name: getattr(organization, name) for name in FIELDS} | (typed or {}),
        errors=errors or {},
        may_change=users.may(g.role, "settings"),
        asks_factor=second_factor.is_asked(organization),
        is_free_to_choose=not config.current().second_factor_required,
        roles=SHOWN_ROLES,
        matrix=[(words, [users.may(role, right) for role in SHOWN_ROLES]) for right, words in PERMISSION_WORDS.items()],
    )


@blueprint.post("/second-factor")
@requires("settings")
def require_second_factor() -> Response:
    """Whether members need a second factor, from their next click on."""
    chosen = request.form.get("required", "")
    if chosen not in ("yes", "no"):
        return _settings({"required": "Choose one of the two."})
    end_reading()
    try:
        with transaction():
            second_factor.require(g.organization.id, current_user.id, chosen == "yes")
    except BallastError as error:
        return _settings({"required": error.message})
    flash("Saved.", "success")
    return see_other(url_for("settings.index"))


# --- Members -----------------------------------------------------------------------------------------------------------------


@blueprint.get("/members", endpoint="members")
def members_list() -> Response:
    """Who is in, and who is asked to be."""
    return render(
        "admin/settings/members.html",
        people=members.everyone(g.organization.id),
        may_change=users.may(g.role, "members"),
        myself=current_user.id,
    )


@blueprint.get("/members/invite")
@requires("members")
def invite_form() -> Response:
    """Whom to invite."""
    return _invite_form()


@blueprint.post("/members/invite")
@requires("members")
def invite() -> Response:
    """Send an invitation."""
    email, role = request.form.get("email", ""), request.form.get("role", "viewer")
    end_reading()
    try:
        with transaction():
            made = members.invite(g.organization.id, email[:254], role, current_user.id)
    except BallastError as error:
        return _invite_form(email, role, error)
    flash(f"We wrote to {made.email}. The link works for seven days.", "success")
    return see_other(url_for("settings.members"))


def _invite_form(email: str = "", role: str = "viewer", error: BallastError | None = None) -> Response:
    return render(
        "admin/settings/invite.html",
        status=422 if error else 200,
        email=email,
        role=role,
        roles=ROLE_WORDS,
        errors={error.param: error.message} if error and error.param else {},
        problem=error.message if error and not error.param else None,
    )


@blueprint.get("/members/<member_id>")
@requires("members")
def member(member_id: str) -> Response:
    """One member: another role, or removal, with what each comes to."""
    return _member(member_id)


@blueprint.post("/members/<member_id>/role")
@requires("members")
def change_role(member_id: str) -> Response:
    """Another role, from the next request on."""
    return _acted(member_id, lambda: members.change_role(g.organization.id, member_id, request.form.get("role", "")))


@blueprint.post("/members/<member_id>/remove")
@requires("members")
def remove(member_id: str) -> Response:
    """Out, from the next request on."""
    return _acted(member_id, lambda: members.remove(g.organization.id, member_id))


def _acted(member_id: str, act: Any) -> Response:
    end_reading()
    try:
        with transaction():
            changed = act()
    except BallastError as error:
        if error.status == 404:
            raise
        return _member(member_id, error.message)
    gone = (request.endpoint or "").endswith(".remove")
    flash(f"{changed.email} {'no longer belongs here' if gone else f'is {changed.role} now'}.", "success")
    return see_other(url_for("settings.members"))


def _member(member_id: str, problem: str | None = None) -> Response:
    person = members.find(g.organization.id, member_id)
    return render(
        "admin/settings/member.html",
        status=422 if problem else 200,
        person=person,
        roles=ROLE_WORDS,
        is_me=person.id == current_user.id,
        problem=problem,
    )
