"""Endpoints as their owners handle them: made, changed, their secret rotated, switched off and on, tested, deleted.

Everything that changes runs in the caller's transaction and is in the audit log; a secret never is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Select, func, select, update

from ballast import audit
from ballast.clock import now, real_time
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest, NotFound
from ballast.ids import to_uuid
from ballast.models import Organization, WebhookDelivery, WebhookEndpoint
from ballast.notifications import addresses, recording, webhooks
from ballast.notifications.catalog import TEST_EVENT, check_patterns
from ballast.notifications.lanes import may_be_private
from ballast.notifications.signatures import seal
from ballast.security import new_webhook_secret

# Each event is one row and one call for each endpoint.
MOST_ENDPOINTS: Final = 50
# Why a delivery was given up when nobody is to blame.
DELETED: Final = "endpoint_deleted"
DEFAULT_OVERLAP: Final = 24
MOST_OVERLAP: Final = 7 * 24


def listed(organization_id: str) -> Select[WebhookEndpoint]:
    """All endpoints but the deleted ones."""
    return select(WebhookEndpoint).where(
        WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.deleted_at.is_(None)
    )


def find(organization_id: str, endpoint_id: str, *, lock: bool = False) -> WebhookEndpoint:
    """One endpoint. Raises NotFound, for a deleted one too. While it is locked events go on being told to it."""
    if to_uuid(endpoint_id, "we") is None:
        raise NotFound("webhook endpoint")
    wanted = listed(organization_id).where(WebhookEndpoint.id == endpoint_id)
    if lock:
        wanted = wanted.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = db.session.scalars(wanted).first()
    if found is None:
        raise NotFound("webhook endpoint", endpoint_id)
    return found


def create(organization_id: str, url: str, events: list[str]) -> tuple[WebhookEndpoint, str]:
    """A new endpoint and its secret, which is shown this once.

    Raises InvalidRequest(`url_invalid`, `url_private`, `events_invalid`), Conflict(`too_many_endpoints`).
    """
    checked, patterns = _check_url(organization_id, url), check_patterns(events)
    counted = listed(organization_id).with_only_columns(func.count()).order_by(None)
    if db.session.scalars(counted).one() >= MOST_ENDPOINTS:
        raise Conflict("too_many_endpoints", f"There are {MOST_ENDPOINTS} endpoints already. Delete one first.")
    secret = new_webhook_secret()
    endpoint = webhooks.create_endpoint(organization_id, checked, patterns, secret)
    db.session.flush()
    _note(endpoint, "created", {"url": checked, "events": patterns})
    return endpoint, secret


def _check_url(organization_id: str, url: str) -> str:
    mode = db.session.scalars(select(Organization.mode).where(Organization.id == organization_id)).one()
    return addresses.check_url(url.strip(), may_be_private(mode))


def _note(endpoint: WebhookEndpoint, action: str, changes: dict[str, Any]) -> None:
    audit.record(endpoint.organization_id, f"webhook_endpoint.{action}", "webhook_endpoint", endpoint.id, changes)


def change(
    organization_id: str, endpoint_id: str, url: str | None = None, events: list[str] | None = None
) -> WebhookEndpoint:
    """Another address or another filter; what is None stays. Raises NotFound, InvalidRequest."""
    endpoint = find(organization_id, endpoint_id, lock=True)
    changes: dict[str, Any] = {}
    if url is not None and (checked := _check_url(organization_id, url)) != endpoint.url:
        changes["url"] = {"before": endpoint.url, "after": checked}
        endpoint.url = checked
    if events is not None and (patterns := check_patterns(events)) != endpoint.event_types:
        changes["events"] = {"before": endpoint.event_types, "after": patterns}
        endpoint.event_types = patterns
    if changes:
        _note(endpoint, "updated", changes)
    return endpoint


def enable(organization_id: str, endpoint_id: str, wanted: bool) -> WebhookEndpoint:
    """Switch it on or off; nothing happens when it is so already. What waits goes out; what was missed can be replayed."""
    endpoint = find(organization_id, endpoint_id, lock=True)
    if wanted and not endpoint.enabled:
        endpoint.enabled, endpoint.disabled_at, endpoint.disabled_because = True, None, None
        endpoint.failing_since = None  # Its five days begin anew.
        _note(endpoint, "enabled", audit.differences({"enabled": False}, {"enabled": True}))
        webhooks.wake()
    elif not wanted:
        recording.disable(organization_id, endpoint_id, because="by_hand")
    return endpoint


def rotate(organization_id: str, endpoint_id: str, overlap_hours: int = DEFAULT_OVERLAP) -> tuple[WebhookEndpoint, str]:
    """A new secret, shown this once; the present one signs beside it for `overlap_hours`. An older one lapses at once.

    Raises NotFound, InvalidRequest(`overlap_invalid`).
    """
    if not 0 <= overlap_hours <= MOST_OVERLAP:
        raise InvalidRequest(
            "overlap_invalid", f"The old secret may sign for 0 to {MOST_OVERLAP} hours more.", param="overlap_hours"
        )
    endpoint = find(organization_id, endpoint_id, lock=True)
    secret = new_webhook_secret()
    endpoint.old_secret, endpoint.old_secret_until = None, None
    if overlap_hours:
        endpoint.old_secret, endpoint.old_secret_until = endpoint.secret, real_time() + timedelta(hours=overlap_hours)
    endpoint.secret = seal(endpoint.id, secret)
    until = endpoint.old_secret_until.isoformat() if endpoint.old_secret_until else None
    _note(endpoint, "secret_rotated", {"overlap_hours": overlap_hours, "old_secret_until": until})
    return endpoint, secret


def delete(organization_id: str, endpoint_id: str) -> None:
    """Put it away for good: nothing more is sent, and its deliveries stay on record. Raises NotFound."""
    endpoint = find(organization_id, endpoint_id, lock=True)
    was = {"url": endpoint.url, "events": endpoint.event_types, "enabled": endpoint.enabled}
    endpoint.deleted_at = now()
    endpoint.enabled, endpoint.old_secret, endpoint.old_secret_until = False, None, None
    endpoint.disabled_at = endpoint.disabled_at or endpoint.deleted_at
    db.session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.organization_id == organization_id,
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.status.in_(("pending", "failed")),
        )
        .values(status="dead_letter", reason=DELETED)
        .execution_options(synchronize_session=False)
    )
    _note(endpoint, "deleted", audit.differences(was, {}))


def send_test(organization_id: str, endpoint_id: str) -> WebhookDelivery:
    """A test event for this endpoint alone, whatever its filter. Raises NotFound, Conflict(`endpoint_disabled`)."""
    endpoint = find(organization_id, endpoint_id, lock=True)
    refuse_disabled(endpoint)
    event = webhooks.keep(organization_id, TEST_EVENT, "webhook_endpoint", endpoint.id, test_data(endpoint))
    _note(endpoint, "tested", {})
    db.session.flush()
    return webhooks.address(event, endpoint.id)


def refuse_disabled(endpoint: WebhookEndpoint) -> None:
    """Raises Conflict(`endpoint_disabled`)."""
    if not endpoint.enabled:
        raise Conflict("endpoint_disabled", "This endpoint is disabled. Enable it first.")


def test_data(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """What a test event says."""
    return {"id": endpoint.id, "object": "webhook_endpoint", "message": "A test event. Nothing has happened."}
