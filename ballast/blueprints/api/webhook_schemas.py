"""What the API takes and answers about webhook endpoints and deliveries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool, StrictInt, StrictStr, StringConstraints

from ballast.blueprints.api.fields import DeliveryId, EndpointId, From, ListQuery, Strict, example
from ballast.blueprints.api.objects import EVENT, EVENT_ID
from ballast.blueprints.api.people import CREATED
from ballast.models import states
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

ENDPOINT_ID = "we_01kbe8wv6pe2r9f3x7m5d0t1ak"
DELIVERY_ID = "del_01kbe8wv6pe2r9f3x7m5d0t1am"
ENDPOINT: dict[str, Any] = {
    "id": ENDPOINT_ID,
    "object": "webhook_endpoint",
    "url": "https://example.com/hooks/ballast",
    "events": ["payment_intent.*"],
    "enabled": True,
    "disabled_because": None,
    "disabled_at": None,
    "failing_since": None,
    "old_secret_until": None,
    "created_at": CREATED,
    "secret": None,
}
DELIVERY: dict[str, Any] = {
    "id": DELIVERY_ID,
    "object": "webhook_delivery",
    "endpoint": ENDPOINT_ID,
    "event": EVENT_ID,
    "event_type": EVENT["type"],
    "status": "delivered",
    "sequence": 7,
    "attempt_count": 1,
    "response_status": 200,
    "reason": None,
    "next_attempt_at": None,
    "delivered_at": CREATED,
    "created_at": CREATED,
}
ATTEMPT: dict[str, Any] = {
    "number": 1,
    "sent_at": CREATED,
    "response_status": 200,
    "response_body": "ok",
    "reason": None,
    "duration_ms": 84,
}


class EndpointCreate(Strict):
    """Where you want your events."""

    model_config = example({"url": ENDPOINT["url"], "events": ENDPOINT["events"]}, "forbid")

    url: Url = Field(description="`https://` or `http://`, on the public internet.")
    events: Patterns


class EndpointUpdate(Strict):
    """What is to change; what is left out stays."""

    model_config = example({"events": ["*"], "enabled": True}, "forbid")

    url: Url | None = None
    events: Patterns | None = None
    enabled: StrictBool | None = Field(
        default=None, description="`false` sends nothing more; events are kept and can be replayed."
    )


class EndpointRotate(Strict):
    """How long the present secret signs beside the new one."""

    model_config = example({"overlap_hours": DEFAULT_OVERLAP}, "forbid")

    overlap_hours: StrictInt = Field(default=DEFAULT_OVERLAP, ge=0, le=MOST_OVERLAP)


class EndpointReplay(Strict):
    """Which events are sent again: those told from `start` up to `end`."""

    model_config = example({"start": "2026-11-27T00:00:00Z", "end": "2026-11-28T00:00:00Z"}, "forbid")

    start: From = Field(description="ISO 8601; included.")
    end: From = Field(description="ISO 8601; not included.")
    include_delivered: StrictBool = Field(default=False, description="Those too that you took already.")


class Nothing(Strict):
    """Nothing to say."""

    model_config = example({}, "forbid")


class EndpointPath(BaseModel):
    """Which endpoint."""

    endpoint_id: str = Field(description="`we_…`", json_schema_extra={"example": ENDPOINT_ID})


class EndpointOut(BaseModel):
    """An endpoint."""

    model_config = example(ENDPOINT)

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

    model_config = example({"object": "list", "data": [ENDPOINT], "has_more": False})

    object: Literal["list"]
    data: list[EndpointOut]
    has_more: bool


class EndpointDeleted(BaseModel):
    """It is gone; its deliveries stay on record."""

    model_config = example({"id": ENDPOINT_ID, "object": "webhook_endpoint", "deleted": True})

    id: str
    object: Literal["webhook_endpoint"]
    deleted: Literal[True]


class Replayed(BaseModel):
    """How many events are on their way."""

    model_config = example({"object": "webhook_replay", "endpoint": ENDPOINT_ID, "events": 12})

    object: Literal["webhook_replay"]
    endpoint: str
    events: int


class DeliveryPath(BaseModel):
    """Which delivery."""

    delivery_id: str = Field(description="`del_…`", json_schema_extra={"example": DELIVERY_ID})


class DeliveryQuery(ListQuery[DeliveryId]):
    """Which deliveries."""

    endpoint: EndpointId | None = Field(default=None, description="`we_…`")
    status: Literal[tuple(states.DELIVERY)] | None = None  # type: ignore[valid-type]
    event_type: Pattern | None = Field(default=None, description="A type, or a family such as `refund.*`.")


class DeliveriesRetry(Strict):
    """Which deliveries are sent again, all or none of them."""

    model_config = example({"deliveries": [DELIVERY_ID]}, "forbid")

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

    model_config = example(DELIVERY)

    id: str
    object: Literal["webhook_delivery"]
    endpoint: str
    event: str
    event_type: str
    status: Literal[tuple(states.DELIVERY)]  # type: ignore[valid-type]
    sequence: int | None = Field(description="Its number at this endpoint, once it has been claimed.")
    attempt_count: int
    response_status: int | None
    reason: str | None
    next_attempt_at: str | None
    delivered_at: str | None
    created_at: str


class DeliveryDetail(DeliveryOut):
    """A delivery with what was sent and every attempt, newest first."""

    model_config = example(DELIVERY | {"payload": EVENT, "attempts": [ATTEMPT]})

    payload: dict[str, Any]
    attempts: list[AttemptOut]


class DeliveryList(BaseModel):
    """A page of deliveries."""

    model_config = example({"object": "list", "data": [DELIVERY], "has_more": False})

    object: Literal["list"]
    data: list[DeliveryOut]
    has_more: bool
