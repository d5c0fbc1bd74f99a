"""One's own account: address, password, and the browsers one is signed in with."""

from __future__ import annotations

import segno
from flask import Blueprint, Response, flash, g, request, session, url_for
from flask_login import current_user, logout_user

from ballast.db import end_reading
from ballast.errors import BallastError
from ballast.identity import credentials, sessions, users
from ballast.identity import second_factor as factors
from ballast.web import dashboard, render, see_other

blueprint = Blueprint("account", __name__, url_prefix="/admin/account")
dashboard(blueprint)


@blueprint.get("")
def index() -> Response:
    """The address, the password, the sessions."""
    return _account()


def _account(error: BallastError | None = None, about: str = "", typed: str = "") -> Response:
    return render(
        "admin/account.html",
        status=200 if error is None else 429 if error.status == 429 else 422,
        sessions=sessions.open_of(current_user.id, current_user.generation),
        this_session=current_user.session_id,
        errors={f"{about}.{error.param or 'form'}": error.message} if error else {},
        new_email=typed,
    )


@blueprint.post("/email")
def change_email() -> Response:
    """Ask for another address; it counts once its link was opened."""
    user_id, email = current_user.id, request.form.get("email", "").strip()[:254]
    end_reading()
    try:
        credentials.ask_change_of_email(user_id, email, request.form.get("password", ""))
    except BallastError as error:
        return _account(error, "email", email)
    flash(f"We wrote to {email}. Open the link in that mail within an hour.", "success")
    return see_other(url_for("account.index"))


@blueprint.post("/password")
def change_password() -> Response:
    """Another password; everybody signs in anew, this browser too."""
    user_id = current_user.id
    end_reading()
    try:
        credentials.change_password(
            user_id, request.form.get("password", ""), request.form.get("new_password", "")[:1024]
        )
    except BallastError as error:
        return _account(error, "password")
    return _left("Your password is changed. Sign in with the new one.")


@blueprint.post("/sessions/<session_id>/end")
def end_session(session_id: str) -> Response:
    """Sign out of one browser."""
    user_id = current_user.id
    end_reading()
    sessions.end(user_id, session_id)
    flash("That browser is signed out.", "success")
    return see_other(url_for("account.index"))


@blueprint.post("/sign-out-everywhere")
def sign_out_everywhere() -> Response:
    """Every browser and every access token, from the next request on."""
    user_id = current_user.id
    end_reading()
    users.end_sessions(user_id)
    return _left("You are signed out everywhere.")


def _left(message: str) -> Response:
    logout_user()
    session.clear()
    flash(message, "success")
    return see_other(url_for("auth.sign_in"))


@blueprint.get("/second-factor")
def second_factor() -> Response:
    """Whether there is one, and how to get or lose it."""
    return _second_factor()


@blueprint.post("/second-factor")
def begin_second_factor() -> Response:
    """A secret for the app, which counts once a code of it was given."""
    user_id = current_user.id
    end_reading()
    try:
        return _second_factor(factors.begin(user_id))
    except BallastError as error:
        return _second_factor(error=error)


@blueprint.post("/second-factor/confirm")
def confirm_second_factor() -> Response:
    """On, with recovery codes that are shown in this answer and never again."""
    user_id = current_user.id
    end_reading()
    try:
        codes = factors.confirm(user_id, request.form.get("code", "")[:40])
    except BallastError as error:
        return _second_factor(factors.pending(user_id) if error.param == "code" else None, error)
    return render("admin/second_factor_codes.html", codes=codes)


@blueprint.post("/second-factor/off")
def end_second_factor() -> Response:
    """Off; takes the password and a code."""
    user_id = current_user.id
    end_reading()
    try:
        factors.turn_off(user_id, request.form.get("password", ""), request.form.get("code", "")[:40])
    except BallastError as error:
        return _second_factor(error=error)
    flash("The second factor is off.", "success")
    return see_other(url_for("account.second_factor"))


def _second_factor(setup: factors.Setup | None = None, error: BallastError | None = None) -> Response:
    picture = segno.make(setup.uri, micro=False).svg_data_uri(scale=5, border=3, light="#fff") if setup else None
    return render(
        "admin/second_factor.html",
        status=200 if error is None else 429 if error.status == 429 else 422,
        setup=setup,
        picture=picture,
        is_required=factors.is_asked(g.organization),
        errors={error.param or "form": error.message} if error else {},
    )
