"""The platform's area, for its staff: people, shut out and let in again, and second factors that were lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response, flash, request, url_for
from flask_login import current_user

from ballast.audit import reading
from ballast.billing.subscriptions import holding
from ballast.db import end_reading
from ballast.errors import BallastError
from ballast.identity import bans, platform, second_factor, sessions, users
from ballast.models import User
from ballast.security import without_card_number
from ballast.web import filter_url, keyset, render, see_other, staff_area, status_chips

blueprint = Blueprint("platform_users", __name__, url_prefix="/platform/users")
staff_area(blueprint)

ROUTE: Final = "platform_users.index"
LABELS: Final = {"": "Everybody", "banned": "Banned", "staff": "Staff"}
# A person's history: of so many organizations, so many entries.
PLACES_READ: Final = 20
ENTRIES_SHOWN: Final = 25


@blueprint.get("")
def index() -> Response:
    """Everybody with an account, newest first."""
    chosen = {name: request.args.get(name, "").strip()[:254] for name in ("text", "status")}
    chosen["text"] = without_card_number(chosen["text"])
    wanted = platform.people(chosen["text"], chosen["status"])
    page = keyset(wanted, User.id, "usr", request.args.get("before"), request.args.get("after"))
    return render(
        "platform/users.html",
        "list",
        people=[row[0] for row in page.rows],
        chosen=chosen,
        filters=status_chips(ROUTE, LABELS, chosen),
        filtered=any(chosen.values()),
        previous_url=filter_url(ROUTE, chosen, before=page.before),
        next_url=filter_url(ROUTE, chosen, after=page.after),
    )


@blueprint.get("/<user_id>")
def show(user_id: str) -> Response:
    """One person: where they belong, and what was done."""
    user = users.find(user_id)
    history = reading.of_person(user.id, users.organizations_with(user.id)[:PLACES_READ], ENTRIES_SHOWN)
    return render(
        "platform/user.html",
        user=user,
        places=bans.places_of(user),
        sessions=sessions.open_of(user.id, user.token_generation),
        shown=reading.show(history, names_staff=True),
        has_second_factor=second_factor.is_on(user),
        is_me=user.id == current_user.id,
    )


@blueprint.get("/<user_id>/ban")
def ban_form(user_id: str) -> Response:
    """What a ban comes to, before it happens."""
    return _form(user_id, "ban")


@blueprint.post("/<user_id>/ban")
def ban(user_id: str) -> Response:
    """Shut out, from the next request on."""
    keep = request.form.get("keys") == "keep"
    return _acted(user_id, "ban", lambda email, reason: bans.ban(email, reason, keep), "{} is shut out.")


@blueprint.get("/<user_id>/unban")
def unban_form(user_id: str) -> Response:
    """What comes back."""
    return _form(user_id, "unban")


@blueprint.post("/<user_id>/unban")
def unban(user_id: str) -> Response:
    """Let in again; what the ban froze or held goes on."""
    return _acted(user_id, "unban", holding.unban, "{} can sign in again.")


@blueprint.get("/<user_id>/second-factor")
def second_factor_form(user_id: str) -> Response:
    """What taking it off comes to."""
    return _form(user_id, "second-factor")


@blueprint.post("/<user_id>/second-factor")
def reset_second_factor(user_id: str) -> Response:
    """Take off a second factor that was lost."""
    done = "{} has no second factor any more, and is told by mail."
    return _acted(user_id, "second-factor", second_factor.reset, done)


def _acted(user_id: str, act: str, do: Callable[[str, str], Any], done: str) -> Response:
    email, reason = users.find(user_id).email, request.form.get("reason", "")
    end_reading()
    try:
        do(email, reason)
    except BallastError as error:
        return _form(user_id, act, error)
    flash(done.format(email), "success")
    return see_other(url_for("platform_users.show", user_id=user_id))


def _form(user_id: str, act: str, error: BallastError | None = None) -> Response:
    user = users.find(user_id)
    return render(
        f"platform/{act.replace('-', '_')}.html",
        status=(409 if error.status == 409 else 422) if error else 200,
        user=user,
        places=bans.places_of(user),
        reason=without_card_number(request.form.get("reason", "")),
        keys=request.form.get("keys", "freeze"),
        errors={"reason": error.message} if error and error.param == "reason" else {},
        problem=error.message if error and error.param != "reason" else None,
        has_second_factor=second_factor.is_on(user),
        is_me=user.id == current_user.id,
    )
