"""What the API takes and answers about financing offers and quotes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool, StrictInt, StrictStr, StringConstraints

from ballast.billing.financing.offers import LONGEST, MOST_LISTED
from ballast.billing.financing.terms import BOUNDS
from ballast.blueprints.api.catalog_schemas import CREATED, PRODUCT_ID
from ballast.blueprints.api.fields import (
    Country,
    Currency,
    CustomerId,
    ListQuery,
    Metadata,
    MetadataPatch,
    OfferId,
    ProductId,
    Strict,
    example,
)
from ballast.models.financing_offers import OFFER_INTERVALS, PREPAYMENTS
from ballast.models.states import OFFER
from ballast.money import BPS, MAX_AMOUNT

OFFER_ID = "offer_01kbe8wv6pe2r9f3x7m5d0t1bj"
Name = Annotated[StrictStr, StringConstraints(min_length=1, max_length=LONGEST["name"], strip_whitespace=True)]
Amount = Annotated[StrictInt, Field(ge=1, le=MAX_AMOUNT)]
Products = Annotated[list[ProductId], Field(max_length=MOST_LISTED)]


def number(name: str, otherwise: int | None, says: str = "") -> Any:
    """A number of the terms, within its bounds."""
    least, most = BOUNDS[name]
    return Field(default=otherwise, ge=least, le=most, description=says or None)


# --- Offers ------------------------------------------------------------------------------------------------------------------


class OfferTermsIn(Strict):
    """What may be left out: nothing is charged for credit, monthly, everywhere, for everything."""

    description: Annotated[StrictStr, StringConstraints(max_length=LONGEST["description"])] = ""
    interval: Literal[OFFER_INTERVALS] = "month"  # type: ignore[valid-type]
    interval_count: StrictInt = Field(default=1, ge=1, le=365, description="2 and `week`: every two weeks.")
    rate_bps: StrictInt = number("rate_bps", 0, "Nominal yearly rate in basis points.")
    down_payment_bps: StrictInt = number("down_payment_bps", 0, "Of the price.")
    down_payment_amount: StrictInt = number("down_payment_amount", 0, "Or an amount.")
    fee_bps: StrictInt = number("fee_bps", 0, "Origination fee, of the price less the down payment.")
    fee_amount: StrictInt = number("fee_amount", 0, "Or an amount.")
    fee_financed: StrictBool = Field(default=False, description="Part of the payments; else paid today.")
    late_fee_bps: StrictInt = number("late_fee_bps", 0, "Of what is overdue, once for an installment.")
    late_fee_amount: StrictInt = number("late_fee_amount", 0, "Or an amount.")
    late_fee_cap: StrictInt | None = number("late_fee_cap", None, "The most a late fee comes to.")
    grace_days: StrictInt = number("grace_days", 10, "Days late before the late fee.")
    first_due_days: StrictInt | None = number("first_due_days", None, "Days after the start; else one interval.")
    first_due_day: StrictInt | None = number("first_due_day", None, "Or a day of the month, at least half away.")
    prepayment: Literal[PREPAYMENTS] = Field(  # type: ignore[valid-type]
        default="rebate", description="Whether an early payoff takes back interest not yet earned."
    )
    default_after_days: StrictInt = Field(default=90, ge=1, le=365, description="Days past due.")
    accelerates: StrictBool = Field(default=False, description="In default all of it is due at once.")
    countries: list[Country] = Field(
        default_factory=list,
        max_length=MOST_LISTED,
        description="Where it is offered; everywhere if empty. A sale whose country is not known is then not offered it.",
    )
    products: Products = Field(default_factory=list, description="What it pays for; everything if empty.")
    customer_cap: Amount | None = Field(default=None, description="The most one customer may owe under it.")
    exposure_cap: Amount | None = Field(default=None, description="The most all together may owe under it.")
    expected_loss_bps: StrictInt = Field(
        default=0, ge=0, le=BPS, description="What you reckon to lose, of what is owed."
    )
    position: StrictInt = Field(default=0, ge=0, le=100_000, description="Its place among offers, the least first.")


class OfferCreate(OfferTermsIn):
    """A plan in installments."""

    model_config = example(
        {
            "name": "Pay in 4",
            "currency": "USD",
            "installments": 3,
            "down_payment_bps": 2500,
            "minimum_amount": 5000,
            "maximum_amount": 100000,
        },
        "forbid",
    )

    name: Name = Field(description="As shoppers see it.")
    currency: Currency = Field(description="It stays: in another one it is another offer.")
    installments: StrictInt = Field(
        ge=BOUNDS["installments"][0], le=BOUNDS["installments"][1], description="After the down payment."
    )
    minimum_amount: Amount = Field(description="The least price it pays for.")
    maximum_amount: Amount
    metadata: Metadata = Field(default_factory=dict)


class OfferPatch(OfferTermsIn):
    """What is to change; what is left out stays. Agreements keep what was agreed."""

    model_config = example({"maximum_amount": 150000}, "forbid")

    name: Name = Field(default_factory=str)
    installments: StrictInt = Field(default=2, ge=BOUNDS["installments"][0], le=BOUNDS["installments"][1])
    minimum_amount: Amount = 1
    maximum_amount: Amount = 1
    metadata: MetadataPatch = Field(default_factory=dict)


class OfferAct(Strict):
    """Nothing to say, so far."""

    model_config = example({}, "forbid")


class OfferPath(BaseModel):
    """Which offer."""

    offer_id: str = Field(description="`offer_…`", json_schema_extra={"example": OFFER_ID})


class OfferQuery(ListQuery[OfferId]):
    """Which offers."""

    status: Literal[tuple(OFFER)] | None = None  # type: ignore[valid-type]
    currency: Currency | None = None


OFFER_EXAMPLE = {
    "id": OFFER_ID,
    "object": "financing_offer",
    "name": "Pay in 4",
    "description": "",
    "status": "published",
    "currency": "USD",
    "installments": 3,
    "interval": "month",
    "interval_count": 1,
    "rate_bps": 0,
    "down_payment_bps": 2500,
    "down_payment_amount": 0,
    "fee_bps": 0,
    "fee_amount": 0,
    "fee_financed": False,
    "minimum_amount": 5000,
    "maximum_amount": 100000,
    "late_fee_bps": 0,
    "late_fee_amount": 0,
    "late_fee_cap": None,
    "grace_days": 10,
    "first_due_days": None,
    "first_due_day": None,
    "prepayment": "rebate",
    "default_after_days": 90,
    "accelerates": False,
    "countries": [],
    "products": [PRODUCT_ID],
    "customer_cap": None,
    "exposure_cap": 5000000,
    "expected_loss_bps": 200,
    "position": 0,
    "metadata": {},
    "created_at": CREATED,
    "published_at": CREATED,
    "archived_at": None,
}


class OfferOut(BaseModel):
    """A plan in installments, as it is offered now."""

    model_config = example(OFFER_EXAMPLE)

    id: str
    object: Literal["financing_offer"]
    name: str
    description: str
    status: Literal[tuple(OFFER)]  # type: ignore[valid-type]
    currency: str
    installments: int
    interval: Literal[OFFER_INTERVALS]  # type: ignore[valid-type]
    interval_count: int
    rate_bps: int
    down_payment_bps: int
    down_payment_amount: int
    fee_bps: int
    fee_amount: int
    fee_financed: bool
    minimum_amount: int
    maximum_amount: int
    late_fee_bps: int
    late_fee_amount: int
    late_fee_cap: int | None
    grace_days: int
    first_due_days: int | None
    first_due_day: int | None
    prepayment: Literal[PREPAYMENTS]  # type: ignore[valid-type]
    default_after_days: int
    accelerates: bool
    countries: list[str]
    products: list[str]
    customer_cap: int | None
    exposure_cap: int | None
    expected_loss_bps: int
    position: int
    metadata: dict[str, str]
    created_at: str = Field(description="ISO 8601, UTC")
    published_at: str | None
    archived_at: str | None


class OfferList(BaseModel):
    """A page of offers."""

    model_config = example({"object": "list", "data": [OFFER_EXAMPLE], "has_more": False})

    object: Literal["list"]
    data: list[OfferOut]
    has_more: bool


# --- Quotes ------------------------------------------------------------------------------------------------------------------


class QuoteCreate(Strict):
    """What is to be paid in parts."""

    model_config = example({"amount": 64000, "currency": "USD"}, "forbid")

    amount: Amount = Field(description="The price, minor units.")
    currency: Currency
    offer: OfferId | None = Field(default=None, description="`offer_…`; else every offer the sale is eligible for.")
    country: Country | None = Field(default=None, description="Where the shopper is. ISO 3166.")
    products: Products = Field(
        default_factory=list, description="All that is bought, for offers of some products only."
    )
    customer: CustomerId | None = Field(default=None, description="`cus_…`: their own cap counts, and a hold.")
    disclosure: StrictBool = Field(default=False, description="Add the disclosure (12 CFR 1026.18) as HTML.")


class QuoteLine(BaseModel):
    """One installment."""

    number: int
    due_on: str
    amount: int
    principal: int
    interest: int
    balance: int = Field(description="What is left of the principal after it.")


QUOTE_EXAMPLE = {
    "object": "financing_quote",
    "offer": OFFER_ID,
    "name": "Pay in 4",
    "amount": 64000,
    "currency": "USD",
    "start_on": "2026-11-28",
    "due_today": 16000,
    "down_payment": 16000,
    "fee_upfront": 0,
    "fee_financed": 0,
    "principal": 48000,
    "interest": 0,
    "amount_financed": 48000,
    "finance_charge": 0,
    "apr": "0.00",
    "payment": 16000,
    "total_of_payments": 48000,
    "total_sale_price": 64000,
    "installments": [
        {"number": 1, "due_on": "2026-12-28", "amount": 16000, "principal": 16000, "interest": 0, "balance": 32000},
        {"number": 2, "due_on": "2027-01-28", "amount": 16000, "principal": 16000, "interest": 0, "balance": 16000},
        {"number": 3, "due_on": "2027-02-28", "amount": 16000, "principal": 16000, "interest": 0, "balance": 0},
    ],
    "disclosure": None,
}


class QuoteOut(BaseModel):
    """What a price costs on an offer, from today. It binds nobody: it is made anew when the shopper consents."""

    model_config = example(QUOTE_EXAMPLE)

    object: Literal["financing_quote"]
    offer: str
    name: str
    amount: int
    currency: str
    start_on: str = Field(description="The day interest begins, where your organization is.")
    due_today: int = Field(description="Down payment and up-front fee.")
    down_payment: int
    fee_upfront: int
    fee_financed: int
    principal: int = Field(description="The note: what the installments repay.")
    interest: int
    amount_financed: int
    finance_charge: int
    apr: str = Field(description="Annual percentage rate, percent, two decimals.")
    payment: int = Field(description="The usual installment; the last may differ.")
    total_of_payments: int
    total_sale_price: int
    installments: list[QuoteLine]
    disclosure: str | None


class QuoteList(BaseModel):
    """The quotes, in the order of the offers."""

    model_config = example({"object": "list", "data": [QUOTE_EXAMPLE], "has_more": False})

    object: Literal["list"]
    data: list[QuoteOut]
    has_more: bool
