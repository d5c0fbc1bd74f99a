"""What the API takes and answers about payments, and its errors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, HttpUrl, StrictBool, StrictInt, model_validator

from ballast.blueprints.api.fields import (
    PAYMENT_ID,
    Currency,
    CustomerId,
    From,
    ListQuery,
    Metadata,
    MetadataPatch,
    PaymentId,
    Strict,
    Text,
    Token,
    Until,
    example,
)
from ballast.blueprints.api.objects import DisputeOut, RefundOut
from ballast.blueprints.api.people import CustomerOut, PaymentMethodOut
from ballast.models.customers import PROCESSORS
from ballast.models.payments import CANCELLATION_REASONS
from ballast.models.states import PAYMENT
from ballast.money import MAX_AMOUNT

Expandable = Literal["customer", "payment_method", "refunds", "disputes"]
Expand = Annotated[
    list[Expandable],
    Field(
        default_factory=list,
        alias="expand[]",
        max_length=4,
        description="Related objects to put in place of their ids.",
    ),
]


class PaymentCreate(Strict):
    """A payment to make."""

    model_config = example(
        {
            "amount": 49900,
            "currency": "INR",
            "description": "Order 1042",
            "processor": "stripe",
            "payment_method": "pm_card_visa",
            "capture_method": "automatic",
            "confirm": True,
            "metadata": {"order": "1042"},
        },
        "forbid",
    )

    amount: StrictInt = Field(ge=1, le=MAX_AMOUNT, description="Minor units: 49900 is ₹499.00, ¥49,900 or KWD 49.900.")
    currency: Currency = Field(description="ISO 4217, capitals.")
    description: Text | None = Field(default=None, description="Shown to your team and on the processor's side.")
    customer: Token | None = Field(default=None, description="A customer of yours (`cus_…`).")
    processor: Literal["stripe", "braintree", "square"] | None = Field(
        default=None, description="Your default account if left out."
    )
    payment_method: Token | None = Field(
        default=None, description="A stored card (`pm_…`) or the processor's own token, never a card number."
    )
    off_session: StrictBool = Field(default=False, description="Your customer is not there: a stored card only.")
    save_payment_method: StrictBool = Field(
        default=False, description="Store the card for this customer once it has paid."
    )
    capture_method: Literal["automatic", "manual"] = Field(
        default="automatic", description="`manual` holds the amount only."
    )
    confirm: StrictBool = Field(default=False, description="Charge right away.")
    return_url: HttpUrl | None = Field(
        default=None, description="Where the shopper returns to after a 3-D Secure challenge."
    )
    metadata: Metadata = Field(default_factory=dict)


class PaymentConfirm(Strict):
    """A try to collect."""

    model_config = example({"payment_method": "pm_card_visa", "return_url": "https://shop.example/back"}, "forbid")

    payment_method: Token | None = Field(default=None, description="Another token than the payment has, if you wish.")
    return_url: HttpUrl | None = None


class PaymentCapture(Strict):
    """How much of what is held is taken."""

    model_config = example({"amount_to_capture": 49900}, "forbid")

    amount_to_capture: StrictInt | None = Field(
        default=None, ge=1, le=MAX_AMOUNT, description="Minor units; all that is held if left out."
    )


class PaymentCancel(Strict):
    """Nothing to say, so far."""

    model_config = example({}, "forbid")


class PaymentPatch(Strict):
    """What may be changed of a payment, in any state. What is left out stays."""

    model_config = example({"description": "Order 1043", "metadata": {"order": "1043", "note": None}}, "forbid")

    description: Text | None = Field(default=None, description="`null` takes it away.")
    metadata: MetadataPatch = Field(default_factory=dict)


class PaymentPath(BaseModel):
    """Which payment."""

    payment_id: str = Field(description="`pay_…`", json_schema_extra={"example": PAYMENT_ID})


class ExpandQuery(Strict):
    """What to answer with it."""

    expand: Expand


class PaymentQuery(ListQuery[PaymentId]):
    """Which payments."""

    status: Literal[tuple(PAYMENT) + ("cancelled",)] | None = Field(default=None)  # type: ignore[valid-type]
    customer: CustomerId | None = Field(default=None, description="`cus_…`")
    processor: Literal[PROCESSORS] | None = None  # type: ignore[valid-type]
    from_: From | None = Field(default=None, alias="from", description="Created then or later; ISO 8601.")
    to: Until | None = Field(
        default=None, description="Created then or earlier; a date alone is its whole day, in UTC."
    )
    amount: int | None = Field(default=None, ge=1, le=MAX_AMOUNT, description="Exactly; minor units.")
    amount_gte: int | None = Field(default=None, ge=1, le=MAX_AMOUNT)
    amount_lte: int | None = Field(default=None, ge=1, le=MAX_AMOUNT)
    metadata: Metadata = Field(default_factory=dict, description="`metadata[order]=1042`: has all of these.")
    expand: Expand

    @model_validator(mode="before")
    @classmethod
    def gather_metadata(cls, given: Any) -> Any:
        """`metadata[key]=value` is one entry of `metadata`."""
        if not isinstance(given, dict):
            return given
        entries = {name: value for name, value in given.items() if name.startswith("metadata[") and name.endswith("]")}
        rest = {name: value for name, value in given.items() if name not in entries}
        if entries:
            rest["metadata"] = {name[len("metadata[") : -1]: value for name, value in entries.items()}
        return rest


class CardOut(BaseModel):
    """What may be shown of a card."""

    brand: str | None
    last4: str | None


PAYMENT_EXAMPLE = {
    "id": PAYMENT_ID,
    "object": "payment",
    "amount": 49900,
    "amount_captured": 49900,
    "amount_refunded": 0,
    "currency": "INR",
    "status": "succeeded",
    "capture_method": "automatic",
    "description": "Order 1042",
    "customer": None,
    "processor": "stripe",
    "payment_method": "pm_card_visa",
    "card": {"brand": "visa", "last4": "4242"},
    "next_action": None,
    "last_error": None,
    "capture_before": None,
    "cancellation_reason": None,
    "metadata": {"order": "1042"},
    "created_at": "2026-11-28T09:30:00+00:00",
}


class PaymentOut(BaseModel):
    """A payment."""

    model_config = example(PAYMENT_EXAMPLE)

    id: str
    object: Literal["payment"]
    amount: int
    amount_captured: int
    amount_refunded: int
    currency: str
    status: Literal[tuple(PAYMENT)]  # type: ignore[valid-type]
    capture_method: Literal["automatic", "manual"]
    description: str | None
    customer: str | CustomerOut | None = Field(description="Its id, or all of it with `expand[]=customer`.")
    processor: str
    payment_method: str | PaymentMethodOut | None = Field(
        description="The id of a stored card, or all of it with `expand[]=payment_method`; else the processor's token."
    )
    card: CardOut | None
    next_action: dict[str, Any] | None = Field(
        description="`redirect_to_url` with `url`, or `use_processor_sdk` with `client_secret`."
    )
    last_error: dict[str, Any] | None
    capture_before: str | None = Field(description="Until when what is held can be captured; it is let go of then.")
    cancellation_reason: Literal[CANCELLATION_REASONS] | None = Field(  # type: ignore[valid-type]
        description="`expired`: nobody captured it in time. Null where it was canceled for no reason given."
    )
    metadata: dict[str, str]
    created_at: str = Field(description="ISO 8601, UTC")
    refunds: list[RefundOut] | None = Field(
        default=None, description="With `expand[]=refunds`: newest first, at most 100."
    )
    disputes: list[DisputeOut] | None = Field(
        default=None, description="With `expand[]=disputes`: newest first, at most 100."
    )


class PaymentList(BaseModel):
    """A page of payments."""

    model_config = example({"object": "list", "data": [PAYMENT_EXAMPLE], "has_more": False})

    object: Literal["list"]
    data: list[PaymentOut]
    has_more: bool


class ErrorDetail(BaseModel):
    """What went wrong: `code` is stable, `message` is for people."""

    type: str
    code: str
    message: str
    param: str | None
    request_id: str
    doc_url: str
    decline_code: str | None = None
    payment: PaymentOut | None = None
    subscription: dict[str, Any] | None = Field(default=None, description="The one whose payment was refused.")
    invoice: dict[str, Any] | None = Field(default=None, description="The one whose payment was refused.")


_MADE: dict[Any, dict[str, Any]] = {}


class ErrorOut(BaseModel):
    """Every error has this envelope."""

    model_config = example(
        {
            "error": {
                "type": "invalid_request_error",
                "code": "parameter_missing",
                "message": "amount: field required.",
                "param": "amount",
                "request_id": "req_01kbe8wv6pe2r9f3x7m5d0t1aj",
                "doc_url": "https://pay.example/api/docs#error-parameter_missing",
            }
        }
    )

    error: ErrorDetail

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """The schema, made once: every call names this model, and to make it anew for each takes a third of a web process's start."""
        key = (args, tuple(sorted(options.items())))
        if key not in _MADE:
            _MADE[key] = super().model_json_schema(*args, **options)
        return _MADE[key]
