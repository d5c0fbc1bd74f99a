"""Webhooks: what became of each event at each endpoint, and sending again, one by one, by the handful or by a range of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, g, request, url_for

from ballast import answers
from ballast.clock import now
from ballast.db import db, end_reading, transaction
from ballast.errors import BallastError, Conflict, InvalidRequest
from ballast.identity import users
from ballast.models import WebhookDelivery, WebhookEndpoint
from ballast.notifications import deliveries, endpoints
from ballast.notifications.deliveries import Filter, Range
from ballast.notifications.payloads import shown_text
from ballast.web import dashboard, filter_url, keyset, render, requires, see_other, status_chips

blueprint = Blueprint("webhook_deliveries", __name__, url_prefix="/admin/webhooks")
dashboard(blueprint)

RIGHT: Final = "webhooks"
ROUTE: Final = "webhook_deliveries.index"
LABELS: Final = {
    "": "All",
    "pending": "Pending",
    "failed": "Retrying",
    "delivered": "Delivered",
    "dead_letter": "Gave up",
}

# Of a delivery and its event.
COLUMNS: Final[answers.Columns] = {
    "id": lambda delivery, _event: delivery.id,
    "event": lambda delivery, _event: delivery.event_id,
    "type": lambda _delivery, event: event.type,
    "endpoint": lambda delivery, _event: delivery.endpoint_id,
    "status": lambda delivery, _event: delivery.status,
    "attempts": lambda delivery, _event: delivery.attempts,
    "response_status": lambda delivery, _event: delivery.response_status,
    "reason": lambda delivery, _event: delivery.reason,
    "created_at": lambda delivery, _event: delivery.created_at,
    "delivered_at": lambda delivery, _event: delivery.delivered_at,
}


@blueprint.get("/deliveries")
def index() -> Response:
    """Deliveries, newest first, by endpoint, status and type."""
    return _index(request.args)


def _index(given: Any, error: BallastError | None = None) -> Response:
    chosen, wanted = _wanted(given)
    page = keyset(wanted, WebhookDelivery.id, "del", given.get("before"), given.get("after"))
    known = list(db.session.scalars(endpoints.listed(g.organization.id).order_by(WebhookEndpoint.id)))
    return render(
        "admin/webhooks/deliveries.html",
        None if error else "list",
        status=error.status if error and error.status == 409 else 422 if error else 200,
        rows=page.rows,
        endpoints={endpoint.id: endpoint for endpoint in known},
        chosen=chosen,
        filters=status_chips(ROUTE, LABELS, chosen),
        filtered=any(chosen.values()),
        export_url=filter_url("webhook_deliveries.export", chosen),
        previous_url=filter_url(ROUTE, chosen, before=page.before),
        next_url=filter_url(ROUTE, chosen, after=page.after),
        may_change=users.may(g.role, RIGHT),
        problem=error.message if error else None,
    )


def _wanted(given: Any) -> tuple[dict[str, str], Any]:
    """The filters, and the deliveries that fit."""
    chosen = {name: given.get(name, "").strip()[:200] for name in ("to", "status", "type")}
    return chosen, deliveries.listed(g.organization.id, Filter(chosen["to"], chosen["status"], chosen["type"]))


@blueprint.get("/deliveries/export.csv")
def export() -> Response:
    """All that fits the filters, as a file."""
    return answers.listed("deliveries", _wanted(request.args)[1], WebhookDelivery.id, COLUMNS)


@blueprint.get("/deliveries/<delivery_id>")
def show(delivery_id: str) -> Response:
    """One delivery: what is sent, and what each attempt came to."""
    return _show(delivery_id)


def _show(delivery_id: str, error: BallastError | None = None) -> Response:
    delivery, event, endpoint = deliveries.find(g.organization.id, delivery_id)
    return render(
        "admin/webhooks/delivery.html",
        None if error else "live",
        status=error.status if error else 200,
        delivery=delivery,
        event=event,
        endpoint=endpoint,
        attempts=deliveries.attempts_of(delivery),
        text=shown_text(event, delivery.sequence),
        pending=delivery.status == "pending" and endpoint.enabled,
        may_change=users.may(g.role, RIGHT) and endpoint.deleted_at is None,
        problem=error.message if error else None,
    )


@blueprint.post("/deliveries/<delivery_id>/retry")
@requires(RIGHT)
def retry(delivery_id: str) -> Response:
    """Send it again."""
    end_reading()
    try:
        with transaction():
            deliveries.retry(g.organization.id, delivery_id)
    except Conflict as error:
        db.session.rollback()
        return _show(delivery_id, error)
    flash("The delivery is sent again.", "success")
    return see_other(url_for("webhook_deliveries.show", delivery_id=delivery_id))


@blueprint.post("/deliveries/retry")
@requires(RIGHT)
def retry_many() -> Response:
    """Send the chosen ones again, all or none."""
    end_reading()
    try:
        with transaction():
            sent = deliveries.retry_many(g.organization.id, request.form.getlist("delivery"))
            count = len(sent)
    except (Conflict, InvalidRequest) as error:
        db.session.rollback()
        return _index(request.form, error)
    flash(f"{count} {'delivery is' if count == 1 else 'deliveries are'} sent again.", "success")
    chosen = {name: request.form.get(name, "")[:200] for name in ("to", "status", "type")}
    return see_other(filter_url(ROUTE, chosen) or url_for("webhook_deliveries.index"))


# --- A range -----------------------------------------------------------------------------------------------------------------


@blueprint.get("/<endpoint_id>/replay")
@requires(RIGHT)
def replay_form(endpoint_id: str) -> Response:
    """Which range. It begins where the endpoint began to fail or was disabled, where that is known."""
    endpoint = endpoints.find(g.organization.id, endpoint_id)
    start = endpoint.failing_since or endpoint.disabled_at or now() - timedelta(days=1)
    values = {"start": _typed(start), "end": _typed(now() + timedelta(minutes=1))}
    return _replay_form(endpoint, values)


def _typed(moment: datetime) -> str:
    return moment.astimezone(ZoneInfo(g.organization.timezone)).strftime("%Y-%m-%dT%H:%M")


def _replay_form(endpoint: WebhookEndpoint, values: dict[str, str], error: BallastError | None = None) -> Response:
    param = error.param if error else None
    return render(
        "admin/webhooks/replay.html",
        status=200 if error is None else error.status if error.status == 409 else 422,
        endpoint=endpoint,
        label=endpoint.url.partition("://")[2],
        values=values,
        errors={param: error.message} if error and param in ("start", "end") else {},
        problem=error.message if error and param not in ("start", "end") else None,
    )


@blueprint.post("/<endpoint_id>/replay")
@requires(RIGHT)
def replay(endpoint_id: str) -> Response:
    """Send the range again."""
    endpoints.find(g.organization.id, endpoint_id)
    try:
        chosen = Range(_read("start"), _read("end"), request.form.get("delivered_too") == "yes")
        end_reading()
        with transaction():
            count = deliveries.replay(g.organization.id, endpoint_id, chosen)
    except (Conflict, InvalidRequest) as error:
        db.session.rollback()
        return _replay_form(endpoints.find(g.organization.id, endpoint_id), dict(request.form.items()), error)
    said = f"{count} {'event is' if count == 1 else 'events are'} on the way." if count else "Nothing was missed there."
    flash(said, "success")
    return see_other(url_for("webhooks.show", endpoint_id=endpoint_id))


def _read(name: str) -> datetime:
    """A moment as a browser writes it, in the organization's time zone. Raises InvalidRequest(`range_invalid`)."""
    try:
        found = datetime.fromisoformat(request.form.get(name, "")[:32])
        local = found if found.tzinfo else found.replace(tzinfo=ZoneInfo(g.organization.timezone))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest("range_invalid", "Enter a date and a time.", param=name) from None
