"""What the API takes and answers about running agreements and what is done to them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    StrictStr,
    StringConstraints,
)

from ballast.blueprints.api.agreement_act_schemas import EXAMPLE_HASH
from ballast.blueprints.api.catalog_schemas import CREATED
from ballast.blueprints.api.fields import CustomerId, ListQuery, example
from ballast.blueprints.api.financing_schemas import OFFER_ID
from ballast.blueprints.api.people import CARD_ID, CUSTOMER_ID
from ballast.models.financing import AMENDMENT_KINDS
from ballast.models.states import AGREEMENT, INSTALLMENT

AGREEMENT_ID = "agr_01kbe8wv6pe2r9f3x7m5d0t1bk"
ORDER_ID = "ord_01kbe8wv6pe2r9f3x7m5d0t1bm"
_ID = "_[0-7][0-9a-hjkmnp-tv-z]{25}$"
AgreementId = Annotated[StrictStr, StringConstraints(pattern=f"^agr{_ID}")]
BUCKETS = ("current", "1-29", "30-59", "60-89", "90+")


class AgreementPath(BaseModel):
    """Which agreement."""

    agreement_id: str = Field(description="`agr_…`", json_schema_extra={"example": AGREEMENT_ID})


class AgreementQuery(ListQuery[AgreementId]):
    """Which agreements."""

    status: Literal[tuple(AGREEMENT) + ("cancelled",)] | None = None  # type: ignore[valid-type]
    customer: CustomerId | None = Field(default=None, description="`cus_…`")
    bucket: Literal[BUCKETS] | None = Field(default=None, description="Days past due.")  # type: ignore[valid-type]


# --- What is asked for; each without its hash for the preview, with it for the act ----------------------------------------------


# --- What is answered ----------------------------------------------------------------------------------------------------------


class PlanBalanceOut(BaseModel):
    """Minor units still owed, by part."""

    principal: int
    interest: int
    late_fee: int
    total: int


class InstallmentOut(BaseModel):
    """One payment of a plan; minor units. `amount` is `paid`, `forgiven` and `left` together."""

    id: str
    object: Literal["installment"]
    number: int
    kind: Literal["scheduled", "reopened"]
    status: Literal[tuple(INSTALLMENT)]  # type: ignore[valid-type]
    due_on: str
    principal: int
    interest: int
    late_fee: int
    amount: int
    paid: int
    forgiven: int = Field(description="Credited, rebated or waived: nobody has to pay it any more.")
    left: int
    payment: str | None
    paid_at: str | None


class AmendmentOut(BaseModel):
    """A change of a running agreement. `before` and `after`: schedule and balance."""

    id: str
    object: Literal["agreement_amendment"]
    number: int
    kind: Literal[AMENDMENT_KINDS]  # type: ignore[valid-type]
    preview_hash: str
    reason: str
    actor: str
    payment: str | None
    refund: str | None
    before: dict[str, Any]
    after: dict[str, Any]
    effective_at: str
    created_at: str


_BALANCE = {"principal": 48000, "interest": 0, "late_fee": 0, "total": 48000}
AGREEMENT_EXAMPLE = {
    "id": AGREEMENT_ID,
    "object": "financing_agreement",
    "status": "active",
    "customer": CUSTOMER_ID,
    "order": ORDER_ID,
    "offer": OFFER_ID,
    "payment_method": CARD_ID,
    "currency": "USD",
    "price": 64000,
    "down_payment": 16000,
    "fee": 0,
    "principal": 48000,
    "interest": 0,
    "balance": _BALANCE,
    "past_due_since": None,
    "paused_until": None,
    "installments": [],
    "terms_hash": EXAMPLE_HASH,
    "consented_at": CREATED,
    "activated_at": CREATED,
    "closed_at": None,
    "defaulted_at": None,
    "metadata": {},
    "created_at": CREATED,
}


class AgreementOut(BaseModel):
    """A plan a customer consented to, as it stands. Its terms never change; what is done to it is an amendment."""

    model_config = example(AGREEMENT_EXAMPLE)

    id: str
    object: Literal["financing_agreement"]
    status: Literal[tuple(AGREEMENT)]  # type: ignore[valid-type]
    customer: str
    order: str
    offer: str
    payment_method: str | None
    currency: str
    price: int
    down_payment: int
    fee: int
    principal: int
    interest: int
    balance: PlanBalanceOut
    past_due_since: str | None
    paused_until: str | None
    installments: list[InstallmentOut]
    amendments: list[AmendmentOut] = Field(default_factory=list, description="Of one agreement; not in a list.")
    terms_hash: str = Field(description="SHA-256 of the terms as they were agreed.")
    consented_at: str
    activated_at: str | None
    closed_at: str | None
    defaulted_at: str | None
    metadata: dict[str, str]
    created_at: str


class AgreementList(BaseModel):
    """A page of agreements."""

    model_config = example({"object": "list", "data": [AGREEMENT_EXAMPLE], "has_more": False})

    object: Literal["list"]
    data: list[AgreementOut]
    has_more: bool


class PlanPreviewLine(BaseModel):
    """An installment before or after."""

    number: int
    kind: Literal["scheduled", "reopened"]
    due_on: str
    principal: int
    interest: int
    late_fee: int
    left: int
    status: str


class LabeledLine(BaseModel):
    """A line to show to whoever decides."""

    label: str
    value: str


class PlanBackOut(BaseModel):
    """What goes back to the card of a payment."""

    payment: str
    amount: int
    card: str


class AgreementPreviewOut(BaseModel):
    """What an act will do, to the cent. Send `preview_hash` with the act."""

    model_config = example(
        {
            "object": "financing_preview",
            "agreement": AGREEMENT_ID,
            "kind": "payoff",
            "on": CREATED[:10],
            "currency": "USD",
            "charged": 48000,
            "recorded": 0,
            "credit": 0,
            "rebated": 0,
            "credited": 0,
            "waived": 0,
            "written_off": 0,
            "back": [],
            "balance_before": _BALANCE,
            "balance_after": {"principal": 0, "interest": 0, "late_fee": 0, "total": 0},
            "status_after": "paid_off",
            "before": [],
            "after": [],
            "lines": [{"label": "Charged now", "value": "$480.00"}],
            "mails": ["receipt", "agreement_paid_off"],
            "events": ["payment_intent.succeeded", "financing.agreement.paid_off"],
            "preview_hash": EXAMPLE_HASH,
        }
    )

    object: Literal["financing_preview"]
    agreement: str
    kind: Literal[AMENDMENT_KINDS]  # type: ignore[valid-type]
    on: str = Field(description="The day it counts from; of a payoff, the last day it is good.")
    currency: str
    charged: int = Field(description="Minor units taken from a card before anything else of it happens.")
    recorded: int
    credit: int = Field(description="Of what is paid, minor units that become the customer's credit.")
    rebated: int
    credited: int
    waived: int
    written_off: int = Field(description="What a settlement leaves unpaid.")
    back: list[PlanBackOut]
    balance_before: PlanBalanceOut
    balance_after: PlanBalanceOut
    status_after: Literal[tuple(AGREEMENT)]  # type: ignore[valid-type]
    before: list[PlanPreviewLine]
    after: list[PlanPreviewLine]
    lines: list[LabeledLine]
    mails: list[str]
    events: list[str]
    preview_hash: str
