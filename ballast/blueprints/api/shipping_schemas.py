"""What the API takes and answers about shipping rates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictInt, StrictStr, StringConstraints

from ballast.blueprints.api.catalog_schemas import Archived, ArchivedFilter, Label
from ballast.blueprints.api.fields import Currency, ListQuery, ShippingRateId, Strict, example
from ballast.blueprints.api.session_schemas import SHIPPING_RATE_ID
from ballast.models.shipping import LONGEST_DELIVERY
from ballast.money import MAX_AMOUNT

Country = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Z]{2}$")]
Days = Annotated[StrictInt, Field(ge=0, le=LONGEST_DELIVERY)]
CREATED = "2026-11-28T09:30:00+00:00"


class ShippingRateCreate(Strict):
    """A way to send an order."""

    model_config = example(
        {
            "name": "Standard",
            "amount": 700,
            "currency": "USD",
            "countries": ["US", "CA"],
            "free_from": 10000,
            "min_days": 3,
            "max_days": 5,
        },
        "forbid",
    )

    name: Label = Field(description="As shoppers read it.")
    amount: StrictInt = Field(ge=0, le=MAX_AMOUNT, description="Minor units; 0 is free.")
    currency: Currency
    countries: list[Country] = Field(
        default_factory=list, max_length=250, description="Where it goes, ISO 3166; everywhere if left out."
    )
    free_from: StrictInt | None = Field(
        default=None, ge=1, le=MAX_AMOUNT, description="Free when what is bought comes to so much."
    )
    min_days: Days = Field(description="From how many days it takes …")
    max_days: Days = Field(description="… to how many.")


class ShippingRatePatch(Strict):
    """What may be changed of a rate: another amount is another rate."""

    model_config = example({"name": "By post"}, "forbid")

    name: Label = Field(default_factory=str)
    archived: Archived = False


class ShippingRatePath(BaseModel):
    """Which shipping rate."""

    shipping_rate_id: str = Field(description="`shr_…`", json_schema_extra={"example": SHIPPING_RATE_ID})


class ShippingRateQuery(ListQuery[ShippingRateId]):
    """Which shipping rates."""

    currency: Currency | None = None
    archived: ArchivedFilter = None


SHIPPING_RATE: dict[str, Any] = {
    "id": SHIPPING_RATE_ID,
    "object": "shipping_rate",
    "name": "Standard",
    "amount": 700,
    "currency": "USD",
    "countries": ["CA", "US"],
    "free_from": 10000,
    "min_days": 3,
    "max_days": 5,
    "created_at": CREATED,
    "archived_at": None,
}


class ShippingRateOut(BaseModel):
    """A way to send an order."""

    model_config = example(SHIPPING_RATE)

    id: str
    object: Literal["shipping_rate"]
    name: str
    amount: int
    currency: str
    countries: list[str]
    free_from: int | None
    min_days: int
    max_days: int
    created_at: str = Field(description="ISO 8601, UTC")
    archived_at: str | None


class ShippingRateList(BaseModel):
    """A page of shipping rates."""

    model_config = example({"object": "list", "data": [SHIPPING_RATE], "has_more": False})

    object: Literal["list"]
    data: list[ShippingRateOut]
    has_more: bool
