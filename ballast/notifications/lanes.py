"""Each endpoint has a lane of its own: how many of its deliveries are under way is bounded, so none can take the room of another.

An endpoint that answers may have `PER_LANE` calls under way and `AHEAD` more that follow them; one whose last call failed has a
single one, and all of those together a sixth of the room. What room there is goes to the organization that has the fewest calls under
way, so that one with a hundred endpoints takes none from another. Claiming looks at the head of each lane and never past it: rows
behind a dead endpoint cost nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, bindparam, text, update
from sqlalchemy.types import BigInteger, DateTime

from ballast import config
from ballast.clock import real_time
from ballast.db import db, transaction
from ballast.ids import from_uuid, moment_of, to_uuid
from ballast.models import WebhookEndpoint
from ballast.notifications.posting import PER_ENDPOINT
from ballast.notifications.signatures import kept_secrets, told

PER_LANE = PER_ENDPOINT
# What an endpoint that answers is given ahead, to follow at once when a call has ended.
AHEAD = 24
# Deliveries in one process, those that follow included.
ROOM = 384
# Of these, to endpoints that fail: fewer than connections are opened at once, so that who takes none holds up no other.
FAILING_ROOM = 32

# Hops from endpoint to endpoint along the index (a loose scan), so it costs one probe for each lane that has anything waiting.
_LANES: Final = """recursive lanes(organization_id, endpoint_id) as (
      (select organization_id, endpoint_id from webhook_deliveries where status in ('pending', 'failed')
        order by organization_id, endpoint_id limit 1)
      union all
      select next.organization_id, next.endpoint_id from lanes, lateral (
        select organization_id, endpoint_id from webhook_deliveries as d where d.status in ('pending', 'failed')
          and (d.organization_id, d.endpoint_id) > (lanes.organization_id, lanes.endpoint_id)
        order by d.organization_id, d.endpoint_id limit 1) as next
    )"""
# What of a lane may be taken now, the longest due first.
_FREE: Final = """webhook_deliveries as d
        where d.organization_id = lanes.organization_id and d.endpoint_id = lanes.endpoint_id and d.status in ('pending', 'failed')
          and d.next_attempt_at <= :now and (d.lease_until is null or d.lease_until < :now)
        order by d.next_attempt_at, d.event_id"""
# Claims, numbers and reads in one statement, so that a batch is one round trip. Sequence numbers are given in blocks, one update for
# each endpoint, which are locked in the order in which everybody locks them; a retry keeps the number it has. Each event is read by
# its key: a join leaves the planner free, where it has no statistics yet, to read all of an organization's for each of them.
TAKE: Final = text(
    f"""
    with {_LANES},
    heads as (
      select head.*, endpoint.failing_since is not null as failing
      from lanes
      join webhook_endpoints as endpoint on endpoint.organization_id = lanes.organization_id and endpoint.id = lanes.endpoint_id
      left join unnest(:busy, :counts) as busy(endpoint_id, calls) on busy.endpoint_id = endpoint.id
      cross join lateral (
        select d.organization_id, d.id, d.endpoint_id, d.event_id, d.sequence, d.next_attempt_at from {_FREE}
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
      select organization_id, id, endpoint_id, event_id, sequence, next_attempt_at
      from ranked where not failing or place <= :failing_room order by failing, place limit :room
    ),
    placed as (
      select organization_id, id, endpoint_id, case when sequence is null then row_number() over (
        partition by organization_id, endpoint_id, sequence is null order by next_attempt_at, event_id) end as place
      from chosen
    ),
    held as materialized (
      select e.organization_id, e.id, e.sequence, fresh.many
      from (select organization_id, endpoint_id, count(place) as many from placed group by organization_id, endpoint_id) as fresh
      join webhook_endpoints as e on e.organization_id = fresh.organization_id and e.id = fresh.endpoint_id
      where fresh.many > 0 order by e.organization_id, e.id for no key update of e
    ),
    moved as (
      update webhook_endpoints as e set sequence = e.sequence + held.many from held
      where e.organization_id = held.organization_id and e.id = held.id
    ),
    taken as (
      update webhook_deliveries as d set sequence = coalesce(d.sequence, held.sequence + placed.place), lease_until = :until
      from placed left join held on held.organization_id = placed.organization_id and held.id = placed.endpoint_id
      where d.organization_id = placed.organization_id and d.id = placed.id
      returning d.*
    )
    select d.organization_id::text, d.id::text, d.endpoint_id::text, d.event_id, d.sequence, d.attempts, d.schedule_from,
      e.type, e.created_at, e.api_version, e.data::text, w.url, w.secret, w.old_secret, w.old_secret_until, w.failing_since, o.mode
    from taken as d
    cross join lateral (select * from events where organization_id = d.organization_id and id = d.event_id limit 1) as e
    join webhook_endpoints as w on w.organization_id = d.organization_id and w.id = d.endpoint_id
    join organizations as o on o.id = d.organization_id
    order by d.next_attempt_at, d.event_id
    """  # noqa: S608  no value of anybody's
).bindparams(
    bindparam("busy", type_=ARRAY(Uuid())),
    bindparam("counts", type_=ARRAY(BigInteger())),
    bindparam("now", type_=DateTime(timezone=True)),
    bindparam("until", type_=DateTime(timezone=True)),
)


# Of endpoints that answer: one that fails is its owner's to mend.
_OLDEST: Final = text(
    f"""
    with {_LANES}
    select min(head.next_attempt_at) from lanes
    join webhook_endpoints as endpoint on endpoint.organization_id = lanes.organization_id and endpoint.id = lanes.endpoint_id
    cross join lateral (select d.next_attempt_at from {_FREE} limit 1) as head
    where endpoint.enabled and endpoint.failing_since is null
    """  # noqa: S608
)


@dataclass(frozen=True)
class Parcel:
    """A delivery, ready to send: plain data, so that nothing touches the database while the endpoint answers."""

    row: tuple[str, str] = field(metadata={"doc": "organization and delivery, as Postgres writes uuids"})
    endpoint_id: str
    url: str
    event_id: str
    body: bytes = field(repr=False)
    secrets: tuple[bytes, ...] = field(repr=False, metadata={"doc": "still sealed"})
    attempts: int
    schedule_from: int
    failing_since: datetime | None
    allow_private: bool
    told_at: float = field(default=0.0, metadata={"doc": "when the event's id was made, Unix seconds"})

    @property
    def organization_id(self) -> str:
        """Whose it is, as public id."""
        return _known_id(self.row[0], "org")

    @property
    def failing(self) -> bool:
        """Whether its endpoint's last call failed when this was claimed."""
        return self.failing_since is not None

    @property
    def key(self) -> tuple[str, str]:
        """Public ids of the organization and the delivery."""
        return self.organization_id, _id(self.row[1], "del")


def claim(
    under_way: Sequence[Parcel],
    *,
    well_only: bool = False,
    idle_only: bool = False,
    slow: AbstractSet[str] = frozenset(),
) -> list[Parcel]:
    """Take what is due and has room beside what is under way, under a lease, numbered; one transaction, then nothing is held.

    `well_only`: from endpoints whose last call did not fail; `idle_only`: from those that have nothing under way. `slow`: endpoints
    from which nothing is taken ahead.
    """
    with transaction():
        return take(under_way, well_only=well_only, idle_only=idle_only, slow=slow)


def take(
    under_way: Sequence[Parcel],
    *,
    well_only: bool = False,
    idle_only: bool = False,
    slow: AbstractSet[str] = frozenset(),
) -> list[Parcel]:
    """As `claim`, in the caller's transaction."""
    room = ROOM - len(under_way)
    if room <= 0:
        return []
    calls = Counter(parcel.endpoint_id for parcel in under_way) + Counter(dict.fromkeys(slow, AHEAD))
    failing = sum(1 for parcel in under_way if parcel.failing)
    at = real_time()
    given = {
        "busy": [to_uuid(endpoint_id, "we") for endpoint_id in calls],
        "counts": [PER_LANE + AHEAD if idle_only else count for count in calls.values()],
        "now": at,
        "most": PER_LANE + AHEAD,
        "failing_room": 0 if well_only else max(FAILING_ROOM - failing, 0),
        "room": room,
        "until": at + lease(),
    }
    return [_parcel(row, at) for row in db.session.execute(TAKE, given).all()]


def waiting_since() -> datetime | None:
    """When the longest due delivery that nobody holds, to an endpoint that answers, fell due; None when nothing is."""
    found: datetime | None = db.session.scalar(_OLDEST, {"now": real_time()})
    return found


def lease() -> timedelta:
    """Longer than a call can take (to connect, to answer, to tell) and one before it, so that no delivery is sent while it is being
    sent. (What is taken ahead of a slow endpoint goes back, see `flights`.)"""
    return timedelta(seconds=3 * config.current().webhook_timeout + 30)


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


def _parcel(row: Row[Any], at: datetime) -> Parcel:
    event_id = from_uuid(row.event_id, "evt")
    return Parcel(
        row=(row.organization_id, row.id),
        endpoint_id=_known_id(row.endpoint_id, "we"),
        url=row.url,
        event_id=event_id,
        body=told(event_id, row.type, row.created_at, row.sequence, row.api_version, row.data),
        secrets=kept_secrets(row, at),
        attempts=row.attempts,
        schedule_from=row.schedule_from,
        failing_since=row.failing_since,
        allow_private=may_be_private(row.mode),
        told_at=moment_of(row.event_id),
    )


def _id(value: str, prefix: str) -> str:
    return from_uuid(UUID(value), prefix)


# Few organizations and endpoints stand in many rows.
_known_id = lru_cache(maxsize=4096)(_id)


def may_be_private(mode: str) -> bool:
    """Whether an organization of this mode may listen in our own network: a sandbox on the local stack."""
    return mode == "sandbox" and not config.current().is_production
