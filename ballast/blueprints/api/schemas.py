"""What the API takes and answers. Strict: a float, a boolean or a string is not an amount."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    model_validator,
)

from ballast.models.states import PAYMENT
from ballast.money import MAX_AMOUNT

Text = Annotated[StrictStr, StringConstraints(max_length=500, strip_whitespace=True)]
Token = Annotated[StrictStr, StringConstraints(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_:\-]+$")]
Currency = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Z]{3}$")]
MetadataKey = Annotated[StrictStr, StringConstraints(min_length=1, max_length=40)]

EXAMPLE_KEY = "8a7f3c1e-2b64-4f0a-9d51-6e0c7f4b2a90"


class Strict(BaseModel):
    """Unknown fields are refused, so that a typing mistake is told and not swallowed."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def read_nothing_as_empty(cls, given: Any) -> Any:
        """A request without a body says nothing: where every field is optional, that is enough."""
        return {} if given is None else given


class PaymentCreate(Strict):
    """A payment to make."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "amount": 49900,
                "currency": "INR",
                "description": "Order 1042",
                "processor": "stripe",
                "payment_method": "pm_card_visa",
                "capture_method": "automatic",
                "confirm": True,
                "metadata": {"order": "1042"},
            }
        },
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
    metadata: dict[MetadataKey, Text] = Field(default_factory=dict, max_length=20, description="Yours: up to 20 keys.")


class PaymentConfirm(Strict):
    """A try to collect."""

    payment_method: Token | None = Field(default=None, description="Another token than the payment has, if you wish.")
    return_url: HttpUrl | None = None


class PaymentCapture(Strict):
    """How much of what is held is taken."""

    amount_to_capture: StrictInt | None = Field(
        default=None, ge=1, le=MAX_AMOUNT, description="Minor units; all that is held if left out."
    )


class PaymentCancel(Strict):
    """Nothing to say, so far."""


class PaymentPath(BaseModel):
    """Which payment."""

    payment_id: str = Field(description="`pay_…`")


class PaymentQuery(Strict):
    """Which payments: newest first, by cursor."""

    limit: int = Field(default=20, ge=1, le=100)
    starting_after: str | None = Field(default=None, max_length=40, description="The last id of the page before.")
    ending_before: str | None = Field(default=None, max_length=40, description="The first id of the page after.")
    status: Literal[tuple(PAYMENT) + ("cancelled",)] | None = Field(default=None)  # type: ignore[valid-type]
    customer: Token | None = None


class CardOut(BaseModel):
    """What may be shown of a card."""

    brand: str | None
    last4: str | None


class PaymentOut(BaseModel):
    """A payment."""

    id: str
    object: Literal["payment"]
    amount: int
    amount_captured: int
    amount_refunded: int
    currency: str
    status: Literal[tuple(PAYMENT)]  # type: ignore[valid-type]
    capture_method: Literal["automatic", "manual"]
    description: str | None
    customer: str | None
    processor: str
    payment_method: str | None
    card: CardOut | None
    next_action: dict[str, Any] | None = Field(
        description="`redirect_to_url` with `url`, or `use_processor_sdk` with `client_secret`."
    )
    last_error: dict[str, Any] | None
    metadata: dict[str, str]
    created_at: str = Field(description="ISO 8601, UTC")


class PaymentList(BaseModel):
    """A page of payments."""

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


class ErrorOut(BaseModel):
    """Every error has this envelope."""

    error: ErrorDetail
