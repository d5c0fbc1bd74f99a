"""Each endpoint has a lane of its own: how many of its deliveries are under way is bounded, so none can take the room of another.

An endpoint that answers may have `PER_LANE` calls under way; one whose last call failed has a single one, and all of those together
at most half of the room. What room there is goes to the organization that has the fewest calls under way, so that one with a hundred
endpoints takes none from another. Claiming looks at the head of each lane and never past it: rows behind a dead endpoint cost nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, select, text, tuple_, update
from sqlalchemy.types import BigInteger, DateTime

from ballast import config
from ballast.clock import real_time
from ballast.db import db, transaction
from ballast.ids import from_uuid, to_uuid
from ballast.models import Event, Organization, WebhookDelivery, WebhookEndpoint
from ballast.notifications.posting import PER_ENDPOINT
from ballast.notifications.signatures import body_of, kept_secrets

PER_LANE = PER_ENDPOINT
# Calls under way in one process; a thread that waits for an answer costs next to nothing.
THREADS = 128

# `lanes` hops from endpoint to endpoint along the index (a loose scan), so it costs one probe for each lane that has anything waiting.
CLAIM: Final = text(
    """
    with recursive lanes(organization_id, endpoint_id) as (
      (select organization_id, endpoint_id from webhook_deliveries where status in ('pending', 'failed')
        order by organization_id, endpoint_id limit 1)
      union all
      select next.organization_id, next.endpoint_id from lanes, lateral (
        select organization_id, endpoint_id from webhook_deliveries as d where d.status in ('pending', 'failed')
          and (d.organization_id, d.endpoint_id) > (lanes.organization_id, lanes.endpoint_id)
        order by d.organization_id, d.endpoint_id limit 1) as next
    ),
    heads as (
      select head.organization_id, head.id, head.event_id, endpoint.failing_since is not null as failing, head.next_attempt_at
      from lanes
      join webhook_endpoints as endpoint on endpoint.organization_id = lanes.organization_id and endpoint.id = lanes.endpoint_id
      left join unnest(:busy, :counts) as busy(endpoint_id, calls) on busy.endpoint_id = endpoint.id
      cross join lateral (
        select d.organization_id, d.id, d.event_id, d.next_attempt_at from webhook_deliveries as d
        where d.organization_id = lanes.organization_id and d.endpoint_id = lanes.endpoint_id and d.status in ('pending', 'failed')
          and d.next_attempt_at <= :now and (d.lease_until is null or d.lease_until < :now)
        order by d.next_attempt_at, d.event_id
        limit greatest(case when endpoint.failing_since is null then :most else 1 end - coalesce(busy.calls, 0), 0)
        for update skip locked) as head
      where endpoint.enabled
    ),
    flying as (
      select lanes.organization_id, sum(busy.calls) as calls
      from lanes join unnest(:busy, :counts) as busy(endpoint_id, calls) on busy.endpoint_id = lanes.endpoint_id
      group by lanes.organization_id
    ),
    turns as (
      select heads.*, coalesce(flying.calls, 0)
        + row_number() over (partition by failing, heads.organization_id order by next_attempt_at, event_id) as turn
      from heads left join flying on flying.organization_id = heads.organization_id
    ),
    ranked as (
      select *, row_number() over (partition by failing order by turn, next_attempt_at, event_id) as place from turns
    ),
    chosen as (
      select organization_id, id from ranked where not failing or place <= :failing_room order by failing, place limit :room
    )
    update webhook_deliveries as d set lease_until = :until from chosen
    where d.organization_id = chosen.organization_id and d.id = chosen.id
    returning d.organization_id, d.id
    """
).bindparams(
    bindparam("busy", type_=ARRAY(Uuid())),
    bindparam("counts", type_=ARRAY(BigInteger())),
    bindparam("now", type_=DateTime(timezone=True)),
    bindparam("until", type_=DateTime(timezone=True)),
)


@dataclass(frozen=True)
class Parcel:
    """A delivery, ready to send: plain data, so that nothing touches the database while the endpoint answers."""

    key: tuple[str, str]
    endpoint_id: str
    url: str
    event_id: str
    body: bytes = field(repr=False)
    secrets: tuple[bytes, ...] = field(repr=False, metadata={"doc": "still sealed"})
    attempts: int
    schedule_from: int
    failing: bool
    allow_private: bool


def claim(under_way: Sequence[Parcel], *, well_only: bool = False, idle_only: bool = False) -> list[Parcel]:
    """Take what is due and has room beside what is under way, under a lease, numbered; one transaction, then nothing is held.

    `well_only`: from endpoints whose last call did not fail; `idle_only`: from those that have nothing under way.
    """
    room = THREADS - len(under_way)
    if room <= 0:
        return []
    with transaction():
        keys = _take(under_way, room, well_only, idle_only)
        return pack(keys) if keys else []


def _take(under_way: Sequence[Parcel], room: int, well_only: bool, idle_only: bool) -> list[tuple[str, str]]:
    calls = Counter(parcel.endpoint_id for parcel in under_way)
    failing = sum(1 for parcel in under_way if parcel.failing)
    at = real_time()
    given = {
        "busy": [to_uuid(endpoint_id, "we") for endpoint_id in calls],
        "counts": [PER_LANE if idle_only else count for count in calls.values()],
        "now": at,
        "until": at + lease(),
        "most": PER_LANE,
        "failing_room": 0 if well_only else max(THREADS // 2 - failing, 0),
        "room": room,
    }
    return [(_id(row[0], "org"), _id(row[1], "del")) for row in db.session.execute(CLAIM, given)]


def _id(value: Any, prefix: str) -> str:
    return from_uuid(value if isinstance(value, UUID) else UUID(str(value)), prefix)


def lease() -> timedelta:
    """Longer than a call can take (to connect, to answer, to tell), so that no delivery is sent while it is being sent."""
    return timedelta(seconds=3 * config.current().webhook_timeout + 30)


def pack(keys: Sequence[tuple[str, str]]) -> list[Parcel]:
    """Read what is to be sent and give each delivery its sequence number at its endpoint. In the caller's transaction."""
    rows = db.session.execute(
        select(WebhookDelivery, Event, WebhookEndpoint, Organization.mode)
        .join(
            Event,
            (Event.organization_id == WebhookDelivery.organization_id) & (Event.id == WebhookDelivery.event_id),
        )
        .join(
            WebhookEndpoint,
            (WebhookEndpoint.organization_id == WebhookDelivery.organization_id)
            & (WebhookEndpoint.id == WebhookDelivery.endpoint_id),
        )
        .join(Organization, Organization.id == WebhookDelivery.organization_id)
        .where(tuple_(WebhookDelivery.organization_id, WebhookDelivery.id).in_(keys))
        .order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.event_id)
        # What an earlier claim of this session read may have changed since.
        .execution_options(populate_existing=True)
    ).all()
    _number([row[0] for row in rows])
    return [_parcel(*row) for row in rows]


def _number(deliveries: list[WebhookDelivery]) -> None:
    """Sequence numbers come in blocks, one update per endpoint in a batch; a retry keeps the number it has."""
    fresh: dict[tuple[str, str], list[WebhookDelivery]] = {}
    for delivery in deliveries:
        if delivery.sequence is None:
            fresh.setdefault((delivery.organization_id, delivery.endpoint_id), []).append(delivery)
    for (organization_id, endpoint_id), waiting in sorted(fresh.items()):
        first = take_numbers(organization_id, endpoint_id, len(waiting))
        for offset, delivery in enumerate(waiting):
            delivery.sequence = first + offset


def take_numbers(organization_id: str, endpoint_id: str, count: int) -> int:
    """The first of `count` sequence numbers that are this caller's alone. In the caller's transaction, so that none is lost."""
    last = db.session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.id == endpoint_id)
        .values(sequence=WebhookEndpoint.sequence + count)
        .returning(WebhookEndpoint.sequence)
        .execution_options(synchronize_session=False)
    ).scalar_one()
    return int(last) - count + 1


def _parcel(delivery: WebhookDelivery, event: Event, endpoint: WebhookEndpoint, mode: str) -> Parcel:
    return Parcel(
        key=(delivery.organization_id, delivery.id),
        endpoint_id=endpoint.id,
        url=endpoint.url,
        event_id=event.id,
        body=body_of(event, delivery.sequence),
        secrets=kept_secrets(endpoint, real_time()),
        attempts=delivery.attempts,
        schedule_from=delivery.schedule_from,
        failing=endpoint.failing_since is not None,
        allow_private=may_be_private(mode),
    )


def may_be_private(mode: str) -> bool:
    """Whether an organization of this mode may listen in our own network: a sandbox on the local stack."""
    return mode == "sandbox" and not config.current().is_production
