"""What the API takes and answers about webhook endpoints and deliveries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, StringConstraints

from ballast.blueprints.api.fields import DeliveryId, EndpointId, From, ListQuery, Strict
from ballast.models.states import DELIVERY
from ballast.notifications.addresses import MAX_URL
from ballast.notifications.catalog import MOST_PATTERNS
from ballast.notifications.deliveries import MOST_AT_ONCE
from ballast.notifications.endpoints import DEFAULT_OVERLAP, MOST_OVERLAP

Url = Annotated[StrictStr, StringConstraints(min_length=1, max_length=MAX_URL)]
Pattern = Annotated[StrictStr, StringConstraints(min_length=1, max_length=80)]
Patterns = Annotated[
    list[Pattern],
    Field(
        min_length=1,
        max_length=MOST_PATTERNS,
        description="Event types, families such as `payment_intent.*`, or `*` for all.",
        examples=[["payment_intent.*", "refund.succeeded"]],
    ),
]


class EndpointCreate(Strict):
    """Where you want your events."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"url": "https://example.com/hooks/ballast", "events": ["payment_intent.*"]}},
    )

    url: Url = Field(description="`https://` or `http://`, on the public internet.")
    events: Patterns


class EndpointUpdate(Strict):
    """What is to change; what is left out stays."""

    url: Url | None = None
    events: Patterns | None = None
    enabled: StrictBool | None = Field(
        default=None, description="`false` sends nothing more; events are kept and can be replayed."
    )


class EndpointRotate(Strict):
    """How long the present secret signs beside the new one."""

    overlap_hours: StrictInt = Field(default=DEFAULT_OVERLAP, ge=0, le=MOST_OVERLAP)


class EndpointReplay(Strict):
    """Which events are sent again: those told from `start` up to `end`."""

    start: From = Field(description="ISO 8601; included.")
    end: From = Field(description="ISO 8601; not included.")
    include_delivered: StrictBool = Field(default=False, description="Those too that you took already.")


class Nothing(Strict):
    """Nothing to say."""


class EndpointPath(BaseModel):
    """Which endpoint."""

    endpoint_id: str = Field(description="`we_…`")


class EndpointOut(BaseModel):
    """An endpoint."""

    id: str
    object: Literal["webhook_endpoint"]
    url: str
    events: list[str]
    enabled: bool
    disabled_because: Literal["by_hand", "gone", "failing"] | None
    disabled_at: str | None
    failing_since: str | None = Field(description="The first failure since the last success.")
    old_secret_until: str | None = Field(description="Until when the secret before the last rotation signs too.")
    created_at: str = Field(description="ISO 8601, UTC")
    secret: str | None = Field(
        default=None, description="Only in the first answer that made it: on creation and on rotation."
    )


class EndpointList(BaseModel):
    """A page of endpoints."""

    object: Literal["list"]
    data: list[EndpointOut]
    has_more: bool


class EndpointDeleted(BaseModel):
    """It is gone; its deliveries stay on record."""

    id: str
    object: Literal["webhook_endpoint"]
    deleted: Literal[True]


class Replayed(BaseModel):
    """How many events are on their way."""

    object: Literal["webhook_replay"]
    endpoint: str
    events: int


class DeliveryPath(BaseModel):
    """Which delivery."""

    delivery_id: str = Field(description="`del_…`")


class DeliveryQuery(ListQuery[DeliveryId]):
    """Which deliveries."""

    endpoint: EndpointId | None = Field(default=None, description="`we_…`")
    status: Literal[tuple(DELIVERY)] | None = None  # type: ignore[valid-type]
    event_type: Pattern | None = Field(default=None, description="A type, or a family such as `refund.*`.")


class DeliveriesRetry(Strict):
    """Which deliveries are sent again, all or none of them."""

    deliveries: list[DeliveryId] = Field(min_length=1, max_length=MOST_AT_ONCE)


class AttemptOut(BaseModel):
    """One POST: what came back, or the word for why nothing did."""

    number: int
    sent_at: str
    response_status: int | None
    response_body: str | None = Field(description="The first 2 kB.")
    reason: str | None = Field(
        description="Null when it was taken; else `timeout`, `refused`, `tls`, `dns`, `private_address`, `http_500` …"
    )
    duration_ms: int


class DeliveryOut(BaseModel):
    """One event on its way to one endpoint."""

    id: str
    object: Literal["webhook_delivery"]
    endpoint: str
    event: str
    event_type: str
    status: Literal[tuple(DELIVERY)]  # type: ignore[valid-type]
    sequence: int | None = Field(description="Its number at this endpoint, once it has been claimed.")
    attempt_count: int
    response_status: int | None
    reason: str | None
    next_attempt_at: str | None
    delivered_at: str | None
    created_at: str


class DeliveryDetail(DeliveryOut):
    """A delivery with what was sent and every attempt, newest first."""

    payload: dict[str, Any]
    attempts: list[AttemptOut]


class DeliveryList(BaseModel):
    """A page of deliveries."""

    object: Literal["list"]
    data: list[DeliveryOut]
    has_more: bool
