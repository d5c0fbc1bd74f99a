"""Financing → Lending settings: the switch for lending at a cost, with what the law asks, and the policies of servicing."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, flash, g, request, url_for
from flask_login import current_user

from ballast.billing.financing import lending_settings
from ballast.db import end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.identity import users
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("lending_settings", __name__, url_prefix="/admin/financing/settings")
dashboard(blueprint)

RIGHT: Final = "lending"


@blueprint.get("")
def index() -> Response:
    """How the organization lends."""
    return _page()


@blueprint.post("")
@requires(RIGHT)
def change() -> Response:
    """Change the policies."""
    typed = {name: request.form.get(name, "").strip()[:10] for name in lending_settings.BOUNDS}
    end_reading()
    try:
        with transaction():
            lending_settings.change(g.organization.id, {name: _number(name, text) for name, text in typed.items()})
    except BallastError as error:
        return _page(typed, error)
    flash("Saved. Agreements that run follow it from now on.", "success")
    return see_other(url_for(".index"))


@blueprint.post("/interest")
@requires(RIGHT)
def switch() -> Response:
    """Allow lending at a cost, once they have said that they know what it asks; or allow it no more."""
    end_reading()
    try:
        with transaction():
            if _wants_it():
                lending_settings.allow_interest(g.organization.id, current_user.id)
            else:
                lending_settings.disallow_interest(g.organization.id)
    except BallastError as error:
        return _page(error=error)
    flash("Saved.", "success")
    return see_other(url_for(".index"))


def _wants_it() -> bool:
    """Whether it is to be allowed. Raises InvalidRequest(`parameter_missing`) without a choice, or unconfirmed."""
    allow = request.form.get("allow")
    if allow not in ("yes", "no"):
        raise InvalidRequest("parameter_missing", "Choose whether to allow it.", param="switch")
    if allow == "yes" and request.form.get("confirmed") != "yes":
        raise InvalidRequest("parameter_missing", "Confirm that you know what the law asks.", param="confirmed")
    return allow == "yes"


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InvalidRequest("parameter_invalid", "Enter a whole number.", param=name)
    return int(text)


def _page(typed: dict[str, str] | None = None, error: BallastError | None = None) -> Response:
    found = lending_settings.read(g.organization.id)
    stored = {name: str(getattr(found, name)) for name in lending_settings.BOUNDS}
    return render(
        "admin/financing/settings.html",
        status=(409 if error.status == 409 else 422) if error else 200,
        values=stored | (typed or {}),
        bounds=lending_settings.BOUNDS,
        allowed_at=found.interest_allowed_at,
        allowed_by=users.find(found.interest_allowed_by) if found.interest_allowed_by else None,
        errors={error.param or "switch": error.message} if error else {},
        may_change=users.may(g.role, RIGHT),
    )
