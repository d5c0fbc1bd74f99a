"""What the API takes and answers about invoices and credit notes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, HttpUrl, StrictBool, StrictInt, StrictStr, StringConstraints

from ballast.blueprints.api.catalog_schemas import CREATED, PRICE_ID, Label
from ballast.blueprints.api.fields import (
    PAYMENT_ID,
    CreditNoteId,
    Currency,
    CustomerId,
    InvoiceId,
    ListQuery,
    Metadata,
    Strict,
    SubscriptionId,
    Token,
    example,
)
from ballast.blueprints.api.people import CUSTOMER_ID
from ballast.blueprints.api.schemas import PaymentOut
from ballast.models.customers import PROCESSORS
from ballast.models.invoices import BILLING_REASONS, CREDIT_REASONS
from ballast.models.states import CREDIT_NOTE, INVOICE
from ballast.models.subscriptions import MAX_SEATS
from ballast.money import MAX_AMOUNT

SUBSCRIPTION_ID = "sub_01kbe8wv6pe2r9f3x7m5d0t1bf"
INVOICE_ID = "in_01kbe8wv6pe2r9f3x7m5d0t1bg"
CREDIT_NOTE_ID = "cn_01kbe8wv6pe2r9f3x7m5d0t1bh"
MONTH = {"period_start": "2026-11-28T09:30:00+00:00", "period_end": "2026-12-28T09:30:00+00:00"}
Memo = Annotated[StrictStr, StringConstraints(max_length=1000, strip_whitespace=True)]

# --- Invoices ----------------------------------------------------------------------------------------------------------------


class InvoiceLineCreate(Strict):
    """So many of a one-time price, or of something that you describe."""

    price: Token | None = Field(default=None, description="`price_…`, one that is paid once.")
    description: Label | None = Field(default=None, description="With `amount`, instead of a price.")
    amount: StrictInt | None = Field(default=None, ge=1, le=MAX_AMOUNT, description="Minor units, for each.")
    quantity: StrictInt = Field(default=1, ge=1, le=MAX_SEATS)


class InvoiceCreate(Strict):
    """An invoice by hand."""

    model_config = example(
        {
            "customer": CUSTOMER_ID,
            "currency": "USD",
            "lines": [{"description": "Training, half a day", "amount": 45000, "quantity": 2}],
        },
        "forbid",
    )

    customer: Token = Field(description="`cus_…`")
    currency: Currency = Field(description="That of all its lines.")
    lines: list[InvoiceLineCreate] = Field(min_length=1, max_length=100)
    metadata: Metadata = Field(default_factory=dict)


class InvoicePay(Strict):
    """With what it is paid."""

    model_config = example({"payment_method": "pm_card_visa"}, "forbid")

    payment_method: Token | None = Field(
        default=None, description="A stored card (`pm_…`) or a processor's token; the card that is stored if left out."
    )
    processor: Literal[PROCESSORS] | None = Field(  # type: ignore[valid-type]
        default=None, description="Where the token is from, if not from your default account."
    )
    save_payment_method: StrictBool = Field(
        default=False, description="Store the card; a subscription without one keeps it anyway."
    )
    return_url: HttpUrl | None = Field(default=None, description="Where a 3-D Secure challenge leads back to.")


class InvoiceVoid(Strict):
    """Nothing to say, so far."""

    model_config = example({}, "forbid")


class InvoiceMarkUncollectible(Strict):
    """Nothing to say, so far."""

    model_config = example({}, "forbid")


class InvoicePath(BaseModel):
    """Which invoice."""

    invoice_id: str = Field(description="`in_…`", json_schema_extra={"example": INVOICE_ID})


class InvoiceExpand(Strict):
    """What to answer with it."""

    expand: Annotated[
        list[Literal["payment"]],
        Field(default_factory=list, alias="expand[]", max_length=1, description="`payment`, in place of its id."),
    ]


class InvoiceQuery(ListQuery[InvoiceId]):
    """Which invoices."""

    status: Literal[tuple(INVOICE)] | None = None  # type: ignore[valid-type]
    customer: CustomerId | None = Field(default=None, description="`cus_…`")
    subscription: SubscriptionId | None = Field(default=None, description="`sub_…`")


class UpcomingQuery(Strict):
    """Whose next invoice."""

    subscription: SubscriptionId = Field(description="`sub_…`", json_schema_extra={"example": SUBSCRIPTION_ID})


class TaxApplied(BaseModel):
    """A tax rate as it stood."""

    name: str
    bps: int
    inclusive: bool


LINE = {
    "description": "Coffee club",
    "price": PRICE_ID,
    "quantity": 1,
    "unit_amount": 2400,
    "amount": 2400,
    "discount": 0,
    "tax": 0,
    "proration": False,
    **MONTH,
}


class PreviewLine(BaseModel):
    """A line of an invoice to come. Amounts in minor units, negative for a credit."""

    description: str
    price: str | None
    quantity: int
    unit_amount: int
    amount: int
    discount: int
    tax: int
    proration: bool
    period_start: str | None
    period_end: str | None


class InvoiceLineOut(PreviewLine):
    """A line, frozen."""

    id: str
    object: Literal["invoice_line"]


FIGURES = {
    "currency": "USD",
    "subtotal": 2400,
    "discount": 0,
    "tax": 0,
    "tax_rate": None,
    "total": 2400,
    "credit_applied": 0,
    "amount_due": 2400,
}


class FiguresOut(BaseModel):
    """What an invoice comes to, minor units."""

    currency: str
    subtotal: int
    discount: int
    tax: int
    tax_rate: TaxApplied | None
    total: int = Field(description="Negative where the customer is owed something.")
    credit_applied: int = Field(description="Taken from the customer's credit.")
    amount_due: int


class InvoicePreviewOut(FiguresOut):
    """An invoice to come."""

    object: Literal["invoice_preview"]
    lines: list[PreviewLine]


UPCOMING = {"object": "invoice_preview", **FIGURES, "lines": [LINE], "at": MONTH["period_start"], **MONTH}


class UpcomingOut(InvoicePreviewOut):
    """An invoice to come, and when."""

    model_config = example(UPCOMING)

    at: str = Field(description="When it is billed; ISO 8601, UTC.")
    period_start: str
    period_end: str


INVOICE_EXAMPLE = {
    "id": INVOICE_ID,
    "object": "invoice",
    "number": "ACME-000042",
    "status": "paid",
    "billing_reason": "subscription_create",
    "customer": CUSTOMER_ID,
    "subscription": SUBSCRIPTION_ID,
    "payment": PAYMENT_ID,
    **FIGURES,
    "amount_paid": 2400,
    "amount_credited": 0,
    **MONTH,
    "failures": 0,
    "next_attempt_at": None,
    "hosted_url": "https://pay.example/invoices/sT4kcq9s…",
    "metadata": {},
    "created_at": CREATED,
    "finalized_at": CREATED,
    "paid_at": CREATED,
}


class InvoiceOut(FiguresOut):
    """What a customer is asked to pay."""

    model_config = example(INVOICE_EXAMPLE)

    id: str
    object: Literal["invoice"]
    number: str | None = Field(description="Without gaps, in the order of finalizing.")
    status: Literal[tuple(INVOICE)]  # type: ignore[valid-type]
    billing_reason: Literal[BILLING_REASONS]  # type: ignore[valid-type]
    customer: str
    subscription: str | None
    payment: str | PaymentOut | None = Field(description="Its id, or all of it with `expand[]=payment`.")
    amount_paid: int = Field(description="Nothing, or all that was due.")
    amount_credited: int = Field(description="By credit notes.")
    period_start: str | None
    period_end: str | None
    failures: int = Field(description="Tries that were declined.")
    next_attempt_at: str | None
    hosted_url: str = Field(description="The page your customer pays on.")
    metadata: dict[str, str]
    created_at: str = Field(description="ISO 8601, UTC")
    finalized_at: str | None
    paid_at: str | None
    lines: list[InvoiceLineOut] | None = Field(default=None, description="Where one invoice is answered.")


class InvoiceList(BaseModel):
    """A page of invoices."""

    model_config = example({"object": "list", "data": [INVOICE_EXAMPLE], "has_more": False})

    object: Literal["list"]
    data: list[InvoiceOut]
    has_more: bool


# --- Credit notes ------------------------------------------------------------------------------------------------------------


class CreditNoteCreate(Strict):
    """What is taken back of a paid invoice."""

    model_config = example(
        {"invoice": INVOICE_ID, "amount": 1000, "how": "credit", "reason": "product_unsatisfactory"}, "forbid"
    )

    invoice: Token = Field(description="`in_…`, one that is paid.")
    amount: StrictInt | None = Field(
        default=None, ge=1, le=MAX_AMOUNT, description="Minor units, tax included; all that is left if left out."
    )
    how: Literal["refund", "credit"] = Field(
        description="Back to the card, or as credit that the next invoice takes. A refund needs `refunds:write` too."
    )
    reason: Literal[CREDIT_REASONS] = "other"  # type: ignore[valid-type]
    memo: Memo = Field(default="", description="For your customer, on the credit note.")


class CreditNotePath(BaseModel):
    """Which credit note."""

    credit_note_id: str = Field(description="`cn_…`", json_schema_extra={"example": CREDIT_NOTE_ID})


class CreditNoteQuery(ListQuery[CreditNoteId]):
    """Which credit notes."""

    invoice: InvoiceId | None = Field(default=None, description="`in_…`")
    customer: CustomerId | None = Field(default=None, description="`cus_…`")


CREDIT_NOTE_EXAMPLE = {
    "id": CREDIT_NOTE_ID,
    "object": "credit_note",
    "number": "ACME-CN000007",
    "status": "issued",
    "invoice": INVOICE_ID,
    "customer": CUSTOMER_ID,
    "refund": None,
    "amount": 1000,
    "tax": 0,
    "currency": "USD",
    "reason": "product_unsatisfactory",
    "memo": "",
    "created_at": CREATED,
}


class CreditNoteOut(BaseModel):
    """An invoice taken back, in part or whole."""

    model_config = example(CREDIT_NOTE_EXAMPLE)

    id: str
    object: Literal["credit_note"]
    number: str = Field(description="Without gaps.")
    status: Literal[tuple(CREDIT_NOTE)] = Field(description="`void`: its refund did not go.")  # type: ignore[valid-type]
    invoice: str
    customer: str
    refund: str | None = Field(description="The refund that sends it; null where it was given as credit.")
    amount: int
    tax: int = Field(description="The part of `amount` that is tax.")
    currency: str
    reason: Literal[CREDIT_REASONS]  # type: ignore[valid-type]
    memo: str
    created_at: str = Field(description="ISO 8601, UTC")


class CreditNoteList(BaseModel):
    """A page of credit notes."""

    model_config = example({"object": "list", "data": [CREDIT_NOTE_EXAMPLE], "has_more": False})

    object: Literal["list"]
    data: list[CreditNoteOut]
    has_more: bool
