"""What the API takes and answers about refunds, disputes, events and the balance."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictInt, StrictStr, StringConstraints

from ballast.billing.payloads import REFUND_STATUSES
from ballast.billing.refunds import REASONS
from ballast.blueprints.api.fields import (
    PAYMENT_ID,
    DisputeId,
    EventId,
    ListQuery,
    PaymentId,
    RefundId,
    Strict,
    Token,
    example,
)
from ballast.models.states import DISPUTE
from ballast.money import MAX_AMOUNT

REFUND_ID = "re_01kbe8wv6pe2r9f3x7m5d0t1af"
DISPUTE_ID = "dp_01kbe8wv6pe2r9f3x7m5d0t1ag"
EVENT_ID = "evt_01kbe8wv6pe2r9f3x7m5d0t1ah"
CREATED = "2026-11-28T09:30:00+00:00"

# --- Refunds -----------------------------------------------------------------------------------------------------------------


class RefundCreate(Strict):
    """Money to give back."""

    model_config = example({"payment": PAYMENT_ID, "amount": 500, "reason": "requested_by_customer"}, extra="forbid")

    payment: Token = Field(description="`pay_…`, one that succeeded.")
    amount: StrictInt | None = Field(
        default=None, ge=1, le=MAX_AMOUNT, description="Minor units; all that is left if left out."
    )
    reason: Literal[REASONS] | None = None  # type: ignore[valid-type]
    part: Literal["order", "invoice"] | None = Field(
        default=None,
        description="Of a payment for goods and a subscription together: the goods (`order`) or the subscription's first period "
        "(`invoice`), and no more than was paid for it. Left out, the goods go back first.",
    )


class RefundPath(BaseModel):
    """Which refund."""

    refund_id: str = Field(description="`re_…`", json_schema_extra={"example": REFUND_ID})


class RefundQuery(ListQuery[RefundId]):
    """Which refunds."""

    payment: PaymentId | None = Field(default=None, description="`pay_…`")
    status: Literal[tuple(REFUND_STATUSES)] | None = None  # type: ignore[valid-type]


REFUND = {
    "id": REFUND_ID,
    "object": "refund",
    "payment": PAYMENT_ID,
    "amount": 500,
    "tax": 0,
    "discount": 0,
    "currency": "USD",
    "status": "succeeded",
    "reason": "requested_by_customer",
    "message": None,
    "created_at": CREATED,
}


class RefundOut(BaseModel):
    """Money going back."""

    model_config = example(REFUND)

    id: str
    object: Literal["refund"]
    payment: str
    amount: int
    tax: int = Field(description="Of the amount, what is tax of an order.")
    discount: int = Field(description="Of an order's discount, the share of what goes back.")
    currency: str
    status: Literal[tuple(REFUND_STATUSES)] = Field(  # type: ignore[valid-type]
        description="`pending` until the processor has said that it went; a bank may still send a `succeeded` one back."
    )
    reason: str | None
    message: str | None = Field(description="Why it failed.")
    created_at: str = Field(description="ISO 8601, UTC")


class RefundList(BaseModel):
    """A page of refunds."""

    model_config = example({"object": "list", "data": [REFUND], "has_more": False})

    object: Literal["list"]
    data: list[RefundOut]
    has_more: bool


# --- Disputes ----------------------------------------------------------------------------------------------------------------


class DisputePath(BaseModel):
    """Which dispute."""

    dispute_id: str = Field(description="`dp_…`", json_schema_extra={"example": DISPUTE_ID})


class DisputeQuery(ListQuery[DisputeId]):
    """Which disputes."""

    payment: PaymentId | None = Field(default=None, description="`pay_…`")
    status: Literal[tuple(DISPUTE)] | None = None  # type: ignore[valid-type]


class DisputeEvidence(Strict):
    """What the bank should know. It can be said once."""

    model_config = example({"text": "Delivered on 3 November, signed for by A. Byron."}, extra="forbid")

    text: StrictStr = Field(
        min_length=1, max_length=20_000, description="As long as the processor takes: see `evidence_too_long`."
    )


class DisputeAccept(Strict):
    """Nothing to say, so far."""

    model_config = example({}, "forbid")


DISPUTE_EXAMPLE = {
    "id": DISPUTE_ID,
    "object": "dispute",
    "payment": PAYMENT_ID,
    "amount": 2000,
    "currency": "USD",
    "reason": "fraudulent",
    "status": "needs_response",
    "due_at": "2026-12-07T23:59:59+00:00",
    "evidence_submitted": False,
    "pending_action": None,
    "message": None,
    "created_at": CREATED,
}


class DisputeOut(BaseModel):
    """A charge that its holder contests."""

    model_config = example(DISPUTE_EXAMPLE)

    id: str
    object: Literal["dispute"]
    payment: str
    amount: int
    currency: str
    reason: str = Field(description="The processor's own word.")
    status: Literal[tuple(DISPUTE)] = Field(  # type: ignore[valid-type]
        description="`warning`: an inquiry, no money has moved."
    )
    due_at: str | None = Field(description="Until when it can be answered.")
    evidence_submitted: bool
    pending_action: str | None = Field(description="`submit_evidence` or `accept`, on its way to the processor.")
    message: str | None = Field(description="Why the processor did not take it.")
    created_at: str = Field(description="ISO 8601, UTC")


class DisputeList(BaseModel):
    """A page of disputes."""

    model_config = example({"object": "list", "data": [DISPUTE_EXAMPLE], "has_more": False})

    object: Literal["list"]
    data: list[DisputeOut]
    has_more: bool


# --- Events ------------------------------------------------------------------------------------------------------------------


class EventPath(BaseModel):
    """Which event."""

    event_id: str = Field(description="`evt_…`", json_schema_extra={"example": EVENT_ID})


class EventQuery(ListQuery[EventId]):
    """Which events."""

    type: Annotated[StrictStr, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)*(\.\*)?$", max_length=80)] | None = (
        Field(
            default=None,
            description="One type, or all that begin so: `payment_intent.*`.",
            json_schema_extra={"example": "payment_intent.*"},
        )
    )
    resource: Token | None = Field(
        default=None, description="The id of what they are about, a payment's or a customer's."
    )


EVENT = {
    "id": EVENT_ID,
    "object": "event",
    "type": "refund.succeeded",
    "api_version": "2026-11-01",
    "resource": PAYMENT_ID,
    "request_id": "req_01kbe8wv6pe2r9f3x7m5d0t1aj",
    "data": REFUND,
    "created_at": CREATED,
}


class EventOut(BaseModel):
    """A fact as it was told to webhook endpoints."""

    model_config = example(EVENT)

    id: str
    object: Literal["event"]
    type: str
    api_version: str
    resource: str = Field(description="The id of the payment or customer it is about.")
    request_id: str | None = Field(description="The request that caused it.")
    data: dict[str, Any] = Field(description="The object as it was then.")
    created_at: str = Field(description="ISO 8601, UTC")


class EventList(BaseModel):
    """A page of events."""

    model_config = example({"object": "list", "data": [EVENT], "has_more": False})

    object: Literal["list"]
    data: list[EventOut]
    has_more: bool


# --- The balance -------------------------------------------------------------------------------------------------------------


class BalanceLine(BaseModel):
    """One currency, minor units, over all time."""

    currency: str
    receivable: int = Field(
        description="What your processors hold for you: `sales` less `refunds`, `disputes`, `fees` and `payouts`."
    )
    sales: int = Field(description="Captured.")
    refunds: int = Field(description="Given back, and not sent back by a bank.")
    disputes: int = Field(description="Taken by disputes that are open or lost.")
    fees: int = Field(description="Kept by the processors, as far as a reconciliation has learned it.")
    payouts: int = Field(description="Sent to your bank, likewise, and not sent back.")
    pending_refunds: int = Field(description="Asked for and not yet confirmed; not in `refunds`.")


BALANCE = {
    "object": "balance",
    "currencies": [
        {
            "currency": "USD",
            "receivable": 37_120,
            "sales": 150_000,
            "refunds": 6_500,
            "disputes": 2_000,
            "fees": 4_380,
            "payouts": 100_000,
            "pending_refunds": 500,
        }
    ],
}


class BalanceOut(BaseModel):
    """What you have at your processors, from the ledger."""

    model_config = example(BALANCE)

    object: Literal["balance"]
    currencies: list[BalanceLine] = Field(description="In the order of their codes.")
