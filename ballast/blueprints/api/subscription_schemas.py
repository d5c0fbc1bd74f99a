"""What the API takes and answers about subscriptions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, HttpUrl, StrictBool, StrictInt, StrictStr, StringConstraints

from ballast.blueprints.api.catalog_schemas import CREATED, PRICE_ID
from ballast.blueprints.api.discount_schemas import Code
from ballast.blueprints.api.fields import (
    Country,
    CustomerId,
    ListQuery,
    Metadata,
    MetadataPatch,
    Moment,
    PriceId,
    Strict,
    SubscriptionId,
    Token,
    example,
)
from ballast.blueprints.api.invoice_schemas import (
    FIGURES,
    INVOICE_ID,
    LINE,
    MONTH,
    SUBSCRIPTION_ID,
    UPCOMING,
    InvoiceOut,
    InvoicePreviewOut,
    UpcomingOut,
)
from ballast.blueprints.api.people import CARD_ID, CUSTOMER_ID, CustomerOut, Region
from ballast.models.customers import PROCESSORS
from ballast.models.states import SUBSCRIPTION
from ballast.models.subscriptions import MAX_SEATS

Seats = Annotated[StrictInt, Field(ge=1, le=MAX_SEATS)]
TrialDays = Annotated[StrictInt | None, Field(ge=0, le=730, description="The price's own if left out; 0 for none.")]
Why = Annotated[StrictStr, StringConstraints(max_length=500, strip_whitespace=True)]
Processor = Literal[PROCESSORS]  # type: ignore[valid-type]
ReturnUrl = Annotated[HttpUrl | None, Field(description="Where a 3-D Secure challenge leads back to.")]
Means = Annotated[
    Token | None,
    Field(description="A stored card (`pm_…`) or a processor's own token, never a card number."),
]
From_ = Annotated[Processor | None, Field(description="Where the token is from, if not from your default account.")]


class SubscriptionCreate(Strict):
    """A subscription to start."""

    model_config = example(
        {
            "customer": CUSTOMER_ID,
            "price": PRICE_ID,
            "quantity": 2,
            "payment_method": "pm_card_visa",
            "trial_days": 0,
            "metadata": {"seats_for": "sales"},
        },
        "forbid",
    )

    customer: Token = Field(description="`cus_…`")
    price: Token = Field(description="`price_…`, a recurring one.")
    quantity: Seats = 1
    payment_method: Means = None
    processor: From_ = None
    promotion_code: Code | None = Field(default=None, description="As your customer typed it.")
    coupon: Token | None = Field(default=None, description="`cpn_…`; not beside a promotion code.")
    trial_days: TrialDays = None
    return_url: ReturnUrl = None
    metadata: Metadata = Field(default_factory=dict)


class SubscriptionPreview(Strict):
    """A subscription to think about. Without a customer, `country` and `region` say the tax."""

    model_config = example({"price": PRICE_ID, "quantity": 2, "country": "US", "region": "NY"}, "forbid")

    price: Token = Field(description="`price_…`, a recurring one.")
    quantity: Seats = 1
    customer: Token | None = Field(default=None, description="`cus_…`")
    country: Country | None = None
    region: Region = ""
    promotion_code: Code | None = None
    coupon: Token | None = None
    trial_days: TrialDays = None


class SubscriptionPatch(Strict):
    """What may be changed without anything being billed."""

    model_config = example({"payment_method": CARD_ID, "metadata": {"seats_for": "support"}}, "forbid")

    payment_method: Token = Field(
        default_factory=str, description="A stored card of the customer; what is owed is charged to it at once."
    )
    metadata: MetadataPatch = Field(default_factory=dict)


class SubscriptionChangePreview(Strict):
    """Another price, another quantity, or both."""

    model_config = example({"quantity": 3}, "forbid")

    price: Token | None = Field(default=None, description="`price_…`; the present one if left out.")
    quantity: Seats | None = Field(default=None, description="The present one if left out.")
    when: Literal["now", "renewal"] = Field(default="now", description="Now and prorated, or from the next period on.")
    at: Moment | None = Field(default=None, description="The instant of an earlier preview, within the hour.")


class SubscriptionChange(SubscriptionChangePreview):
    """A change to make, and with what it is paid."""

    model_config = example({"quantity": 3}, "forbid")

    payment_method: Means = None
    processor: From_ = None
    return_url: ReturnUrl = None


class SubscriptionCancel(Strict):
    """When it ends, and why."""

    model_config = example({"at_period_end": True, "reason": "Moving abroad"}, "forbid")

    at_period_end: StrictBool = True
    prorate: StrictBool = Field(default=False, description="Ending now, what is left of the period becomes credit.")
    reason: Why | None = None


class SubscriptionKeep(Strict):
    """Nothing to say, so far."""

    model_config = example({}, "forbid")


class SubscriptionPause(Strict):
    """Until when it rests."""

    model_config = example({}, "forbid")

    resumes_at: Moment | None = Field(default=None, description="ISO 8601; until you resume it if left out.")


class SubscriptionResume(Strict):
    """Nothing to say, so far."""

    model_config = example({}, "forbid")


class SubscriptionPath(BaseModel):
    """Which subscription."""

    subscription_id: str = Field(description="`sub_…`", json_schema_extra={"example": SUBSCRIPTION_ID})


SubscriptionExpandable = Annotated[
    list[Literal["latest_invoice", "customer"]],
    Field(default_factory=list, alias="expand[]", max_length=2, description="Objects to put in place of their ids."),
]


class SubscriptionExpand(Strict):
    """What to answer with it."""

    expand: SubscriptionExpandable


class SubscriptionQuery(ListQuery[SubscriptionId]):
    """Which subscriptions."""

    status: Literal[tuple(SUBSCRIPTION) + ("cancelled",)] | None = None  # type: ignore[valid-type]
    customer: CustomerId | None = Field(default=None, description="`cus_…`")
    price: PriceId | None = Field(default=None, description="`price_…`")
    expand: SubscriptionExpandable


class PendingChange(BaseModel):
    """What is put off to the renewal."""

    price: str | None
    quantity: int | None


SUBSCRIPTION_EXAMPLE = {
    "id": SUBSCRIPTION_ID,
    "object": "subscription",
    "status": "active",
    "customer": CUSTOMER_ID,
    "payment_method": CARD_ID,
    "price": PRICE_ID,
    "quantity": 1,
    "currency": "USD",
    "timezone": "UTC",
    "billing_cycle_anchor": CREATED,
    "current_period_start": MONTH["period_start"],
    "current_period_end": MONTH["period_end"],
    "trial_end_at": None,
    "cancel_at_period_end": False,
    "canceled_at": None,
    "ended_at": None,
    "paused_at": None,
    "resumes_at": None,
    "pending_change": None,
    "coupon": None,
    "metadata": {},
    "created_at": CREATED,
    "latest_invoice": INVOICE_ID,
}


class SubscriptionOut(BaseModel):
    """A customer, a price times a quantity, and the periods it is billed for."""

    model_config = example(SUBSCRIPTION_EXAMPLE)

    id: str
    object: Literal["subscription"]
    status: Literal[tuple(SUBSCRIPTION)]  # type: ignore[valid-type]
    customer: str | CustomerOut = Field(description="Its id, or all of it with `expand[]=customer`.")
    payment_method: str | None = Field(description="The customer's default card if null.")
    price: str
    quantity: int
    currency: str
    timezone: str
    billing_cycle_anchor: str
    current_period_start: str
    current_period_end: str
    trial_end_at: str | None
    cancel_at_period_end: bool
    canceled_at: str | None
    ended_at: str | None
    paused_at: str | None
    resumes_at: str | None
    pending_change: PendingChange | None
    coupon: str | None
    metadata: dict[str, str]
    created_at: str = Field(description="ISO 8601, UTC")
    latest_invoice: str | InvoiceOut | None = Field(
        description="Its id, or all of it with `expand[]=latest_invoice`; all of it, payment included, on starting and changing."
    )


class SubscriptionList(BaseModel):
    """A page of subscriptions."""

    model_config = example({"object": "list", "data": [SUBSCRIPTION_EXAMPLE], "has_more": False})

    object: Literal["list"]
    data: list[SubscriptionOut]
    has_more: bool


class NextInvoice(BaseModel):
    """The invoice after the first, before any credit."""

    at: str
    total: int


class SubscriptionPreviewOut(BaseModel):
    """What starting would bill."""

    model_config = example(
        {
            "object": "subscription_preview",
            "price": PRICE_ID,
            "quantity": 1,
            "trial_end_at": None,
            "invoice": UPCOMING,
            "next": {"at": MONTH["period_end"], "total": 2400},
        }
    )

    object: Literal["subscription_preview"]
    price: str
    quantity: int
    trial_end_at: str | None
    invoice: UpcomingOut
    next: NextInvoice


class ChangePreviewOut(BaseModel):
    """What a change would bill. Sent back with `at`, it is billed to the cent."""

    model_config = example(
        {
            "object": "change_preview",
            "when": "now",
            "at": CREATED,
            "price": PRICE_ID,
            "quantity": 3,
            "amount_due": 2400,
            "credit": 0,
            "new_anchor": False,
            "period_end": MONTH["period_end"],
            "invoice": {"object": "invoice_preview", **FIGURES, "lines": [LINE]},
        }
    )

    object: Literal["change_preview"]
    when: Literal["now", "renewal"]
    at: str = Field(description="The instant it was drawn for.")
    price: str
    quantity: int
    amount_due: int = Field(description="Minor units to pay at `at`.")
    credit: int = Field(description="Minor units the customer is owed afterwards.")
    new_anchor: bool = Field(description="Periods are counted from `at` on.")
    period_end: str
    invoice: InvoicePreviewOut
