"""Settings → API keys: made with scopes, shown once, rotated, revoked. Everyone sees prefixes; owners and admins change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for
from flask_login import current_user
from sqlalchemy import select

from ballast import config
from ballast.clock import real_time
from ballast.db import end_reading, transaction
from ballast.errors import BallastError, InvalidRequest
from ballast.identity import api_keys, organizations, users
from ballast.models import ApiKey
from ballast.models.identity import SCOPES, USUAL_SCOPES
from ballast.web import dashboard, keyset, render, requires, see_other

blueprint = Blueprint("keys", __name__, url_prefix="/admin/settings/api-keys")
dashboard(blueprint)

RIGHT: Final = "api_keys"
SCOPE_WORDS: Final = {
    "payments:read": "See payments",
    "payments:write": "Create, confirm, capture and cancel payments",
    "refunds:write": "Refund payments",
    "customers:read": "See customers",
    "customers:write": "Create and change customers",
    "disputes:read": "See disputes",
    "disputes:write": "Answer disputes",
    "subscriptions:read": "See the catalog, subscriptions, invoices and credit notes",
    "subscriptions:write": "Change the catalog, start and change subscriptions, bill and credit",
    "financing:read": "See financing offers and agreements",
    "financing:write": "Change financing offers, quote prices, service agreements",
    "webhooks:read": "See webhook endpoints and deliveries",
    "webhooks:write": "Change webhook endpoints",
    "audit:read": "Read the audit log, with names and addresses",
}
# Days a key may live; nothing for ever.
LIVES: Final = [("", "Never expires"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year")]
OVERLAPS: Final = [("0", "Stop at once"), ("3600", "1 hour"), ("86400", "1 day"), ("604800", "7 days")]


@blueprint.get("")
def index() -> Response:
    """Keys, newest first."""
    wanted = select(ApiKey).where(ApiKey.organization_id == g.organization.id)
    page = keyset(wanted, ApiKey.id, "key", request.args.get("before"), request.args.get("after"))
    return render(
        "admin/settings/keys.html",
        "list",
        keys=[row[0] for row in page.rows],
        usual_scopes=list(USUAL_SCOPES),
        all_scopes=list(SCOPES),
        may_change=users.may(g.role, RIGHT),
        previous_url=url_for("keys.index", before=page.before) if page.before else None,
        next_url=url_for("keys.index", after=page.after) if page.after else None,
    )


@blueprint.get("/new")
@requires(RIGHT)
def new() -> Response:
    """What the key is for."""
    return _form({"name": "", "lives": "", "scopes": list(USUAL_SCOPES)})


@blueprint.post("/new")
@requires(RIGHT)
def create() -> Response:
    """The key, shown in this answer and never again."""
    typed: dict[str, Any] = {
        "name": " ".join(request.form.get("name", "").split()),
        "lives": request.form.get("lives", ""),
        "scopes": request.form.getlist("scopes"),
    }
    end_reading()
    try:
        with transaction():
            key, token = api_keys.create(
                organizations.find(g.organization.id),
                typed["name"],
                current_user.id,
                tuple(_scopes(typed["scopes"])),
                _expiry(typed["lives"]),
            )
            key_id = key.id
    except BallastError as error:
        return _form(typed, error)
    return _once(key_id, token)


def _scopes(given: list[str]) -> list[str]:
    if not given:
        raise InvalidRequest("parameter_invalid", "Choose at least one.", param="scopes")
    return list(dict.fromkeys(given))


def _expiry(given: str) -> Any:
    if given not in dict(LIVES):
        raise InvalidRequest("parameter_invalid", "Choose one of these.", param="lives")
    return real_time() + timedelta(days=int(given)) if given else None


def _form(typed: dict[str, Any], error: BallastError | None = None) -> Response:
    return render(
        "admin/settings/key_new.html",
        status=422 if error else 200,
        typed=typed,
        scopes=[(scope, SCOPE_WORDS.get(scope, scope)) for scope in SCOPES],
        lives=LIVES,
        errors={error.param or "name": error.message} if error else {},
    )


def _once(key_id: str, token: str, replaced: ApiKey | None = None) -> Response:
    return render(
        "admin/settings/key_once.html",
        status=201,
        key=api_keys.find(g.organization.id, key_id),
        token=token,
        replaced=replaced,
        public_url=config.current().public_url,
    )


@blueprint.get("/<key_id>/revoke")
@requires(RIGHT)
def revoke_form(key_id: str) -> Response:
    """The consequence, before it happens."""
    return render("admin/settings/key_revoke.html", key=api_keys.find(g.organization.id, key_id))


@blueprint.post("/<key_id>/revoke")
@requires(RIGHT)
def revoke(key_id: str) -> Response:
    """Refused from its next request on."""
    end_reading()
    with transaction():
        name = api_keys.revoke(g.organization.id, key_id).name
    flash(f"{name} is revoked.", "success")
    return see_other(url_for("keys.index"))


@blueprint.get("/<key_id>/rotate")
@requires(RIGHT)
def rotate_form(key_id: str) -> Response:
    """How long the old key goes on."""
    return _rotate_form(api_keys.find(g.organization.id, key_id))


@blueprint.post("/<key_id>/rotate")
@requires(RIGHT)
def rotate(key_id: str) -> Response:
    """A new key like the old one, which works a while longer."""
    chosen = request.form.get("overlap", "")
    if chosen not in dict(OVERLAPS):
        return _rotate_form(api_keys.find(g.organization.id, key_id), "Choose how long the old key works.")
    end_reading()
    try:
        with transaction():
            overlap = timedelta(seconds=int(chosen))
            key, token = api_keys.rotate(organizations.find(g.organization.id), key_id, current_user.id, overlap)
            made = key.id
    except BallastError as error:
        if error.status == 404:
            raise
        return _rotate_form(api_keys.find(g.organization.id, key_id), error.message)
    return _once(made, token, api_keys.find(g.organization.id, key_id))


def _rotate_form(key: ApiKey, problem: str | None = None) -> Response:
    return render(
        "admin/settings/key_rotate.html",
        status=422 if problem else 200,
        key=key,
        overlaps=OVERLAPS,
        problem=problem,
    )
