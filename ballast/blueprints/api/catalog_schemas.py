"""What the API takes and answers about products and prices."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool, StrictInt, StrictStr, StringConstraints

from ballast.billing.stock import MOST_COUNTED
from ballast.blueprints.api.fields import (
    Currency,
    ListQuery,
    Metadata,
    MetadataPatch,
    PriceId,
    ProductId,
    Strict,
    Token,
    example,
)
from ballast.models.catalog import INTERVALS, PRICE_KINDS
from ballast.money import MAX_AMOUNT

PRODUCT_ID = "prod_01kbe8wv6pe2r9f3x7m5d0t1ba"
PRICE_ID = "price_01kbe8wv6pe2r9f3x7m5d0t1bb"
CREATED = "2026-11-28T09:30:00+00:00"
Label = Annotated[StrictStr, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Line = Annotated[StrictStr, StringConstraints(max_length=200, strip_whitespace=True)]
Slug = Annotated[StrictStr, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Long = Annotated[StrictStr, StringConstraints(max_length=5000, strip_whitespace=True)]
Archived = Annotated[StrictBool, Field(description="Archived: sold no more; who has it keeps it. Can be undone.")]
ArchivedFilter = Annotated[bool | None, Field(description="Only those that are archived, or that are not.")]

Shippable = Annotated[StrictBool, Field(description="Sent by post, so that an order of it has a delivery.")]

# --- Products ----------------------------------------------------------------------------------------------------------------


class ProductCreate(Strict):
    """Something to sell."""

    model_config = example({"name": "Coffee club", "tagline": "A new farm each month."}, "forbid")

    name: Label
    slug: Slug | None = Field(default=None, description="Its address in the shop; made of the name if left out.")
    tagline: Line = ""
    description: Long = ""
    position: StrictInt = Field(default=0, ge=0, le=100_000, description="Its place in the shop, the least first.")
    shippable: Shippable = True
    stock: StrictInt | None = Field(default=None, ge=0, le=MOST_COUNTED, description="How many there are to sell.")
    metadata: Metadata = Field(default_factory=dict)


class ProductPatch(Strict):
    """What is to change; what is left out stays."""

    model_config = example({"tagline": "A new farm each month, roasted on Monday."}, "forbid")

    name: Label = Field(default_factory=str)
    slug: Slug = Field(default_factory=str)
    tagline: Line = ""
    description: Long = ""
    position: StrictInt = Field(default=0, ge=0, le=100_000)
    shippable: Shippable = True
    metadata: MetadataPatch = Field(default_factory=dict)
    archived: Archived = False


class StockChange(Strict):
    """How many more or fewer there are, `by`, or how many there are now, `to`; `to` null counts them no more."""

    model_config = example({"by": 24, "reason": "Delivery of 3 December"}, "forbid")

    by: StrictInt | None = Field(default=None, ge=-MOST_COUNTED, le=MOST_COUNTED, description="Negative: fewer.")
    to: StrictInt | None = Field(default=None, ge=0, le=MOST_COUNTED)
    reason: Label = Field(description="Kept in the audit log.")


class ProductPath(BaseModel):
    """Which product."""

    product_id: str = Field(description="`prod_…`", json_schema_extra={"example": PRODUCT_ID})


class ProductQuery(ListQuery[ProductId]):
    """Which products."""

    archived: ArchivedFilter = None


PRODUCT: dict[str, Any] = {
    "id": PRODUCT_ID,
    "object": "product",
    "name": "Coffee club",
    "slug": "coffee-club",
    "tagline": "A new farm each month.",
    "description": "",
    "image": None,
    "shippable": True,
    "stock": 24,
    "position": 0,
    "metadata": {},
    "created_at": CREATED,
    "archived_at": None,
}


class ProductOut(BaseModel):
    """Something sold."""

    model_config = example(PRODUCT)

    id: str
    object: Literal["product"]
    name: str
    slug: str
    tagline: str
    description: str
    image: str | None = Field(description="Where its picture stands, for anybody.")
    shippable: bool = Field(description="Sent by post.")
    stock: int | None = Field(
        description="How many can still be sold, less those held by orders that are being paid; null: not counted."
    )
    position: int
    metadata: dict[str, str]
    created_at: str = Field(description="ISO 8601, UTC")
    archived_at: str | None


class ProductList(BaseModel):
    """A page of products."""

    model_config = example({"object": "list", "data": [PRODUCT], "has_more": False})

    object: Literal["list"]
    data: list[ProductOut]
    has_more: bool


# --- Prices ------------------------------------------------------------------------------------------------------------------


class PriceCreate(Strict):
    """What a product costs."""

    model_config = example(
        {
            "product": PRODUCT_ID,
            "amount": 2400,
            "currency": "USD",
            "interval": "month",
            "trial_days": 14,
            "nickname": "Monthly",
        },
        "forbid",
    )

    product: Token = Field(description="`prod_…`, one that is not archived.")
    amount: StrictInt = Field(ge=1, le=MAX_AMOUNT, description="Minor units, for each unit and period.")
    currency: Currency = Field(description="ISO 4217, capitals. Another currency is another price.")
    interval: Literal[INTERVALS] | None = Field(  # type: ignore[valid-type]
        default=None, description="How often it is billed; paid once if left out."
    )
    interval_count: StrictInt = Field(default=1, ge=1, le=1096, description="3 with `month`: each quarter.")
    trial_days: StrictInt = Field(default=0, ge=0, le=730)
    setup_fee: StrictInt = Field(default=0, ge=0, le=MAX_AMOUNT, description="Minor units, once, when it begins.")
    nickname: Line = Field(default="", description="What tells it from the product's others.")
    metadata: Metadata = Field(default_factory=dict)


class PricePatch(Strict):
    """What may be changed of a price: nothing that anybody has agreed to."""

    model_config = example({"nickname": "Monthly, 2026", "metadata": {"campaign": "spring"}}, "forbid")

    nickname: Line = ""
    metadata: MetadataPatch = Field(default_factory=dict)
    archived: Archived = False


class PricePath(BaseModel):
    """Which price."""

    price_id: str = Field(description="`price_…`", json_schema_extra={"example": PRICE_ID})


class PriceQuery(ListQuery[PriceId]):
    """Which prices."""

    product: ProductId | None = Field(default=None, description="`prod_…`")
    type: Literal[PRICE_KINDS] | None = None  # type: ignore[valid-type]
    currency: Currency | None = None
    archived: ArchivedFilter = None


PRICE = {
    "id": PRICE_ID,
    "object": "price",
    "product": PRODUCT_ID,
    "type": "recurring",
    "amount": 2400,
    "currency": "USD",
    "interval": "month",
    "interval_count": 1,
    "trial_days": 14,
    "setup_fee": 0,
    "nickname": "Monthly",
    "metadata": {},
    "created_at": CREATED,
    "archived_at": None,
}


class PriceOut(BaseModel):
    """What a product costs."""

    model_config = example(PRICE)

    id: str
    object: Literal["price"]
    product: str
    type: Literal[PRICE_KINDS]  # type: ignore[valid-type]
    amount: int
    currency: str
    interval: Literal[INTERVALS] | None  # type: ignore[valid-type]
    interval_count: int | None
    trial_days: int
    setup_fee: int
    nickname: str
    metadata: dict[str, str]
    created_at: str = Field(description="ISO 8601, UTC")
    archived_at: str | None


class PriceList(BaseModel):
    """A page of prices."""

    model_config = example({"object": "list", "data": [PRICE], "has_more": False})

    object: Literal["list"]
    data: list[PriceOut]
    has_more: bool
