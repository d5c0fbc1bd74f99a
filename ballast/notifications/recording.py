"""What came of deliveries: each attempt on record, the delivery moved on, the endpoint's health, its owners told when it is off."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import DateTime, bindparam, select, text, update

from ballast import audit, config, metrics
from ballast.clock import now, real_time
from ballast.db import after_commit, among, db
from ballast.ids import from_uuid, new_pair
from ballast.models import Organization, WebhookDelivery, WebhookEndpoint
from ballast.models.identity import owners_of
from ballast.notifications import emails
from ballast.notifications.answering import BODY_KEPT
from ballast.notifications.lanes import Parcel
from ballast.notifications.posting import Answer

# An endpoint that took nothing for so long is disabled.
PATIENCE: Final = timedelta(days=5)
GONE: Final = 410

Done = Sequence[tuple[Parcel, Answer]]
Endpoints = set[tuple[str, str]]


def record(done: Done) -> None:
    """Write what came of these deliveries. In the caller's transaction.

    A worker that comes back after its lease ran out may still say "delivered"; its failure is old news, noted and no more.
    """
    if not done:
        return
    at = real_time()
    rows = [_told(parcel, answer, at) for parcel, answer in done]
    recovered = db.session.execute(RECORD, {"rows": json.dumps(rows), "at": at, "many": len(rows)}).all()
    _note_health(done, {(from_uuid(row[0], "org"), from_uuid(row[1], "we")) for row in recovered}, at)
    after_commit(partial(_count, done, at))


def _count(done: Done, at: datetime) -> None:
    for result, many in Counter(answer.reason or "delivered" for _, answer in done).items():
        metrics.count("ballast_deliveries_total", many, result=result)
    arrived = at.timestamp()
    first = [arrived - parcel.told_at for parcel, answer in done if answer.reason is None and parcel.attempts == 0]
    metrics.observe_all("ballast_delivery_seconds", first)


def release(parcels: Sequence[Parcel]) -> None:
    """These were not sent: they are due as they were. In the caller's transaction."""
    if not parcels:
        return
    ours = among(WebhookDelivery.id, [parcel.key[1] for parcel in parcels])
    organizations = among(WebhookDelivery.organization_id, sorted({parcel.organization_id for parcel in parcels}))
    unsent = update(WebhookDelivery).where(organizations, ours, WebhookDelivery.status.in_(("pending", "failed")))
    db.session.execute(unsent.values(lease_until=None).execution_options(synchronize_session=False))


def _told(parcel: Parcel, answer: Answer, at: datetime) -> dict[str, Any]:
    """What the statement reads of one: its attempt, and where that leaves it."""
    found = {
        "organization_id": parcel.row[0],
        "id": parcel.row[1],
        "attempt_id": new_pair("wat")[1],
        "tried": parcel.attempts,
        "response_status": answer.status,
        "response_body": answer.body[:BODY_KEPT],
        "reason": answer.reason,
        "duration_ms": answer.duration_ms,
    }
    return found | ({"status": "delivered"} if answer.reason is None else _missed(parcel, answer, at))


def _missed(parcel: Parcel, answer: Answer, at: datetime) -> dict[str, Any]:
    """Due again on the schedule, or a dead letter once that is over or the endpoint is gone."""
    wait = None if answer.status == GONE else wait_after(parcel.attempts - parcel.schedule_from, answer.retry_after)
    status = "dead_letter" if wait is None else "failed"
    due = at if wait is None else at + timedelta(seconds=wait)
    return {"status": status, "next_attempt_at": due.isoformat()}


def wait_after(tried: int, retry_after: int | None) -> float | None:
    """Seconds until the next try after `tried` earlier ones, jitter included; None when the schedule is over."""
    settings = config.current()
    if tried >= len(settings.webhook_delays):
        return None
    delay = settings.webhook_delays[tried]
    spread = random.uniform(0, settings.webhook_jitter * delay) if settings.webhook_jitter else 0.0  # noqa: S311
    return max(delay + spread, retry_after or 0)


# All of them in one statement, locked one by one in the order of their keys. One that is delivered stays so; a failure that is not the
# next attempt is old news. (`limit` says that they are few: for a hundred the planner would rather read all of a table that is small.)
# Answers which of the endpoints that took something counted as failing: hardly ever one.
RECORD: Final = text(
    """
    with told as materialized (
      select * from json_to_recordset(cast(:rows as json)) as row(organization_id uuid, id uuid, attempt_id uuid, tried int,
        status text, response_status int, response_body text, reason text, duration_ms int, next_attempt_at timestamptz)
      order by organization_id, id
    ),
    noted as (
      insert into webhook_attempts
        (organization_id, id, delivery_id, number, sent_at, response_status, response_body, reason, duration_ms)
      select organization_id, attempt_id, id, tried + 1, cast(:at as timestamptz) - duration_ms * interval '1 millisecond',
        response_status, response_body, reason, duration_ms
      from told
    ),
    held as materialized (
      select told.* from told cross join lateral (
        select from webhook_deliveries as d where d.organization_id = told.organization_id and d.id = told.id
          and d.status <> 'delivered' and (told.status = 'delivered' or d.attempts = told.tried)
        limit 1 for no key update) as d
      limit :many
    ),
    moved as (
      update webhook_deliveries as d set status = held.status, attempts = held.tried + 1, lease_until = null,
        response_status = held.response_status, response_body = held.response_body, reason = held.reason,
        duration_ms = held.duration_ms, delivered_at = case when held.status = 'delivered' then :at else d.delivered_at end,
        next_attempt_at = coalesce(held.next_attempt_at, d.next_attempt_at)
      from held where d.organization_id = held.organization_id and d.id = held.id
      returning d.organization_id, d.endpoint_id, d.status
    )
    select organization_id, id from webhook_endpoints where failing_since is not null
      and (organization_id, id) in (select organization_id, endpoint_id from moved where status = 'delivered')
    """
).bindparams(bindparam("at", type_=DateTime(timezone=True)))


# --- Health ------------------------------------------------------------------------------------------------------------------


def _note_health(done: Done, recovered: Endpoints, at: datetime) -> None:
    """One success and the endpoint is well; failures count from the first one since. What failed on our side says nothing of it."""
    failed = [one for one in done if one[1].reason not in (None, "internal_error")]
    _mark(recovered, WebhookEndpoint.failing_since.is_not(None), None)
    if not failed:
        return
    well = {_endpoint(parcel) for parcel, answer in done if answer.reason is None}
    ill = {_endpoint(parcel) for parcel, _ in failed} - well
    _mark(ill, WebhookEndpoint.failing_since.is_(None), at)
    for endpoint in sorted({_endpoint(parcel) for parcel, answer in failed if answer.status == GONE}):
        disable(*endpoint, because="gone")
    old = {_endpoint(parcel) for parcel, _ in failed if parcel.failing_since and parcel.failing_since <= at - PATIENCE}
    for endpoint in _given_up(ill & old, at):
        disable(*endpoint, because="failing")


def _endpoint(parcel: Parcel) -> tuple[str, str]:
    return (parcel.organization_id, parcel.endpoint_id)


def _among(endpoints: Endpoints) -> Any:
    owners, ids = zip(*sorted(endpoints), strict=True)
    return among(WebhookEndpoint.organization_id, owners) & among(WebhookEndpoint.id, ids)


def _mark(endpoints: Endpoints, changes: Any, since: datetime | None) -> None:
    if not endpoints:
        return
    key = (WebhookEndpoint.organization_id, WebhookEndpoint.id)
    locked = select(*key).where(_among(endpoints), changes).order_by(*key).with_for_update()
    for organization_id, endpoint_id in db.session.execute(locked).all():
        db.session.execute(
            update(WebhookEndpoint)
            .where(WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.id == endpoint_id)
            .values(failing_since=since)
            .execution_options(synchronize_session=False)
        )


def _given_up(endpoints: Endpoints, at: datetime) -> list[tuple[str, str]]:
    if not endpoints:
        return []
    wanted = select(WebhookEndpoint.organization_id, WebhookEndpoint.id).where(
        _among(endpoints), WebhookEndpoint.enabled, WebhookEndpoint.failing_since <= at - PATIENCE
    )
    return [(row[0], row[1]) for row in db.session.execute(wanted)]


def disable(organization_id: str, endpoint_id: str, because: str) -> None:
    """Send nothing more there, and tell the owners once. Events are kept, to be replayed. In the caller's transaction."""
    endpoint = db.session.scalars(
        select(WebhookEndpoint)
        .where(
            WebhookEndpoint.organization_id == organization_id,
            WebhookEndpoint.id == endpoint_id,
            WebhookEndpoint.enabled,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if endpoint is None:
        return
    endpoint.enabled, endpoint.disabled_at, endpoint.disabled_because = False, now(), because
    changes = audit.differences({"enabled": True}, {"enabled": False}) | {"because": because}
    audit.record(organization_id, "webhook_endpoint.disabled", "webhook_endpoint", endpoint_id, changes)
    if because != "by_hand":
        _tell_owners(endpoint, because)


def _tell_owners(endpoint: WebhookEndpoint, because: str) -> None:
    organization = db.session.scalars(select(Organization).where(Organization.id == endpoint.organization_id)).one()
    context = {
        "organization": organization,
        "endpoint": endpoint,
        "because": because,
        "endpoint_url": f"{config.current().public_url}/admin/webhooks/{endpoint.id}",
    }
    when = (endpoint.disabled_at or now()).isoformat()
    for _member, owner in db.session.execute(owners_of(endpoint.organization_id)):
        emails.compose(
            endpoint.organization_id,
            "endpoint_disabled",
            owner.email,
            "A webhook endpoint was disabled",
            f"endpoint_disabled/{endpoint.id}/{when}/{owner.id}",
            None,
            context,
        )
