"""What bodies and queries are made of. Strict: a float, a boolean or a string is not an amount."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

Text = Annotated[StrictStr, StringConstraints(max_length=500, strip_whitespace=True)]
Token = Annotated[StrictStr, StringConstraints(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_:\-]+$")]
Currency = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Z]{3}$")]
# A TypeID: its kind, and a UUID in Crockford's alphabet.
_SUFFIX = "_[0-7][0-9a-hjkmnp-tv-z]{25}$"
PaymentId = Annotated[StrictStr, StringConstraints(pattern=f"^pay{_SUFFIX}")]
RefundId = Annotated[StrictStr, StringConstraints(pattern=f"^re{_SUFFIX}")]
CustomerId = Annotated[StrictStr, StringConstraints(pattern=f"^cus{_SUFFIX}")]
CardId = Annotated[StrictStr, StringConstraints(pattern=f"^pm{_SUFFIX}")]
DisputeId = Annotated[StrictStr, StringConstraints(pattern=f"^dp{_SUFFIX}")]
EndpointId = Annotated[StrictStr, StringConstraints(pattern=f"^we{_SUFFIX}")]
DeliveryId = Annotated[StrictStr, StringConstraints(pattern=f"^del{_SUFFIX}")]
KeyId = Annotated[StrictStr, StringConstraints(pattern=f"^key{_SUFFIX}")]
AuditEntryId = Annotated[StrictStr, StringConstraints(pattern=f"^aud{_SUFFIX}")]
SessionId = Annotated[StrictStr, StringConstraints(pattern=f"^cs{_SUFFIX}")]
PaymentLinkId = Annotated[StrictStr, StringConstraints(pattern=f"^plink{_SUFFIX}")]
EventId = Annotated[StrictStr, StringConstraints(pattern=f"^evt{_SUFFIX}")]
ProductId = Annotated[StrictStr, StringConstraints(pattern=f"^prod{_SUFFIX}")]
PriceId = Annotated[StrictStr, StringConstraints(pattern=f"^price{_SUFFIX}")]
CouponId = Annotated[StrictStr, StringConstraints(pattern=f"^cpn{_SUFFIX}")]
PromotionCodeId = Annotated[StrictStr, StringConstraints(pattern=f"^promo{_SUFFIX}")]
ShippingRateId = Annotated[StrictStr, StringConstraints(pattern=f"^shr{_SUFFIX}")]
OrderId = Annotated[StrictStr, StringConstraints(pattern=f"^ord{_SUFFIX}")]
TaxRateId = Annotated[StrictStr, StringConstraints(pattern=f"^txr{_SUFFIX}")]
OfferId = Annotated[StrictStr, StringConstraints(pattern=f"^offer{_SUFFIX}")]
SubscriptionId = Annotated[StrictStr, StringConstraints(pattern=f"^sub{_SUFFIX}")]
InvoiceId = Annotated[StrictStr, StringConstraints(pattern=f"^in{_SUFFIX}")]
CreditNoteId = Annotated[StrictStr, StringConstraints(pattern=f"^cn{_SUFFIX}")]
Country = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Z]{2}$")]
LONGEST_KEY = 40
MetadataKey = Annotated[StrictStr, StringConstraints(min_length=1, max_length=LONGEST_KEY)]
MOST_METADATA = 20


def as_kept(metadata: dict[str, str]) -> dict[str, str]:
    """The keys in the order in which Postgres gives them back (jsonb: short ones first), so that whoever asks later reads the same."""
    return dict(sorted(metadata.items(), key=lambda one: (len(one[0].encode()), one[0].encode())))


Metadata = Annotated[
    dict[MetadataKey, Text],
    Field(max_length=MOST_METADATA, description="Yours: up to 20 keys."),
    AfterValidator(as_kept),
]
MetadataPatch = Annotated[
    dict[MetadataKey, Text | None],
    Field(
        max_length=MOST_METADATA,
        description="Keys to set; `null` takes one away, the others stay.",
        examples=[{"order": "1043", "note": None}],
    ),
]

PAYMENT_ID = "pay_01kbe8wv6pe2r9f3x7m5d0t1ac"
EXAMPLE_KEY = "8a7f3c1e-2b64-4f0a-9d51-6e0c7f4b2a90"


def example(of: dict[str, Any], extra: Literal["forbid", "ignore"] = "ignore") -> ConfigDict:
    """A model's configuration with its example in the reference. `forbid`: of a body, which may hold no other fields."""
    return ConfigDict(json_schema_extra={"example": of}, extra=extra, defer_build=True)


class Strict(BaseModel):
    """Unknown fields are refused, so that a typing mistake is told and not swallowed."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def read_nothing_as_empty(cls, given: Any) -> Any:
        """A request without a body says nothing: where every field is optional, that is enough."""
        return {} if given is None else given


IdT = TypeVar("IdT", bound=str)


class ListQuery(Strict, Generic[IdT]):
    """Newest first: by cursor without limit, or by page up to 10,000 rows deep. `IdT`: what ids its rows have."""

    limit: int = Field(default=20, ge=1, le=100, description="How many, where you page by cursor.")
    starting_after: IdT | None = Field(default=None, description="The last id of the page before.")
    ending_before: IdT | None = Field(default=None, description="The first id of the page after.")
    page: int | None = Field(default=None, ge=1, description="1 is the newest; up to 10,000 rows deep.")
    page_size: int = Field(default=20, ge=1, le=100, alias="pageSize", description="How many on a `page`.")


def _moment(given: Any) -> Any:
    """A date stands for its first instant; a time without an offset is UTC."""
    if not isinstance(given, str):
        return given
    try:
        found = datetime.fromisoformat(given)
    except ValueError as error:
        raise ValueError("should be ISO 8601, such as 2026-11-28 or 2026-11-28T09:30:00Z") from error
    if not 1970 <= found.year <= 2999:
        raise ValueError("should be between 1970 and 2999")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _typed_moment(given: Any) -> Any:
    if not isinstance(given, str):
        raise ValueError("should be a text in ISO 8601, such as 2026-11-28T09:30:00Z")
    return _moment(given)


def _end(given: Any) -> Any:
    """A date stands for its whole day."""
    found = _moment(given)
    is_date = isinstance(given, str) and len(given) <= len("2026-11-28")
    return found + timedelta(days=1, microseconds=-1) if is_date else found


_ISO = WithJsonSchema({"type": "string", "format": "date-time", "example": "2026-11-28T09:30:00Z"})
# ISO 8601 in a query: `From` and `Until` are both included, and a date alone is its whole day in UTC.
From = Annotated[datetime, BeforeValidator(_moment), _ISO]
Until = Annotated[datetime, BeforeValidator(_end), _ISO]
# ISO 8601 in a body.
Moment = Annotated[datetime, BeforeValidator(_typed_moment), _ISO]
