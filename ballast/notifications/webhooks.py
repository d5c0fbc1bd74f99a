"""Webhooks out: an event and a delivery per endpoint in the commit of the fact; a signed POST by a worker."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from psycopg.errors import DeadlockDetected
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from ballast import config, queue
from ballast.audit import actor
from ballast.clock import now, real_time
from ballast.db import assert_no_transaction, db, gathers, insert_row, once, transaction
from ballast.ids import new_id
from ballast.models import Event, WebhookDelivery, WebhookEndpoint
from ballast.models.outbox import API_VERSION
from ballast.notifications import drain, lanes
from ballast.notifications.drain import stopping
from ballast.notifications.flights import Fleet
from ballast.notifications.lanes import Parcel
from ballast.notifications.posting import Answer
from ballast.notifications.recording import record, release
from ballast.notifications.signatures import seal, signed_headers, unseal

# How soon a new row is seen while others are under way.
GLANCE_SECONDS = 0.05
# What comes back is recorded together: after so long, or when it is so many.
LINGER_SECONDS = 0.01
ENOUGH = 100
# A call that takes longer than this is a slow one.
SLOW_SECONDS = 1.0
# Endpoints that fail are tried at the beginning of a run only: a dead one with a backlog must not keep a worker from its other jobs.
FAILING_SECONDS = 2.0


def publish(organization_id: str, event_type: str, resource_type: str, resource_id: str, data: dict[str, Any]) -> None:
    """Tell of a fact: one event, and one delivery for each enabled endpoint that asked for its type. In the caller's transaction."""
    event = _event(organization_id, event_type, resource_type, resource_id, data)
    endpoints = once(("endpoints", organization_id), lambda: _endpoints(organization_id))
    addressed = [endpoint_id for endpoint_id, patterns in endpoints if wants(patterns, event_type)]
    if gathers():
        insert_row(Event, event)
        for endpoint_id in addressed:
            insert_row(WebhookDelivery, _delivery(event["organization_id"], event["id"], endpoint_id))
    else:
        db.session.add(Event(**event))
        db.session.add_all(WebhookDelivery(**_delivery(organization_id, event["id"], one)) for one in addressed)
    if addressed:
        wake()


def keep(organization_id: str, event_type: str, resource_type: str, resource_id: str, data: dict[str, Any]) -> Event:
    """An event for the record, sent to nobody so far. In the caller's transaction."""
    event = Event(**_event(organization_id, event_type, resource_type, resource_id, data))
    db.session.add(event)
    return event


def _event(
    organization_id: str, event_type: str, resource_type: str, resource_id: str, data: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": new_id("evt"),
        "organization_id": organization_id,
        "type": event_type,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "api_version": API_VERSION,
        "data": data,
        "request_id": actor().request_id,
        "created_at": now(),
    }


def address(event: Event, endpoint_id: str) -> WebhookDelivery:
    """A delivery of an event to one endpoint, due at once. In the caller's transaction."""
    delivery = WebhookDelivery(**_delivery(event.organization_id, event.id, endpoint_id))
    db.session.add(delivery)
    wake()
    return delivery


def _delivery(organization_id: str, event_id: str, endpoint_id: str) -> dict[str, Any]:
    return {
        "id": new_id("del"),
        "organization_id": organization_id,
        "endpoint_id": endpoint_id,
        "event_id": event_id,
        "status": "pending",
        "created_at": now(),
        "next_attempt_at": real_time(),
    }


def wake() -> None:
    """Something is due: have a worker look once the running transaction has committed."""
    queue.wake(queue.DELIVER)


def wants(patterns: list[str], event_type: str) -> bool:
    """Whether a filter (`*`, `payment_intent.*`, or exact types) lets `event_type` through."""
    return any(
        pattern in ("*", event_type) or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in patterns
    )


def _endpoints(organization_id: str) -> list[tuple[str, list[str]]]:
    """The enabled endpoints, each with what it asked for."""
    found = select(WebhookEndpoint.id, WebhookEndpoint.event_types).where(
        WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.enabled
    )
    return [(row[0], row[1]) for row in db.session.execute(found)]


def create_endpoint(organization_id: str, url: str, event_types: list[str], secret: str) -> WebhookEndpoint:
    """A new endpoint with its secret sealed. In the caller's transaction."""
    endpoint_id = new_id("we")
    endpoint = WebhookEndpoint(
        id=endpoint_id,
        organization_id=organization_id,
        url=url,
        event_types=event_types,
        secret=seal(endpoint_id, secret),
        created_at=now(),
    )
    db.session.add(endpoint)
    return endpoint


# --- Delivering --------------------------------------------------------------------------------------------------------------

# By its row: a parcel that was taken, and since when.
UnderWay = dict[tuple[str, str], tuple[Parcel, float]]
# What was sent, with what came of it, and what was not sent.
Back = tuple[list[tuple[Parcel, Answer]], list[Parcel]]


def deliver_due() -> int:
    """Send every delivery that is due. The job behind `queue.DELIVER`; answers how many were taken.

    Claims again whenever there is room, so that a slow endpoint holds up nobody else. When its time is over it goes on only for
    endpoints that have nothing under way, until the last slow call has come back.
    """
    queue.forget_mark(queue.DELIVER)
    started, began_at, claimed, failed = time.monotonic(), real_time(), 0, 0
    under_way: UnderWay = {}
    slow: set[str] = set()
    with Fleet(_headers, config.current().webhook_timeout) as fleet:
        back: Back = ([], [])
        while True:
            fresh = _land_and_claim(under_way, slow, back, time.monotonic() - started)
            under_way |= {parcel.row: (parcel, time.monotonic()) for parcel in fresh}
            post(fleet, fresh)
            claimed += len(fresh)
            if not under_way:
                break
            back = fleet.back(GLANCE_SECONDS, LINGER_SECONDS, ENOUGH)
            claimed -= len(back[1])
            failed += sum(1 for _, answer in back[0] if answer.reason)
            slow |= {parcel.endpoint_id for parcel, _ in _slow(under_way)}
            fleet.hold({parcel.endpoint_id for parcel, _ in under_way.values()} if stopping.is_set() else slow)
    drain.note_run("deliver_webhooks", began_at, claimed, failed)
    if claimed and drain.is_over(time.monotonic() - started):
        queue.wake_now(queue.DELIVER)
    return claimed


def post(fleet: Fleet, parcels: list[Parcel]) -> None:
    """Send these, with no transaction held."""
    assert_no_transaction()
    fleet.send(parcels)


def _land_and_claim(under_way: UnderWay, slow: set[str], back: Back, elapsed: float) -> list[Parcel]:
    """Record what has come back and what was not sent, and claim what there is room for, all in one commit."""
    landed, returned = back
    for parcel in (*(parcel for parcel, _ in landed), *returned):
        del under_way[parcel.row]
    over = drain.is_over(elapsed)
    claims = not stopping.is_set() and (not over or bool(_slow(under_way)))
    if not (landed or returned or claims):
        return []
    taken = [parcel for parcel, _ in under_way.values()]

    def commit() -> list[Parcel]:
        with transaction():
            record(landed)
            release(returned)
            return lanes.take(taken, well_only=elapsed > FAILING_SECONDS, idle_only=over, slow=slow) if claims else []

    try:
        return commit()
    except OperationalError as error:
        if not isinstance(error.orig, DeadlockDetected):
            raise
        return commit()  # somebody replays what we deliver, and Postgres has ended us: nothing of it was done


def _slow(under_way: UnderWay) -> list[tuple[Parcel, float]]:
    return [one for one in under_way.values() if time.monotonic() - one[1] > SLOW_SECONDS]


def _headers(parcel: Parcel) -> dict[str, str]:
    """Signed as of now."""
    secrets = _unsealed(parcel.endpoint_id, parcel.secrets)
    return signed_headers(parcel.event_id, parcel.body, secrets, int(real_time().timestamp()))


# The same few secrets sign one delivery after another.
_unsealed = lru_cache(maxsize=1024)(unseal)
