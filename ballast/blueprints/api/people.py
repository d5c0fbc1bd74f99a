"""What the API takes and answers about customers and their stored cards."""

from __future__ import annotations

from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, Field, StrictStr, StringConstraints

from ballast.blueprints.api.fields import (
    CardId,
    Country,
    CustomerId,
    ListQuery,
    Metadata,
    MetadataPatch,
    Strict,
    Text,
    example,
)
from ballast.models.states import CARD

CUSTOMER_ID = "cus_01kbe8wv6pe2r9f3x7m5d0t1ad"
CARD_ID = "pm_01kbe8wv6pe2r9f3x7m5d0t1ae"
CREATED = "2026-11-28T09:30:00+00:00"


def _email(given: str) -> str:
    try:
        validate_email(given, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError("should be an email address such as ada@example.com") from error
    return given.lower()


Email = Annotated[
    StrictStr,
    StringConstraints(max_length=254, strip_whitespace=True),
    AfterValidator(_email),
    Field(json_schema_extra={"format": "email"}),
]
Name = Annotated[StrictStr, StringConstraints(max_length=200, strip_whitespace=True)]

Region = Annotated[StrictStr, StringConstraints(max_length=40, strip_whitespace=True)]

# --- Customers ---------------------------------------------------------------------------------------------------------------


class CustomerCreate(Strict):
    """Somebody who pays you."""

    model_config = example(
        {"email": "ada@example.com", "name": "Ada Byron", "country": "GB", "metadata": {"account": "17"}},
        extra="forbid",
    )

    email: Email | None = Field(default=None, description="Where receipts go; kept in lower case.")
    name: Name = ""
    country: Country | None = Field(default=None, description="ISO 3166: where invoices are taxed.")
    region: Region = Field(default="", description="As your tax rates say it.")
    metadata: Metadata = Field(default_factory=dict)


class CustomerPatch(Strict):
    """What may be changed of a customer. What is left out stays."""

    model_config = example({"name": "Ada Lovelace", "metadata": {"account": None}}, extra="forbid")

    email: Email | None = Field(default=None, description="`null` takes it away.")
    name: Name = ""
    country: Country | None = Field(default=None, description="ISO 3166; `null` takes it away.")
    region: Region = ""
    metadata: MetadataPatch = Field(default_factory=dict)


class CustomerPath(BaseModel):
    """Which customer."""

    customer_id: str = Field(description="`cus_…`", json_schema_extra={"example": CUSTOMER_ID})


class CustomerQuery(ListQuery[CustomerId]):
    """Which customers."""

    email: Text | None = Field(default=None, description="Exactly; capitals do not matter.")


CUSTOMER = {
    "id": CUSTOMER_ID,
    "object": "customer",
    "email": "ada@example.com",
    "name": "Ada Byron",
    "country": "GB",
    "region": None,
    "metadata": {"account": "17"},
    "created_at": CREATED,
}


class CustomerOut(BaseModel):
    """Somebody who pays you."""

    model_config = example(CUSTOMER)

    id: str
    object: Literal["customer"]
    email: str | None
    name: str
    country: str | None
    region: str | None
    metadata: dict[str, str]
    created_at: str = Field(description="ISO 8601, UTC")


class CustomerList(BaseModel):
    """A page of customers."""

    model_config = example({"object": "list", "data": [CUSTOMER], "has_more": False})

    object: Literal["list"]
    data: list[CustomerOut]
    has_more: bool


# --- Stored cards ------------------------------------------------------------------------------------------------------------


class PaymentMethodPath(BaseModel):
    """Which stored card."""

    payment_method_id: str = Field(description="`pm_…`", json_schema_extra={"example": CARD_ID})


class PaymentMethodQuery(ListQuery[CardId]):
    """Whose stored cards."""

    customer: CustomerId = Field(description="`cus_…`", json_schema_extra={"example": CUSTOMER_ID})
    status: Literal[tuple(CARD)] = Field(default="active")  # type: ignore[valid-type]


class PaymentMethodDetach(Strict):
    """Nothing to say, so far."""

    model_config = example({}, "forbid")


class StoredCardOut(BaseModel):
    """What may be shown of a stored card."""

    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None


PAYMENT_METHOD = {
    "id": CARD_ID,
    "object": "payment_method",
    "type": "card",
    "status": "active",
    "customer": CUSTOMER_ID,
    "processor": "stripe",
    "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030},
    "created_at": CREATED,
    "detached_at": None,
}


class PaymentMethodOut(BaseModel):
    """A card stored at a processor."""

    model_config = example(PAYMENT_METHOD)

    id: str
    object: Literal["payment_method"]
    type: str
    status: Literal[tuple(CARD)] = Field(description="Only an `active` one can be charged.")  # type: ignore[valid-type]
    customer: str | None
    processor: str
    card: StoredCardOut
    created_at: str = Field(description="ISO 8601, UTC")
    detached_at: str | None


class PaymentMethodList(BaseModel):
    """A page of stored cards."""

    model_config = example({"object": "list", "data": [PAYMENT_METHOD], "has_more": False})

    object: Literal["list"]
    data: list[PaymentMethodOut]
    has_more: bool
