"""What the API takes and answers about checkout sessions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool, StrictInt, StrictStr, StringConstraints

from ballast.billing.checkout_sessions import MOST_LINES
from ballast.billing.return_urls import MAX_URL
from ballast.blueprints.api.discount_schemas import Code
from ballast.blueprints.api.fields import (
    PAYMENT_ID,
    Currency,
    CustomerId,
    From,
    ListQuery,
    Metadata,
    PaymentId,
    PaymentLinkId,
    SessionId,
    Strict,
    Text,
    Token,
    Until,
    example,
)
from ballast.blueprints.api.people import CREATED, Email
from ballast.models.checkout_sessions import SESSION_MODES
from ballast.models.orders import MAX_QUANTITY
from ballast.models.shipping import MOST_RATES
from ballast.models.states import CHECKOUT_SESSION, FULFILLMENT
from ballast.money import MAX_AMOUNT

SHIPPING_RATE_ID = "shr_01kbe8wv6pe2r9f3x7m5d0t1bs"
SESSION_ID = "cs_01kbe8wv6pe2r9f3x7m5d0t1an"
SUCCESS_URL = "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}"
CANCEL_URL = "https://shop.example/cart"
ReturnUrl = Annotated[
    StrictStr,
    StringConstraints(min_length=1, max_length=MAX_URL),
    Field(json_schema_extra={"format": "uri-reference"}),
]
Name = Annotated[StrictStr, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]


class LineIn(Strict):
    """A `price`, or a `product` at its present price, or a `name` and an `amount`; and how many."""

    model_config = example({"name": "Consultation, one hour", "amount": 12000, "quantity": 1}, "forbid")

    price: Token | None = Field(
        default=None, description="A price of your catalog (`price_…`), a recurring one for a `subscription`."
    )
    product: Token | None = Field(default=None, description="A product of your catalog (`prod_…`).")
    name: Name | None = Field(default=None, description="What the shopper reads.")
    amount: StrictInt | None = Field(default=None, ge=1, le=MAX_AMOUNT, description="Of one; minor units.")
    quantity: StrictInt = Field(default=1, ge=1, le=MAX_QUANTITY)


class ShippingOption(Strict):
    """A way to send it."""

    model_config = example({"shipping_rate": SHIPPING_RATE_ID}, "forbid")

    shipping_rate: Token = Field(description="`shr_…`, in the currency of the session.")


class SessionCreate(Strict):
    """A checkout to open."""

    model_config = example(
        {
            "lines": [{"name": "Consultation, one hour", "amount": 12000, "quantity": 1}],
            "currency": "USD",
            "customer_email": "ada@example.com",
            "success_url": SUCCESS_URL,
            "cancel_url": CANCEL_URL,
            "metadata": {"booking": "1042"},
        },
        "forbid",
    )

    lines: list[LineIn] = Field(min_length=1, max_length=MOST_LINES)
    mode: Literal[SESSION_MODES] = Field(  # type: ignore[valid-type]
        default="payment",
        description="`payment`, `subscription` of one recurring price, or `financing`: the shopper pays with one of your plans.",
    )
    currency: Currency | None = Field(
        default=None, description="ISO 4217. Your prices have theirs; other lines are in your own currency if left out."
    )
    customer: Token | None = Field(default=None, description="A customer of yours (`cus_…`), who the shopper then is.")
    customer_email: Email | None = Field(
        default=None, description="Or the shopper's address, which they cannot change."
    )
    financing_offer: Token | None = Field(
        default=None,
        description="The plan (`offer_…`) of a session in mode `financing`; the shopper chooses among yours if left out.",
    )
    shipping_options: list[ShippingOption] = Field(
        default_factory=list,
        max_length=MOST_RATES,
        description="The ways to send it that the shopper chooses from, where it is sent by post. What is chosen is a line of it.",
    )
    promotion_code: Code | None = Field(
        default=None, description="Typed for the shopper, who may take it out or type another."
    )
    coupon: Token | None = Field(
        default=None,
        description="`cpn_…`, the discount you give; not beside a promotion code, and the shopper types none then.",
    )
    allow_promotion_codes: StrictBool = Field(default=True, description="Whether the shopper may type a code.")
    success_url: ReturnUrl | None = Field(
        default=None,
        description="Where the shopper goes once it is paid; `{CHECKOUT_SESSION_ID}` in it becomes the session's id. "
        "https, or in the sandbox http on localhost. Our receipt if left out.",
    )
    cancel_url: ReturnUrl | None = Field(default=None, description="Where the checkout's way back leads.")
    expires_at: From | None = Field(
        default=None, description="30 minutes to 24 hours from now, ISO 8601; 24 hours if left out."
    )
    metadata: Metadata = Field(default_factory=dict)


class SessionExpire(Strict):
    """Nothing to say, so far."""

    model_config = example({}, "forbid")


class SessionPath(BaseModel):
    """Which session."""

    session_id: str = Field(description="`cs_…`", json_schema_extra={"example": SESSION_ID})


class SessionQuery(ListQuery[SessionId]):
    """Which sessions."""

    status: Literal[tuple(CHECKOUT_SESSION)] | None = None  # type: ignore[valid-type]
    customer: CustomerId | None = Field(default=None, description="`cus_…`, the one it was made for.")
    payment: PaymentId | None = Field(default=None, description="`pay_…`")
    payment_link: PaymentLinkId | None = Field(default=None, description="`plink_…`")
    from_: From | None = Field(default=None, alias="from", description="Created then or later; ISO 8601.")
    to: Until | None = Field(
        default=None, description="Created then or earlier; a date alone is its whole day, in UTC."
    )


SESSION: dict[str, Any] = {
    "id": SESSION_ID,
    "object": "checkout_session",
    "mode": "payment",
    "status": "complete",
    "url": None,
    "amount": 12000,
    "currency": "USD",
    "discount": 0,
    "coupon": None,
    "promotion_code": None,
    "tax": 0,
    "tax_inclusive": False,
    "taxes": [],
    "allow_promotion_codes": True,
    "lines": [
        {
            "name": "Consultation, one hour",
            "price": None,
            "quantity": 1,
            "unit_amount": 12000,
            "amount": 12000,
            "discount": 0,
            "tax": 0,
        },
    ],
    "customer": "cus_01kbe8wv6pe2r9f3x7m5d0t1ad",
    "customer_email": "ada@example.com",
    "payment": PAYMENT_ID,
    "payment_status": "paid",
    "payment_link": None,
    "financing_offer": None,
    "financing_agreement": None,
    "shipping_options": [],
    "shipping_rate": None,
    "fulfillment": None,
    "success_url": SUCCESS_URL,
    "cancel_url": CANCEL_URL,
    "metadata": {"booking": "1042"},
    "expires_at": "2026-11-29T09:30:00+00:00",
    "created_at": CREATED,
    "completed_at": "2026-11-28T09:34:00+00:00",
}


class LineOut(BaseModel):
    """A line as it was when the session was made. Amounts in minor units."""

    name: Text
    price: str | None
    quantity: int
    unit_amount: int
    amount: int = Field(description="Before discount and tax.")
    discount: int = Field(description="Its share of the discount.")
    tax: int = Field(description="Its share of the tax.")


class TaxOut(BaseModel):
    """What one rate comes to, minor units."""

    name: str
    bps: int = Field(description="Basis points: 888 is 8.88 %.")
    amount: int


DISCOUNT: Any = Field(description="Off what is bought once, minor units.")
COUPON: Any = Field(description="What is redeemed with it; a subscription redeems its own.")
PROMOTION_CODE: Any = Field(description="As it was typed, whether it is good for anything or not.")
TAX: Any = Field(description="In the amount, of what is bought once and of sending it, minor units.")
TAX_INCLUSIVE: Any = Field(description="Whether its prices have the tax in them.")


class ShippingOptionOut(BaseModel):
    """A way to send it."""

    shipping_rate: str


class SessionOut(BaseModel):
    """A checkout session."""

    model_config = example(SESSION)

    id: str
    object: Literal["checkout_session"]
    mode: Literal[SESSION_MODES]  # type: ignore[valid-type]
    status: Literal[tuple(CHECKOUT_SESSION)]  # type: ignore[valid-type]
    url: str | None = Field(description="Send the shopper here, while it is open.")
    amount: int = Field(
        description="Its lines less the discount, and the tax where prices do not include it, as far as the address is known; "
        "minor units."
    )
    currency: str
    discount: int = DISCOUNT
    coupon: str | None = COUPON
    promotion_code: str | None = PROMOTION_CODE
    tax: int = TAX
    tax_inclusive: bool = TAX_INCLUSIVE
    taxes: list[TaxOut]
    allow_promotion_codes: bool
    lines: list[LineOut]
    customer: str | None
    customer_email: str | None
    payment: str | None = Field(description="The payment, once the shopper has tried.")
    payment_status: Literal["unpaid", "paid"]
    payment_link: str | None = Field(description="The payment link it came from.")
    financing_offer: str | None = Field(description="The plan you named, in mode `financing`.")
    financing_agreement: str | None = Field(
        description="The agreement the shopper has consented to; it runs once this is `complete`."
    )
    shipping_options: list[ShippingOptionOut]
    shipping_rate: str | None = Field(description="The one that is chosen; the cheapest to begin with.")
    fulfillment: Literal[tuple(FULFILLMENT)] | None = Field(  # type: ignore[valid-type]
        description="How far it is sent; null: nothing of it is sent by post."
    )
    success_url: str | None
    cancel_url: str | None
    metadata: dict[str, str]
    expires_at: str = Field(description="ISO 8601, UTC")
    created_at: str = Field(description="ISO 8601, UTC")
    completed_at: str | None


class SessionList(BaseModel):
    """A page of sessions."""

    model_config = example({"object": "list", "data": [SESSION], "has_more": False})

    object: Literal["list"]
    data: list[SessionOut]
    has_more: bool
