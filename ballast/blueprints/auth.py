"""Signing in and out of the pages."""

from __future__ import annotations

from flask import Blueprint, Response, request, session, url_for
from flask_login import UserMixin, current_user, login_user, logout_user

from ballast.identity import users
from ballast.models import User
from ballast.web import render, safe_next, see_other

blueprint = Blueprint("auth", __name__)

WRONG = "That email and password don't match. Check both, or ask an owner of your organization for help."


class SignedIn(UserMixin):  # type: ignore[misc]
    """Flask-Login's view of a user. The session holds id and token generation, so a raised generation ends it."""

    def __init__(self, user: User) -> None:
        self.id = user.id
        self.email = user.email
        self.full_name = user.full_name
        self.is_admin = user.is_admin
        self._generation = user.token_generation

    def get_id(self) -> str:
        return f"{self.id}.{self._generation}"


def load_user(session_id: str) -> SignedIn | None:
    """The user of a session cookie, asked of Postgres on each request."""
    user_id, _, generation = session_id.partition(".")
    user = users.load(user_id, int(generation)) if generation.isdigit() else None
    return SignedIn(user) if user else None


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Response:
    """The form, and its answer."""
    target = request.values.get("next", "")
    if request.method == "GET":
        if current_user.is_authenticated and session.get("organization"):
            return see_other(safe_next(target, url_for("admin.overview")))
        return render("auth/sign_in.html", email="", error=None, next=target)
    email, password = request.form.get("email", ""), request.form.get("password", "")
    user = users.authenticate(email[:254], password[:1024])
    if user is None:
        return render("auth/sign_in.html", "form", 422, email=email, error=WRONG, next=target)
    return _welcome(user, target)


def _welcome(user: User, target: str) -> Response:
    """A fresh session: what the visitor had in the cart stays, everything else is new."""
    kept = {name: value for name, value in session.items() if name.startswith("cart:")}
    session.clear()
    session.update(kept)
    session.permanent = True
    login_user(SignedIn(user))
    organizations = users.organizations_of(user.id) or users.organizations_for_staff(user.id)
    if not organizations:
        return see_other(safe_next(target if not target.startswith("/admin") else None, "/"))
    session["organization"] = organizations[0]
    return see_other(safe_next(target, url_for("admin.overview")))


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """Ends the user's sessions, this one and any copy of its cookie."""
    if current_user.is_authenticated:
        users.end_sessions(current_user.id)
    logout_user()
    session.clear()
    return see_other(url_for("auth.sign_in"))
