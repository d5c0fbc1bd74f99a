"""Events over the API: what was told to webhook endpoints, to list and to get."""

from __future__ import annotations

from operator import eq
from typing import Any

from flask import Response, g
from sqlalchemy import Select, select

from ballast.billing import lookup
from ballast.blueprints.api.answers import json_answer, list_answer, where_given
from ballast.blueprints.api.objects import EventList, EventOut, EventPath, EventQuery
from ballast.blueprints.api.setup import make_blueprint
from ballast.models import Event

blueprint = make_blueprint(
    "api_events", "Events", "What your webhook endpoints were told.", read="webhooks:read", write="webhooks:write"
)


@blueprint.get("/events/<event_id>", summary="Get an event", responses={200: EventOut})
def get(path: EventPath) -> Response:
    """One event, with the object as it was then."""
    wanted = _events().where(Event.id == path.event_id)
    return json_answer(200, _payload(lookup.find(wanted, path.event_id, "evt", "event")))


@blueprint.get("/events", summary="List events", responses={200: EventList})
def list_(query: EventQuery) -> Response:
    """Newest first, whether or not an endpoint was there to hear of them."""
    wanted = where_given(_events(), (Event.resource_id, eq, query.resource))
    if query.type:
        family = query.type.removesuffix("*")
        is_family = family != query.type
        wanted = wanted.where(Event.type.startswith(family, autoescape=True) if is_family else Event.type == query.type)
    return list_answer(wanted, Event, "evt", query, lambda rows: [_payload(row[0]) for row in rows])


def _events() -> Select[Event]:
    return select(Event).where(Event.organization_id == g.organization_id)


def _payload(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "object": "event",
        "type": event.type,
        "api_version": event.api_version,
        "resource": event.resource_id,
        "request_id": event.request_id,
        "data": event.data,
        "created_at": event.created_at.isoformat(),
    }
