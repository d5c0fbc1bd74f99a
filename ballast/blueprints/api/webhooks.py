"""The API's webhook endpoints and deliveries. Scopes: `webhooks:read`, `webhooks:write`."""

from __future__ import annotations

from typing import Any

from flask import Response, g

from ballast.blueprints.api.answers import Done, first_of, json_answer, key_of_request, list_answer, once, with_secret
from ballast.blueprints.api.fields import EndpointId, ListQuery
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.blueprints.api.webhook_schemas import (
    DeliveriesRetry,
    DeliveryDetail,
    DeliveryList,
    DeliveryOut,
    DeliveryPath,
    DeliveryQuery,
    EndpointCreate,
    EndpointDeleted,
    EndpointList,
    EndpointOut,
    EndpointPath,
    EndpointReplay,
    EndpointRotate,
    EndpointUpdate,
    Nothing,
    Replayed,
)
from ballast.db import end_reading, transaction
from ballast.models import WebhookDelivery, WebhookEndpoint
from ballast.notifications import deliveries, endpoints
from ballast.notifications.deliveries import Filter, Range
from ballast.notifications.payloads import delivery_detail, delivery_payload, endpoint_payload

blueprint = make_blueprint(
    "api_webhooks",
    "Webhooks",
    "Where your events go, and what became of each. A secret is shown once: when it is made.",
    read="webhooks:read",
    write="webhooks:write",
)


# --- Endpoints ---------------------------------------------------------------------------------------------------------------


@blueprint.post(
    "/webhooks/endpoints",
    summary="Create an endpoint",
    responses={201: EndpointOut},
    openapi_extensions=TAKES_KEY,
)
def create(body: EndpointCreate) -> Response:
    """The answer holds `secret` once. Repeated under the same key it comes without."""
    made: list[str] = []

    def begin() -> Done:
        endpoint, secret = endpoints.create(g.organization_id, body.url, body.events)
        made.append(secret)
        return Done(endpoint.id)

    return with_secret(once(key_of_request(), begin, lambda row: _endpoint(row, 201)), "secret", made)


def _endpoint(endpoint_id: str, status: int = 200) -> Response:
    return json_answer(status, endpoint_payload(endpoints.find(g.organization_id, endpoint_id)))


@blueprint.get("/webhooks/endpoints", summary="List endpoints", responses={200: EndpointList})
def list_(query: ListQuery[EndpointId]) -> Response:
    """Newest first; page with `starting_after` or `ending_before`."""
    wanted = endpoints.listed(g.organization_id)
    return list_answer(
        wanted, WebhookEndpoint, "we", query, lambda rows: [endpoint_payload(row) for row in first_of(rows)]
    )


@blueprint.get("/webhooks/endpoints/<endpoint_id>", summary="Get an endpoint", responses={200: EndpointOut})
def get(path: EndpointPath) -> Response:
    """One endpoint, without its secret."""
    return _endpoint(path.endpoint_id)


@blueprint.patch("/webhooks/endpoints/<endpoint_id>", summary="Change an endpoint", responses={200: EndpointOut})
def update(path: EndpointPath, body: EndpointUpdate) -> Response:
    """Address, filter, on or off; what is left out stays. Enabling lets what waits go out; replay brings what was missed."""
    end_reading()
    with transaction():
        endpoints.change(g.organization_id, path.endpoint_id, body.url, body.events)
        if body.enabled is not None:
            endpoints.enable(g.organization_id, path.endpoint_id, body.enabled)
    return _endpoint(path.endpoint_id)


@blueprint.delete("/webhooks/endpoints/<endpoint_id>", summary="Delete an endpoint", responses={200: EndpointDeleted})
def delete(path: EndpointPath) -> Response:
    """Sends nothing more there. Its deliveries stay on record."""
    end_reading()
    with transaction():
        endpoints.delete(g.organization_id, path.endpoint_id)
    return json_answer(200, {"id": path.endpoint_id, "object": "webhook_endpoint", "deleted": True})


@blueprint.post(
    "/webhooks/endpoints/<endpoint_id>/rotate",
    summary="Rotate an endpoint's secret",
    responses={200: EndpointOut},
    openapi_extensions=TAKES_KEY,
)
def rotate(path: EndpointPath, body: EndpointRotate) -> Response:
    """A new `secret`, shown once. Deliveries carry both signatures until the old secret lapses."""
    made: list[str] = []

    def begin() -> Done:
        endpoint, secret = endpoints.rotate(g.organization_id, path.endpoint_id, body.overlap_hours)
        made.append(secret)
        return Done(endpoint.id)

    return with_secret(once(key_of_request(), begin, _endpoint), "secret", made)


@blueprint.post(
    "/webhooks/endpoints/<endpoint_id>/test",
    summary="Send a test event",
    responses={201: DeliveryOut},
    openapi_extensions=TAKES_KEY,
)
def test(path: EndpointPath, body: Nothing) -> Response:
    """One `webhook_endpoint.test` event for this endpoint alone, whatever its filter. Answers the delivery; look at it again soon."""
    assert body is not None
    return once(
        key_of_request(),
        lambda: Done(endpoints.send_test(g.organization_id, path.endpoint_id).id),
        lambda row: _delivery(row, 201),
    )


@blueprint.post(
    "/webhooks/endpoints/<endpoint_id>/replay",
    summary="Replay a range of events",
    responses={200: Replayed},
    openapi_extensions=TAKES_KEY,
)
def replay(path: EndpointPath, body: EndpointReplay) -> Response:
    """Sends what was told in the range and fits the filter, oldest first: what was missed, given up or still waits."""
    chosen = Range(body.start, body.end, body.include_delivered)
    sent: list[int] = []

    def begin() -> Done:
        sent.append(deliveries.replay(g.organization_id, path.endpoint_id, chosen))
        return Done(path.endpoint_id)

    def show(endpoint_id: str) -> Response:
        return json_answer(200, {"object": "webhook_replay", "endpoint": endpoint_id, "events": sum(sent)})

    return once(key_of_request(), begin, show)


# --- Deliveries --------------------------------------------------------------------------------------------------------------


@blueprint.get("/webhooks/deliveries", summary="List deliveries", responses={200: DeliveryList})
def list_deliveries(query: DeliveryQuery) -> Response:
    """Newest first, by endpoint, status and event type."""
    chosen = Filter(query.endpoint or "", query.status or "", query.event_type or "")
    wanted = deliveries.listed(g.organization_id, chosen)
    return list_answer(wanted, WebhookDelivery, "del", query, _shown)


def _shown(rows: list[Any]) -> list[dict[str, Any]]:
    return [delivery_payload(row[0], row[1]) for row in rows]


@blueprint.get("/webhooks/deliveries/<delivery_id>", summary="Get a delivery", responses={200: DeliveryDetail})
def get_delivery(path: DeliveryPath) -> Response:
    """One delivery: what is sent, and what each attempt came to."""
    delivery, event, _endpoint = deliveries.find(g.organization_id, path.delivery_id)
    return json_answer(200, delivery_detail(delivery, event, deliveries.attempts_of(delivery)))


@blueprint.post(
    "/webhooks/deliveries/<delivery_id>/retry",
    summary="Send a delivery again",
    responses={200: DeliveryOut},
    openapi_extensions=TAKES_KEY,
)
def retry(path: DeliveryPath, body: Nothing) -> Response:
    """At once, and from the start of the schedule; a delivered one too."""
    assert body is not None
    return once(key_of_request(), lambda: Done(deliveries.retry(g.organization_id, path.delivery_id).id), _delivery)


def _delivery(delivery_id: str, status: int = 200) -> Response:
    delivery, event, _endpoint = deliveries.find(g.organization_id, delivery_id)
    return json_answer(status, delivery_payload(delivery, event))


@blueprint.post(
    "/webhooks/deliveries/retry",
    summary="Send deliveries again",
    responses={200: DeliveryList},
    openapi_extensions=TAKES_KEY,
)
def retry_many(body: DeliveriesRetry) -> Response:
    """Up to a hundred at once: all of them, or none when one cannot be sent."""

    def begin() -> Done:
        return Done(deliveries.retry_many(g.organization_id, body.deliveries)[0].id)

    def show(_first: str) -> Response:
        rows = [deliveries.find(g.organization_id, one) for one in sorted(set(body.deliveries))]
        return json_answer(200, {"object": "list", "data": _shown([row[:2] for row in rows]), "has_more": False})

    return once(key_of_request(), begin, show)
