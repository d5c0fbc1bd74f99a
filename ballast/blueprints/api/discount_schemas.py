"""What the API takes and answers about coupons, promotion codes and tax rates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StrictBool, StrictInt, StrictStr, StringConstraints

from ballast.blueprints.api.catalog_schemas import CREATED, Archived, ArchivedFilter, Label
from ballast.blueprints.api.fields import (
    Country,
    CouponId,
    Currency,
    ListQuery,
    Metadata,
    MetadataPatch,
    Moment,
    PromotionCodeId,
    Strict,
    TaxRateId,
    Token,
    example,
)
from ballast.blueprints.api.people import Region
from ballast.models.discounts import APPLIES_TO, DURATIONS
from ballast.money import MAX_AMOUNT

COUPON_ID = "cpn_01kbe8wv6pe2r9f3x7m5d0t1bc"
PROMOTION_CODE_ID = "promo_01kbe8wv6pe2r9f3x7m5d0t1bd"
TAX_RATE_ID = "txr_01kbe8wv6pe2r9f3x7m5d0t1be"
EXAMPLE_CODE = "SPRING26"
EXAMPLE_REGION = "New York"
MOST_REDEMPTIONS = 1_000_000_000
Code = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z0-9_-]{3,40}$")]

# --- Coupons -----------------------------------------------------------------------------------------------------------------


class CouponCreate(Strict):
    """A discount."""

    model_config = example(
        {"name": "Spring", "percent_bps": 2500, "duration": "repeating", "periods": 3, "max_redemptions": 500},
        "forbid",
    )

    name: Label = Field(description="As it stands on invoices and receipts.")
    percent_bps: StrictInt | None = Field(default=None, ge=1, le=10_000, description="Basis points: 2500 is 25%.")
    amount_off: StrictInt | None = Field(default=None, ge=1, le=MAX_AMOUNT, description="Minor units of `currency`.")
    currency: Currency | None = Field(default=None, description="With `amount_off`.")
    duration: Literal[DURATIONS] = Field(description="For the first period, for `periods` of them, or for all.")  # type: ignore[valid-type]
    periods: StrictInt | None = Field(default=None, ge=1, le=1200, description="With `repeating`.")
    applies_to: Literal[APPLIES_TO] = Field(  # type: ignore[valid-type]
        default="all", description="What it takes off: what is bought once (`goods`), `subscriptions`, or both."
    )
    max_redemptions: StrictInt | None = Field(default=None, ge=1, le=MOST_REDEMPTIONS)
    redeem_by: Moment | None = Field(default=None, description="ISO 8601; who has it by then keeps it.")
    metadata: Metadata = Field(default_factory=dict)


class CouponPatch(Strict):
    """What may be changed of a coupon: not what it takes off."""

    model_config = example({"name": "Spring offer"}, "forbid")

    name: Label = Field(default_factory=str)
    metadata: MetadataPatch = Field(default_factory=dict)
    archived: Archived = False


class CouponPath(BaseModel):
    """Which coupon."""

    coupon_id: str = Field(description="`cpn_…`", json_schema_extra={"example": COUPON_ID})


class CouponQuery(ListQuery[CouponId]):
    """Which coupons."""

    archived: ArchivedFilter = None


COUPON = {
    "id": COUPON_ID,
    "object": "coupon",
    "name": "Spring",
    "percent_bps": 2500,
    "amount_off": None,
    "currency": None,
    "duration": "repeating",
    "periods": 3,
    "applies_to": "all",
    "max_redemptions": 500,
    "redeemed": 0,
    "redeem_by": None,
    "metadata": {},
    "created_at": CREATED,
    "archived_at": None,
}


class CouponOut(BaseModel):
    """A discount."""

    model_config = example(COUPON)

    id: str
    object: Literal["coupon"]
    name: str
    percent_bps: int | None
    amount_off: int | None
    currency: str | None
    duration: Literal[DURATIONS]  # type: ignore[valid-type]
    periods: int | None
    applies_to: Literal[APPLIES_TO]  # type: ignore[valid-type]
    max_redemptions: int | None
    redeemed: int = Field(description="How often so far.")
    redeem_by: str | None
    metadata: dict[str, str]
    created_at: str = Field(description="ISO 8601, UTC")
    archived_at: str | None


class CouponList(BaseModel):
    """A page of coupons."""

    model_config = example({"object": "list", "data": [COUPON], "has_more": False})

    object: Literal["list"]
    data: list[CouponOut]
    has_more: bool


# --- Promotion codes ---------------------------------------------------------------------------------------------------------


class PromotionCodeCreate(Strict):
    """What a customer types for a coupon."""

    model_config = example({"coupon": COUPON_ID, "code": EXAMPLE_CODE, "first_purchase_only": True}, "forbid")

    coupon: Token = Field(description="`cpn_…`, one that is not archived.")
    code: Code | None = Field(default=None, description="Kept in capitals; one is made up if left out.")
    max_redemptions: StrictInt | None = Field(default=None, ge=1, le=MOST_REDEMPTIONS)
    first_purchase_only: StrictBool = Field(default=False, description="For who has paid no invoice and no order yet.")
    expires_at: Moment | None = Field(default=None, description="ISO 8601")


class PromotionCodePatch(Strict):
    """Whether it can be used."""

    model_config = example({"archived": True}, "forbid")

    archived: Archived = False


class PromotionCodePath(BaseModel):
    """Which promotion code."""

    promotion_code_id: str = Field(description="`promo_…`", json_schema_extra={"example": PROMOTION_CODE_ID})


class PromotionCodeQuery(ListQuery[PromotionCodeId]):
    """Which promotion codes."""

    coupon: CouponId | None = Field(default=None, description="`cpn_…`")
    code: Code | None = Field(default=None, description="Exactly; capitals do not matter.")
    archived: ArchivedFilter = None


PROMOTION_CODE = {
    "id": PROMOTION_CODE_ID,
    "object": "promotion_code",
    "coupon": COUPON_ID,
    "code": EXAMPLE_CODE,
    "max_redemptions": None,
    "redeemed": 0,
    "first_purchase_only": True,
    "expires_at": None,
    "created_at": CREATED,
    "archived_at": None,
}


class PromotionCodeOut(BaseModel):
    """What a customer types for a coupon."""

    model_config = example(PROMOTION_CODE)

    id: str
    object: Literal["promotion_code"]
    coupon: str
    code: str
    max_redemptions: int | None
    redeemed: int
    first_purchase_only: bool
    expires_at: str | None
    created_at: str = Field(description="ISO 8601, UTC")
    archived_at: str | None


class PromotionCodeList(BaseModel):
    """A page of promotion codes."""

    model_config = example({"object": "list", "data": [PROMOTION_CODE], "has_more": False})

    object: Literal["list"]
    data: list[PromotionCodeOut]
    has_more: bool


# --- Tax rates ---------------------------------------------------------------------------------------------------------------


class TaxRateCreate(Strict):
    """A tax of a country, or of a region of it, on invoices and orders from now on."""

    model_config = example({"name": "Sales tax", "country": "US", "region": EXAMPLE_REGION, "bps": 888}, "forbid")

    name: Label = Field(description="As it stands on invoices and receipts.")
    country: Country = Field(description="ISO 3166, two capitals.")
    region: Region = Field(default="", description="As customers' `region` says it; the whole country if left out.")
    bps: StrictInt = Field(ge=0, le=10_000, description="Basis points: 888 is 8.88%.")
    shipping_bps: StrictInt | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="Of what it costs to send goods; as the goods if left out, 0 for none.",
    )
    inclusive: StrictBool = Field(default=False, description="Prices are meant with it.")


class TaxRatePatch(Strict):
    """What may be changed of a rate: another percentage is another rate."""

    model_config = example({"name": "New York sales tax"}, "forbid")

    name: Label = Field(default_factory=str)
    archived: Archived = False


class TaxRatePath(BaseModel):
    """Which tax rate."""

    tax_rate_id: str = Field(description="`txr_…`", json_schema_extra={"example": TAX_RATE_ID})


class TaxRateQuery(ListQuery[TaxRateId]):
    """Which tax rates."""

    country: Country | None = None
    archived: ArchivedFilter = None


TAX_RATE = {
    "id": TAX_RATE_ID,
    "object": "tax_rate",
    "name": "Sales tax",
    "country": "US",
    "region": EXAMPLE_REGION,
    "bps": 888,
    "shipping_bps": None,
    "inclusive": False,
    "created_at": CREATED,
    "archived_at": None,
}


class TaxRateOut(BaseModel):
    """A tax of a place."""

    model_config = example(TAX_RATE)

    id: str
    object: Literal["tax_rate"]
    name: str
    country: str
    region: str
    bps: int
    shipping_bps: int | None = Field(description="Of what it costs to send goods; null: as the goods.")
    inclusive: bool
    created_at: str = Field(description="ISO 8601, UTC")
    archived_at: str | None


class TaxRateList(BaseModel):
    """A page of tax rates."""

    model_config = example({"object": "list", "data": [TAX_RATE], "has_more": False})

    object: Literal["list"]
    data: list[TaxRateOut]
    has_more: bool
