"""Webhooks: the endpoints, with what is done to each. Everyone may read; changing takes the permission `webhooks`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response, flash, g, request, url_for
from sqlalchemy import func, select

from ballast.clock import real_time
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, Conflict, InvalidRequest
from ballast.identity import users
from ballast.models import WebhookDelivery, WebhookEndpoint
from ballast.notifications import catalog, deliveries, endpoints, lab
from ballast.notifications.deliveries import Filter
from ballast.web import dashboard, render, requires, see_other

blueprint = Blueprint("webhooks", __name__, url_prefix="/admin/webhooks")
dashboard(blueprint)

RIGHT: Final = "webhooks"
RECENT: Final = 10


# --- Reading -----------------------------------------------------------------------------------------------------------------


@blueprint.get("")
def index() -> Response:
    """All endpoints, and how they are."""
    found = list(db.session.scalars(endpoints.listed(g.organization.id).order_by(WebhookEndpoint.id)))
    return render(
        "admin/webhooks/index.html",
        rows=[{"endpoint": endpoint, "state": state_of(endpoint)} for endpoint in found],
        may_change=users.may(g.role, RIGHT),
    )


def state_of(endpoint: WebhookEndpoint) -> str:
    """enabled, failing or disabled."""
    if not endpoint.enabled:
        return "disabled"
    return "failing" if endpoint.failing_since else "enabled"


@blueprint.get("/<endpoint_id>")
def show(endpoint_id: str) -> Response:
    """One endpoint: how it is, and its last deliveries."""
    return _show(endpoints.find(g.organization.id, endpoint_id))


def _show(endpoint: WebhookEndpoint, error: BallastError | None = None) -> Response:
    recent = deliveries.listed(g.organization.id, Filter(endpoint.id)).order_by(WebhookDelivery.id.desc())
    return render(
        "admin/webhooks/show.html",
        status=_status(error),
        problem=error.message if error else None,
        **_named(endpoint),
        rows=list(db.session.execute(recent.limit(RECENT))),
        overlaps=endpoint.old_secret_until is not None and endpoint.old_secret_until > real_time(),
        may_change=users.may(g.role, RIGHT),
    )


def _named(endpoint: WebhookEndpoint) -> dict[str, Any]:
    label = endpoint.url.partition("://")[2]
    return {"endpoint": endpoint, "label": label if len(label) <= 48 else label[:47] + "…", "state": state_of(endpoint)}


def _status(error: BallastError | None) -> int:
    if error is None:
        return 200
    return error.status if error.status == 409 else 422


# --- Making and changing -----------------------------------------------------------------------------------------------------


@blueprint.get("/new")
@requires(RIGHT)
def new() -> Response:
    """Where to, and which events."""
    return _form({"url": "", "events": ["*"]})


@blueprint.post("/new")
@requires(RIGHT)
def add() -> Response:
    """Make the endpoint and show its secret, this once."""
    given = _given()
    try:
        end_reading()
        with transaction():
            endpoint, secret = endpoints.create(g.organization.id, given["url"], given["events"])
            endpoint_id = endpoint.id
    except (InvalidRequest, Conflict) as error:
        db.session.rollback()
        return _form(given, error=error)
    return _secret(endpoint_id, secret, "created", 201)


def _given() -> dict[str, Any]:
    chosen = request.form.getlist("events")[: catalog.MOST_PATTERNS + 1]
    return {"url": request.form.get("url", ""), "events": ["*"] if "*" in chosen else chosen}


def _form(
    values: dict[str, Any], endpoint: WebhookEndpoint | None = None, error: BallastError | None = None
) -> Response:
    param = error.param if error else None
    return render(
        "admin/webhooks/form.html",
        status=_status(error),
        **(_named(endpoint) if endpoint else {"endpoint": None, "label": "", "state": ""}),
        values=values,
        families=catalog.families(),
        events=catalog.EVENTS,
        errors={param: error.message} if error and param in ("url", "events") else {},
        problem=error.message if error and param not in ("url", "events") else None,
    )


def _secret(endpoint_id: str, secret: str, because: str, status: int) -> Response:
    endpoint = endpoints.find(g.organization.id, endpoint_id)
    return render("admin/webhooks/secret.html", status=status, **_named(endpoint), secret=secret, because=because)


@blueprint.get("/<endpoint_id>/edit")
@requires(RIGHT)
def edit_form(endpoint_id: str) -> Response:
    """Another address or other events."""
    endpoint = endpoints.find(g.organization.id, endpoint_id)
    return _form({"url": endpoint.url, "events": endpoint.event_types}, endpoint)


@blueprint.post("/<endpoint_id>/edit")
@requires(RIGHT)
def edit(endpoint_id: str) -> Response:
    """Change it."""
    given = _given()
    try:
        _act(lambda: endpoints.change(g.organization.id, endpoint_id, given["url"], given["events"]))
    except InvalidRequest as error:
        db.session.rollback()
        return _form(given, endpoints.find(g.organization.id, endpoint_id), error)
    return _done(endpoint_id, "The endpoint is changed.")


@blueprint.get("/<endpoint_id>/rotate")
@requires(RIGHT)
def rotate_form(endpoint_id: str) -> Response:
    """What a new secret means, before there is one."""
    return _consequence("rotate", endpoints.find(g.organization.id, endpoint_id))


@blueprint.post("/<endpoint_id>/rotate")
@requires(RIGHT)
def rotate(endpoint_id: str) -> Response:
    """Make a new secret and show it, this once."""
    hours = request.form.get("overlap_hours", "")
    try:
        end_reading()
        with transaction():
            wanted = int(hours) if hours.isascii() and hours.isdigit() and len(hours) <= 4 else -1
            endpoints.find(g.organization.id, endpoint_id)
            _endpoint, secret = endpoints.rotate(g.organization.id, endpoint_id, wanted)
    except InvalidRequest as error:
        db.session.rollback()
        return _consequence("rotate", endpoints.find(g.organization.id, endpoint_id), error)
    return _secret(endpoint_id, secret, "rotated", 200)


# --- Off, on, away -----------------------------------------------------------------------------------------------------------


@blueprint.get("/<endpoint_id>/disable")
@requires(RIGHT)
def disable_form(endpoint_id: str) -> Response:
    """What switching off means, before it happens."""
    return _consequence("disable", endpoints.find(g.organization.id, endpoint_id))


@blueprint.post("/<endpoint_id>/enabled")
@requires(RIGHT)
def enable(endpoint_id: str) -> Response:
    """Switch it on or off."""
    wanted = request.form.get("enabled") == "yes"
    _act(lambda: endpoints.enable(g.organization.id, endpoint_id, wanted))
    on = "The endpoint gets events again. What it missed can be replayed."
    return _done(endpoint_id, on if wanted else "The endpoint gets no more events. They are kept.")


@blueprint.get("/<endpoint_id>/delete")
@requires(RIGHT)
def delete_form(endpoint_id: str) -> Response:
    """What deleting means, before it happens."""
    return _consequence("delete", endpoints.find(g.organization.id, endpoint_id))


@blueprint.post("/<endpoint_id>/delete")
@requires(RIGHT)
def delete(endpoint_id: str) -> Response:
    """Put it away for good."""
    _act(lambda: endpoints.delete(g.organization.id, endpoint_id))
    flash("The endpoint is deleted. Its deliveries stay on record.", "success")
    return see_other(url_for("webhooks.index"))


def _consequence(act: str, endpoint: WebhookEndpoint, error: BallastError | None = None) -> Response:
    waiting = select(func.count()).select_from(
        select(WebhookDelivery.id)
        .where(
            WebhookDelivery.organization_id == endpoint.organization_id,
            WebhookDelivery.endpoint_id == endpoint.id,
            WebhookDelivery.status.in_(("pending", "failed")),
        )
        .limit(1_000)
        .subquery()
    )
    return render(
        f"admin/webhooks/{act}.html",
        status=_status(error),
        **_named(endpoint),
        waiting=db.session.scalars(waiting).one(),
        problem=error.message if error else None,
    )


# --- Trying it ---------------------------------------------------------------------------------------------------------------


@blueprint.post("/<endpoint_id>/test")
@requires(RIGHT)
def test(endpoint_id: str) -> Response:
    """Send a test event, and go and see what became of it."""
    sent: list[str] = []
    try:
        _act(lambda: sent.append(endpoints.send_test(g.organization.id, endpoint_id).id))
    except Conflict as error:
        db.session.rollback()
        return _show(endpoints.find(g.organization.id, endpoint_id), error)
    flash("A test event is on its way.", "success")
    return see_other(url_for("webhook_deliveries.show", delivery_id=sent[0]))


@blueprint.get("/<endpoint_id>/lab")
@requires(RIGHT)
def lab_form(endpoint_id: str) -> Response:
    """What the contract lab sends."""
    return _lab(endpoint_id, [])


@blueprint.post("/<endpoint_id>/lab")
@requires(RIGHT)
def examine(endpoint_id: str) -> Response:
    """Send it all and report what was answered."""
    end_reading()
    try:
        findings = lab.run(g.organization.id, endpoint_id)
    except Conflict as error:
        db.session.rollback()
        return _lab(endpoint_id, [], error)
    return _lab(endpoint_id, findings)


def _lab(endpoint_id: str, findings: list[lab.Finding], error: BallastError | None = None) -> Response:
    return render(
        "admin/webhooks/lab.html",
        status=_status(error),
        **_named(endpoints.find(g.organization.id, endpoint_id)),
        findings=findings,
        problem=error.message if error else None,
    )


def _act(act: Callable[[], Any]) -> None:
    end_reading()
    with transaction():
        act()


def _done(endpoint_id: str, said: str) -> Response:
    flash(said, "success")
    return see_other(url_for("webhooks.show", endpoint_id=endpoint_id))
