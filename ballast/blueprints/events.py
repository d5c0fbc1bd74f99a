"""Events in the dashboard: each fact as it was told to the outside, with the object as it was then."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, g, request
from sqlalchemy import Select, select

from ballast import answers
from ballast.billing import lookup
from ballast.db import db
from ballast.models import Event, WebhookDelivery, WebhookEndpoint
from ballast.notifications.catalog import EVENTS
from ballast.security import without_card_number
from ballast.web import dashboard, filter_url, keyset, render

blueprint = Blueprint("events", __name__, url_prefix="/admin/events")
dashboard(blueprint)

ROUTE: Final = "events.index"
COLUMNS: Final[answers.Columns] = {
    "id": lambda event: event.id,
    "type": lambda event: event.type,
    "resource_type": lambda event: event.resource_type,
    "resource_id": lambda event: event.resource_id,
    "request_id": lambda event: event.request_id,
    "created_at": lambda event: event.created_at,
}


@blueprint.get("")
def index() -> Response:
    """Events, newest first, by type and by what they are about."""
    chosen = _chosen()
    page = keyset(_wanted(chosen), Event.id, "evt", request.args.get("before"), request.args.get("after"))
    return render(
        "admin/events/index.html",
        "list",
        rows=[row[0] for row in page.rows],
        chosen=chosen,
        types=sorted(EVENTS),
        filtered=any(chosen.values()),
        export_url=filter_url("events.export", chosen),
        previous_url=filter_url(ROUTE, chosen, before=page.before),
        next_url=filter_url(ROUTE, chosen, after=page.after),
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """All that fits the filters, as a file."""
    return answers.listed("events", _wanted(_chosen()), Event.id, COLUMNS)


def _chosen() -> dict[str, str]:
    return {name: without_card_number(request.args.get(name, "").strip())[:120] for name in ("type", "about")}


def _wanted(chosen: dict[str, str]) -> Select[Event]:
    wanted = select(Event).where(Event.organization_id == g.organization.id)
    if chosen["type"]:
        wanted = wanted.where(Event.type == chosen["type"])
    if chosen["about"]:
        wanted = wanted.where(Event.resource_id == chosen["about"])
    return wanted


@blueprint.get("/<published_id>")
def show(published_id: str) -> Response:
    """One event: what it told, and whom."""
    wanted = select(Event).where(Event.organization_id == g.organization.id, Event.id == published_id)
    event = lookup.find(wanted, published_id, "evt", "event")
    told = (
        select(WebhookDelivery, WebhookEndpoint)
        .join(
            WebhookEndpoint,
            (WebhookEndpoint.organization_id == WebhookDelivery.organization_id)
            & (WebhookEndpoint.id == WebhookDelivery.endpoint_id),
        )
        .where(WebhookDelivery.organization_id == g.organization.id, WebhookDelivery.event_id == event.id)
        .order_by(WebhookDelivery.id)
        .limit(100)
    )
    deliveries = [{"delivery": row[0], "endpoint": row[1]} for row in db.session.execute(told)]
    return render("admin/events/show.html", event=event, deliveries=deliveries)
