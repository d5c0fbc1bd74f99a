"""What the API takes and answers about orders."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictInt, StrictStr, StringConstraints

from ballast.billing.checkout_sessions import MOST_LINES
from ballast.billing.fulfillment import LONGEST_ADDRESS, LONGEST_NUMBER
from ballast.blueprints.api.fields import (
    PAYMENT_ID,
    CustomerId,
    From,
    ListQuery,
    OrderId,
    Strict,
    Text,
    Token,
    Until,
    example,
)
from ballast.blueprints.api.people import CREATED, CUSTOMER_ID
from ballast.blueprints.api.session_schemas import (
    COUPON,
    DISCOUNT,
    PROMOTION_CODE,
    SHIPPING_RATE_ID,
    TAX,
    TAX_INCLUSIVE,
    TaxOut,
)
from ballast.models.orders import LINE_KINDS, MAX_QUANTITY
from ballast.models.states import FULFILLMENT, ORDER

ORDER_ID = "ord_01kbe8wv6pe2r9f3x7m5d0t1bk"
LINE_ID = "ol_01kbe8wv6pe2r9f3x7m5d0t1bm"
Number = Annotated[StrictStr, StringConstraints(max_length=LONGEST_NUMBER, strip_whitespace=True)]


class ShipmentLineIn(Strict):
    """So many of a line of the order."""

    model_config = example({"line": LINE_ID, "quantity": 1}, "forbid")

    line: Token = Field(description="`ol_…`")
    quantity: StrictInt = Field(ge=1, le=MAX_QUANTITY)


class ShipmentCreate(Strict):
    """A parcel that has left."""

    model_config = example({"carrier": "UPS", "tracking_number": "1Z999AA10123456784"}, "forbid")

    lines: list[ShipmentLineIn] | None = Field(
        default=None, min_length=1, max_length=MOST_LINES, description="What is in it; all that is left, if left out."
    )
    carrier: Number = Field(default="", description="`UPS`, `FedEx`, `USPS`, `DHL`, or another name.")
    tracking_number: Number = ""
    tracking_url: Annotated[StrictStr, StringConstraints(max_length=LONGEST_ADDRESS)] | None = Field(
        default=None, description="https; the carrier's own if left out, where we know it."
    )


class OrderPath(BaseModel):
    """Which order."""

    order_id: str = Field(description="`ord_…`", json_schema_extra={"example": ORDER_ID})


class OrderQuery(ListQuery[OrderId]):
    """Which orders."""

    status: Literal[tuple(ORDER)] | None = None  # type: ignore[valid-type]
    fulfillment: Literal[tuple(FULFILLMENT)] | None = None  # type: ignore[valid-type]
    customer: CustomerId | None = Field(default=None, description="`cus_…`")
    from_: From | None = Field(default=None, alias="from", description="Created then or later; ISO 8601.")
    to: Until | None = Field(
        default=None, description="Created then or earlier; a date alone is its whole day, in UTC."
    )


ORDER_EXAMPLE: dict[str, Any] = {
    "id": ORDER_ID,
    "object": "order",
    "number": "5M7D0T1B",
    "status": "paid",
    "fulfillment": "fulfilled",
    "amount": 9581,
    "currency": "USD",
    "discount": 900,
    "coupon": "cpn_01kbe8wv6pe2r9f3x7m5d0t1bc",
    "promotion_code": "SPRING26",
    "tax": 781,
    "tax_inclusive": False,
    "taxes": [{"name": "Sales tax", "bps": 888, "amount": 781}],
    "lines": [
        {
            "id": LINE_ID,
            "type": "item",
            "name": "Kettle",
            "price": "price_01kbe8wv6pe2r9f3x7m5d0t1bb",
            "quantity": 1,
            "unit_amount": 9000,
            "amount": 9000,
            "discount": 900,
            "tax": 719,
            "shippable": True,
            "fulfilled": 1,
        },
        {
            "id": "ol_01kbe8wv6pe2r9f3x7m5d0t1bn",
            "type": "shipping",
            "name": "Delivery: Standard",
            "price": None,
            "quantity": 1,
            "unit_amount": 700,
            "amount": 700,
            "discount": 0,
            "tax": 62,
            "shippable": False,
            "fulfilled": 0,
        },
    ],
    "shipping_rate": SHIPPING_RATE_ID,
    "customer": CUSTOMER_ID,
    "email": "ada@example.com",
    "name": "Ada Okafor",
    "address": {
        "line1": "12 Mill Lane",
        "line2": "",
        "city": "Leeds",
        "region": "",
        "postal_code": "LS1 4AP",
        "country": "GB",
    },
    "payment": PAYMENT_ID,
    "created_at": CREATED,
    "paid_at": "2026-11-28T09:34:00+00:00",
    "shipments": [
        {
            "id": "ship_01kbe8wv6pe2r9f3x7m5d0t1bp",
            "carrier": "UPS",
            "tracking_number": "1Z999AA10123456784",
            "tracking_url": "https://www.ups.com/track?tracknum=1Z999AA10123456784",
            "lines": [{"line": LINE_ID, "quantity": 1}],
            "created_at": "2026-11-29T08:00:00+00:00",
        }
    ],
}


class OrderLineOut(BaseModel):
    """A line as it was when the order was made. Amounts in minor units."""

    id: str
    type: Literal[LINE_KINDS]  # type: ignore[valid-type]
    name: Text
    price: str | None
    quantity: int
    unit_amount: int
    amount: int = Field(description="Before discount and tax.")
    discount: int = Field(description="Its share of the order's.")
    tax: int = Field(description="Its share of the order's.")
    shippable: bool = Field(description="Sent by post.")
    fulfilled: int = Field(description="How many of it were sent.")


class ShipmentLineOut(BaseModel):
    """So many of a line."""

    line: str
    quantity: int


class ShipmentOut(BaseModel):
    """A parcel that was sent."""

    id: str
    carrier: str
    tracking_number: str
    tracking_url: str | None
    lines: list[ShipmentLineOut]
    created_at: str = Field(description="ISO 8601, UTC")


class AddressOut(BaseModel):
    """Where it goes, as it was typed."""

    line1: str
    line2: str
    city: str
    region: str
    postal_code: str
    country: str


class OrderOut(BaseModel):
    """What a shopper agreed to pay."""

    model_config = example(ORDER_EXAMPLE)

    id: str
    object: Literal["order"]
    number: str = Field(description="What a person reads out.")
    status: Literal[tuple(ORDER)]  # type: ignore[valid-type]
    fulfillment: Literal[tuple(FULFILLMENT)] | None = Field(  # type: ignore[valid-type]
        description="How far it is sent; null: nothing of it is sent by post."
    )
    amount: int = Field(
        description="Its lines less the discount, and the tax where prices do not include it; minor units."
    )
    currency: str
    discount: int = DISCOUNT
    coupon: str | None = COUPON
    promotion_code: str | None = PROMOTION_CODE
    tax: int = TAX
    tax_inclusive: bool = TAX_INCLUSIVE
    taxes: list[TaxOut]
    lines: list[OrderLineOut]
    shipping_rate: str | None
    customer: str | None
    email: str | None
    name: str | None
    address: AddressOut | None
    payment: str | None = Field(description="The payment, once the shopper has tried.")
    created_at: str = Field(description="ISO 8601, UTC")
    paid_at: str | None
    shipments: list[ShipmentOut]


class OrderList(BaseModel):
    """A page of orders."""

    model_config = example({"object": "list", "data": [ORDER_EXAMPLE], "has_more": False})

    object: Literal["list"]
    data: list[OrderOut]
    has_more: bool
