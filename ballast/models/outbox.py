"""What must leave the house: events, webhook endpoints and deliveries, mails. A row is the job."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Index, LargeBinary, Select, String, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.columns import Scoped, created_column, id_column, one_of, reference, within
from ballast.models.states import DELIVERY, EMAIL

API_VERSION = "2026-11-01"
# All that are still spoken, the present one last.
API_VERSIONS = (API_VERSION,)


class Event(Scoped, Base):
    """A fact told to the outside, with the object as it was."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_resource", "organization_id", "resource_id", "id"),
        Index("ix_events_type", "organization_id", "type", "id"),
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
    """Where an organization wants its events. `secret` is sealed."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[str] = id_column("we")
    url: Mapped[str]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(String))
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    enabled: Mapped[bool] = mapped_column(default=True, server_default="true")
    sequence: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = created_column()
    disabled_at: Mapped[datetime | None]


class WebhookDelivery(Scoped, Base):
    """One event on its way to one endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        one_of("status", DELIVERY),
        within("endpoint_id", "webhook_endpoints"),
        within("event_id", "events"),
        UniqueConstraint("organization_id", "endpoint_id", "event_id"),
        Index("ix_webhook_deliveries_due", "next_attempt_at", postgresql_where="status in ('pending', 'failed')"),
        Index("ix_webhook_deliveries_event", "organization_id", "event_id"),
    )
    machine = "delivery"

    id: Mapped[str] = id_column("del")
    endpoint_id: Mapped[str] = reference("we")
    event_id: Mapped[str] = reference("evt")
    status: Mapped[str] = mapped_column(default="pending")
    sequence: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    response_status: Mapped[int | None]
    response_body: Mapped[str | None]
    reason: Mapped[str | None]
    duration_ms: Mapped[int | None]
    created_at: Mapped[datetime] = created_column()
    next_attempt_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]


class Email(Scoped, Base):
    """A mail, rendered when the fact happened. `dedupe_key` makes one of each, whatever runs twice."""

    __tablename__ = "emails"
    __table_args__ = (
        one_of("status", EMAIL),
        UniqueConstraint("organization_id", "dedupe_key"),
        Index(
            "ix_emails_due",
            "next_attempt_at",
            postgresql_where="status in ('pending', 'failed') and next_attempt_at is not null",
        ),
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
