"""What must leave the house: events, webhook endpoints and deliveries, mails. A row is the job."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ARRAY, CheckConstraint, Index, LargeBinary, Select, String, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.columns import Scoped, created_column, id_column, one_of, reference, within
from ballast.models.states import DELIVERY, EMAIL

API_VERSION = "2026-11-01"
DISABLED_BECAUSE: Final = ("by_hand", "gone", "failing")
# All that are still spoken, the present one last.
API_VERSIONS = (API_VERSION,)


class Event(Scoped, Base):
    """A fact told to the outside, with the object as it was."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_resource", "organization_id", "resource_id", "id"),
        Index("ix_events_type", "organization_id", "type", "id"),
        Index("ix_events_created", "organization_id", "created_at", "id"),
    )

    id: Mapped[str] = id_column("evt")
    type: Mapped[str]
    resource_type: Mapped[str]
    resource_id: Mapped[str]
    api_version: Mapped[str] = mapped_column(default=API_VERSION)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    request_id: Mapped[str | None]
    created_at: Mapped[datetime] = created_column()


class WebhookEndpoint(Scoped, Base):
    """Where an organization wants its events. Both secrets are sealed; the old one signs beside the new one until it lapses."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        one_of("disabled_because", DISABLED_BECAUSE),
        CheckConstraint("deleted_at is null or not enabled", name="deleted_is_disabled"),
    )

    id: Mapped[str] = id_column("we")
    url: Mapped[str]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(String))
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    enabled: Mapped[bool] = mapped_column(default=True, server_default="true")
    sequence: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = created_column()
    disabled_at: Mapped[datetime | None]
    disabled_because: Mapped[str | None]
    old_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_secret_until: Mapped[datetime | None]
    failing_since: Mapped[datetime | None] = mapped_column(doc="the first failure since the last success")
    deleted_at: Mapped[datetime | None] = mapped_column(doc="its deliveries stay on record")


class WebhookDelivery(Scoped, Base):
    """One event on its way to one endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        one_of("status", DELIVERY),
        within("endpoint_id", "webhook_endpoints"),
        within("event_id", "events"),
        UniqueConstraint("organization_id", "endpoint_id", "event_id"),
        Index(
            "ix_webhook_deliveries_lane",
            "organization_id",
            "endpoint_id",
            "next_attempt_at",
            "event_id",
            postgresql_where="status in ('pending', 'failed')",
        ),
        Index("ix_webhook_deliveries_endpoint", "organization_id", "endpoint_id", "id"),
        Index("ix_webhook_deliveries_status", "organization_id", "status", "id"),
        Index("ix_webhook_deliveries_event", "organization_id", "event_id"),
    )
    machine = "delivery"

    id: Mapped[str] = id_column("del")
    endpoint_id: Mapped[str] = reference("we")
    event_id: Mapped[str] = reference("evt")
    status: Mapped[str] = mapped_column(default="pending")
    sequence: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    schedule_from: Mapped[int] = mapped_column(
        default=0, server_default="0", doc="attempts made before the present run of the schedule"
    )
    response_status: Mapped[int | None]
    response_body: Mapped[str | None]
    reason: Mapped[str | None]
    duration_ms: Mapped[int | None]
    created_at: Mapped[datetime] = created_column()
    next_attempt_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]


class WebhookAttempt(Scoped, Base):
    """One POST of a delivery: what came back, or the word for why nothing did."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (
        within("delivery_id", "webhook_deliveries"),
        Index("ix_webhook_attempts_delivery", "organization_id", "delivery_id", "id"),
    )

    id: Mapped[str] = id_column("wat")
    delivery_id: Mapped[str] = reference("del")
    number: Mapped[int]
    response_status: Mapped[int | None]
    response_body: Mapped[str | None]
    reason: Mapped[str | None]
    duration_ms: Mapped[int]
    sent_at: Mapped[datetime]


class Email(Scoped, Base):
    """A mail, rendered when the fact happened. `dedupe_key` makes one of each, whatever runs twice."""

    __tablename__ = "emails"
    __table_args__ = (
        one_of("status", EMAIL),
        UniqueConstraint("organization_id", "dedupe_key"),
        Index("ix_emails_turn", "organization_id", "next_attempt_at", postgresql_where="next_attempt_at is not null"),
        Index("ix_emails_status", "organization_id", "status", "id"),
        Index("ix_emails_recipient", "organization_id", "recipient", "id"),
        Index("ix_emails_resource", "organization_id", "resource_id"),
    )
    machine = "email"

    id: Mapped[str] = id_column("em")
    kind: Mapped[str]
    dedupe_key: Mapped[str]
    resource_id: Mapped[str | None]
    recipient: Mapped[str]
    subject: Mapped[str]
    html: Mapped[str]
    text: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    resent: Mapped[int] = mapped_column(default=0, server_default="0", doc="how often somebody had it sent again")
    reason: Mapped[str | None]
    external_id: Mapped[str | None]
    created_at: Mapped[datetime] = created_column()
    next_attempt_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]


def deliveries_of(organization_id: str, resource_id: str) -> Select[WebhookDelivery, Event, WebhookEndpoint]:
    """Deliveries of a resource's events, newest first."""
    return (
        select(WebhookDelivery, Event, WebhookEndpoint)
        .join(
            Event, (Event.organization_id == WebhookDelivery.organization_id) & (Event.id == WebhookDelivery.event_id)
        )
        .join(
            WebhookEndpoint,
            (WebhookEndpoint.organization_id == WebhookDelivery.organization_id)
            & (WebhookEndpoint.id == WebhookDelivery.endpoint_id),
        )
        .where(Event.organization_id == organization_id, Event.resource_id == resource_id)
        .order_by(WebhookDelivery.id.desc())
        .limit(100)
    )
