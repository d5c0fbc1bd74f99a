"""Signing in and out of the pages, choosing an organization, and the links that mails carry."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, flash, request, session, url_for
from flask_login import UserMixin, current_user, login_user, logout_user

from ballast.clock import real_time
from ballast.db import end_reading
from ballast.errors import BallastError, RateLimited
from ballast.identity import credentials, links, members, registration, second_factor, sessions, throttle, users
from ballast.identity.members import Newcomer
from ballast.identity.registration import Registration
from ballast.models import User
from ballast.web import act, render, require_signed_in, safe_next, see_other

blueprint = Blueprint("auth", __name__)

CODE_WITHIN_SECONDS: Final = 600
WRONG: Final = "That email and password don't match. Check both, or ask an owner of your organization for help."


class SignedIn(UserMixin):  # type: ignore[misc]
    """Flask-Login's view of a user. The cookie names user, token generation and session; Postgres says whether they hold."""

    def __init__(self, user: User, session_id: str) -> None:
        self.id = user.id
        self.email = user.email
        self.full_name = user.full_name
        self.is_admin = user.is_admin
        self.email_verified = user.email_verified
        self.has_second_factor = second_factor.is_on(user)
        self.generation = user.token_generation
        self.session_id = session_id

    def get_id(self) -> str:
        return f"{self.id}.{self.generation}.{self.session_id}"


def load_user(cookie: str) -> SignedIn | None:
    """The user of a session cookie, asked of Postgres on each request."""
    parts = cookie.split(".")
    if len(parts) != 3 or not (parts[1].isascii() and parts[1].isdigit()):
        return None
    user = sessions.load(parts[0], int(parts[1]), parts[2])
    return SignedIn(user, parts[2]) if user else None


# --- In and out --------------------------------------------------------------------------------------------------------------


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Response:
    """The form, and its answer."""
    target = request.values.get("next", "")
    if request.method == "GET":
        if current_user.is_authenticated and session.get("organization"):
            return see_other(safe_next(target, url_for("admin.overview")))
        return render("auth/sign_in.html", email="", error=None, next=target)
    email, password = request.form.get("email", "")[:254], request.form.get("password", "")[:1024]
    try:
        throttle.check("sign_in", email)
    except RateLimited as error:
        return _sign_in_again(email, error.message, target, error)
    user = users.authenticate(email, password)
    if user is None:
        return _sign_in_again(email, WRONG, target)
    throttle.succeeded("sign_in", email)
    if second_factor.is_on(user):
        session["second"] = [user.id, user.token_generation, int(real_time().timestamp()), target]
        return see_other(url_for("auth.code"))
    return _welcome(user, target)


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
def code() -> Response:
    """The second half of signing in, within ten minutes of the first."""
    user_id, generation, begun, target = session.get("second") or ("", 0, 0, "")
    user = users.load(user_id, generation)
    if user is None or real_time().timestamp() - begun > CODE_WITHIN_SECONDS:
        session.pop("second", None)
        return see_other(url_for("auth.sign_in"))
    if request.method == "GET":
        return render("auth/code.html", error=None)
    end_reading()
    try:
        good = second_factor.passes(user_id, request.form.get("code", "")[:40])
    except RateLimited as error:
        return render("auth/code.html", status=429, error=error.message)
    found = users.load(user_id, generation) if good else None
    if found is None:
        return render("auth/code.html", status=422, error=second_factor.WRONG)
    return _welcome(found, target)


def _sign_in_again(email: str, problem: str, target: str, limited: RateLimited | None = None) -> Response:
    response = render(
        "auth/sign_in.html", "form", limited.status if limited else 422, email=email, error=problem, next=target
    )
    if limited:
        response.headers["Retry-After"] = str(limited.retry_after)
    return response


def _welcome(user: User, target: str = "", organization_id: str | None = None) -> Response:
    """A fresh session: what the visitor had in the cart stays, everything else is new, and a session they came with is over."""
    user_id, generation = user.id, user.token_generation
    _end_session()
    kept = {name: value for name, value in session.items() if name.startswith("cart:")}
    session.clear()
    session.update(kept)
    session.permanent = True
    end_reading()
    session_id = sessions.begin(user_id, generation, request.headers.get("User-Agent", ""))
    found = sessions.load(user_id, generation, session_id)
    assert found is not None
    login_user(SignedIn(found, session_id))
    belongs = users.organizations_of(user_id) or users.organizations_for_staff(user_id)
    if not belongs:
        return see_other(safe_next(target if not target.startswith("/admin") else None, "/"))
    session["organization"] = organization_id if organization_id in belongs else belongs[0]
    return see_other(safe_next(target, url_for("admin.overview")))


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """Ends this session, and any copy of its cookie."""
    _end_session()
    logout_user()
    session.clear()
    answer = see_other(url_for("auth.sign_in"))
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def _end_session() -> None:
    """The session this browser is signed in with, if any, is over for any copy of its cookie too."""
    if current_user.is_authenticated:
        user_id, session_id = current_user.id, current_user.session_id
        end_reading()
        sessions.end(user_id, session_id)


@blueprint.get("/organizations")
def organizations() -> Response:
    """Which organization to work in."""
    stop = require_signed_in()
    if stop is not None:
        return stop
    found = users.named(current_user.id)
    return render("auth/organizations.html", organizations=found, chosen=session.get("organization"))


@blueprint.post("/organizations")
def switch() -> Response:
    """Work in another organization of one's own."""
    stop = require_signed_in()
    if stop is not None:
        return stop
    wanted = request.form.get("organization", "")
    mine = users.organizations_of(current_user.id) or users.organizations_for_staff(current_user.id)
    if wanted in mine:
        session["organization"] = wanted
        return see_other(url_for("admin.overview"))
    return see_other(url_for("auth.organizations"))


# --- Joining -----------------------------------------------------------------------------------------------------------------


@blueprint.route("/sign-up", methods=["GET", "POST"])
def sign_up() -> Response:
    """An account and an organization. The answer is the same whether or not the address has an account."""
    typed = {name: request.form.get(name, "")[:254] for name in ("email", "full_name", "organization_name")}
    if request.method == "GET":
        return render("auth/sign_up.html", values=typed, errors={})
    try:
        registration.register(Registration(password=request.form.get("password", "")[:1024], **typed))
    except BallastError as error:
        return render(
            "auth/sign_up.html",
            status=429 if isinstance(error, RateLimited) else 422,
            values=typed,
            errors={error.param or "form": error.message},
        )
    return render("auth/sent.html", kind="sign_up", email=typed["email"])


@blueprint.route("/invitations/<token>", methods=["GET", "POST"])
def invitation(token: str) -> Response:
    """An invitation: join with the account one has, or with a new one."""
    if request.method == "GET":
        return _invitation(token)
    newcomer = None
    if "password" in request.form:
        newcomer = Newcomer(request.form.get("full_name", ""), request.form["password"][:1024])
    user_id = current_user.id if current_user.is_authenticated else None
    end_reading()
    try:
        user, organization_id = members.accept(token, newcomer, user_id)
    except BallastError as error:
        if error.status == 404:
            raise
        return _invitation(token, {error.param or "form": error.message})
    return _welcome(user, organization_id=organization_id)


def _invitation(token: str, errors: dict[str, str] | None = None) -> Response:
    found, organization, user = members.opened(token)
    return render(
        "auth/invitation.html",
        status=422 if errors else 200,
        token=token,
        invitation=found,
        organization=organization,
        has_account=user is not None,
        is_signed_in=bool(user and current_user.is_authenticated and current_user.id == user.id),
        full_name=request.form.get("full_name", ""),
        errors=errors or {},
    )


# --- Links of mails: opening one changes nothing, its button does ----------------------------------------------------------


@blueprint.route("/verify-email/<token>", methods=["GET", "POST"])
def verify_email(token: str) -> Response:
    """This address is mine."""
    if request.method == "GET":
        return _confirm("verify_email", token)
    end_reading()
    registration.verify(token)
    flash("Your address is confirmed. You can sign in.", "success")
    return see_other(url_for("auth.sign_in"))


@blueprint.route("/claim/<token>", methods=["GET", "POST"])
def claim(token: str) -> Response:
    """The organization registered with my address is mine."""
    if request.method == "GET":
        return _confirm("claim_organization", token)
    end_reading()
    registration.claim(token)
    flash("The organization is yours. Sign in to open it.", "success")
    return see_other(url_for("auth.sign_in"))


@blueprint.route("/change-email/<token>", methods=["GET", "POST"])
def change_email(token: str) -> Response:
    """The new address is mine."""
    if request.method == "GET":
        return _confirm("change_email", token)
    end_reading()
    address = credentials.change_email(token)
    flash(f"Your address is {address} now.", "success")
    return see_other(url_for("auth.sign_in"))


def _confirm(kind: str, token: str) -> Response:
    link, user = links.find(kind, token)
    return render("auth/confirm.html", kind=kind, token=token, email=link.data.get("email", user.email))


@blueprint.route("/forgot-password", methods=["GET", "POST"])
def forgot_password() -> Response:
    """Ask for a link. The answer is the same whether or not the address has an account."""
    if request.method == "GET":
        return render("auth/forgot_password.html", email="", error=None)
    email = request.form.get("email", "").strip()[:254]
    end_reading()
    try:
        credentials.ask_reset(email)
    except RateLimited as error:
        return render("auth/forgot_password.html", status=429, email=email, error=error.message)
    return render("auth/sent.html", kind="forgot_password", email=email)


@blueprint.route("/reset-password/<token>", methods=["GET", "POST"])
def reset_password(token: str) -> Response:
    """A new password, once."""
    _link, user = links.find("reset_password", token)
    shown: dict[str, Any] = {"token": token, "email": user.email}
    if request.method == "GET":
        return render("auth/reset_password.html", errors={}, **shown)
    act("user", user.id)
    end_reading()
    try:
        credentials.reset(token, request.form.get("password", "")[:1024])
    except BallastError as error:
        if error.status == 404:
            raise
        return render(
            "auth/reset_password.html", status=422, errors={error.param or "password": error.message}, **shown
        )
    flash("Your password is changed, and you are signed out everywhere. Sign in with the new one.", "success")
    return see_other(url_for("auth.sign_in"))
