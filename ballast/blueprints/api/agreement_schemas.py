"""What the API takes and answers about running agreements and what is done to them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    WithJsonSchema,
)

from ballast.blueprints.api.catalog_schemas import CREATED
from ballast.blueprints.api.fields import CustomerId, ListQuery, Strict, Token, example
from ballast.blueprints.api.financing_schemas import OFFER_ID
from ballast.blueprints.api.people import CARD_ID, CUSTOMER_ID
from ballast.models.financing import AMENDMENT_KINDS
from ballast.models.states import AGREEMENT, INSTALLMENT
from ballast.money import MAX_AMOUNT

AGREEMENT_ID = "agr_01kbe8wv6pe2r9f3x7m5d0t1bk"
EXAMPLE_HASH = "9f2c4b7e1d0a6c3f8e5b2a9d7c4f1e0b6a3d8c5f2e9b7a4d1c0f6e3b8a5d2c9f"
EXAMPLE_DAY = "2027-01-15"
ORDER_ID = "ord_01kbe8wv6pe2r9f3x7m5d0t1bm"
_ID = "_[0-7][0-9a-hjkmnp-tv-z]{25}$"
AgreementId = Annotated[StrictStr, StringConstraints(pattern=f"^agr{_ID}")]
Amount = Annotated[StrictInt, Field(ge=1, le=MAX_AMOUNT)]
Number = Annotated[StrictInt, Field(ge=1, le=1000)]
Why = Annotated[StrictStr, StringConstraints(max_length=500, strip_whitespace=True)]
BUCKETS = ("current", "1-29", "30-59", "60-89", "90+")


def _day(given: Any) -> Any:
    if not isinstance(given, str):
        raise ValueError("should be a date such as 2026-12-24")
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise ValueError("should be a date such as 2026-12-24") from error


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


class AgreementPath(BaseModel):
    """Which agreement."""

    agreement_id: str = Field(description="`agr_…`", json_schema_extra={"example": AGREEMENT_ID})


class AgreementQuery(ListQuery[AgreementId]):
    """Which agreements."""

    status: Literal[tuple(AGREEMENT) + ("cancelled",)] | None = None  # type: ignore[valid-type]
    customer: CustomerId | None = Field(default=None, description="`cus_…`")
    bucket: Literal[BUCKETS] | None = Field(default=None, description="Days past due.")  # type: ignore[valid-type]


# --- What is asked for; each without its hash for the preview, with it for the act ----------------------------------------------


class Acted(Strict):
    """What every act brings beside what its preview was asked."""

    preview_hash: Annotated[StrictStr, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="Of the preview that was looked at: exactly that is done, or nothing and a 409 `preview_outdated`."
    )
    reason: Why = Field(default="", description="Kept with the amendment.")


class PayoffPreview(Strict):
    """Until when the quote is to be good."""

    model_config = example({}, "forbid")

    good_until: Day | None = Field(default=None, description="Today if left out.")


class Payoff(Acted, PayoffPreview):
    """A payoff to charge. Send the `on` of its preview as `good_until`."""

    model_config = example({"preview_hash": EXAMPLE_HASH, "reason": "Asked for by phone"}, "forbid")

    payment_method: Token | None = Field(default=None, description="The plan's card if left out.")


class AgreementPaymentPreview(Strict):
    """Money ahead of its time, or money that came by another road."""

    model_config = example({"amount": 5000}, "forbid")

    amount: Amount | None = Field(default=None, description="Oldest first; the next installment, whole, if left out.")
    recorded: StrictBool = Field(default=False, description="It came by cash or transfer: no card is charged.")
    received_on: Day | None = Field(
        default=None, description="Of what is `recorded`: the day it came, today if left out."
    )


class AgreementPayment(Acted, AgreementPaymentPreview):
    """A payment to charge, or to write down."""

    model_config = example({"amount": 5000, "preview_hash": EXAMPLE_HASH}, "forbid")

    payment_method: Token | None = Field(default=None, description="The plan's card if left out.")


class DateMovePreview(Strict):
    """Another day for one installment."""

    model_config = example({"installment": 1, "to": EXAMPLE_DAY}, "forbid")

    installment: Number
    to: Day


class DateMove(Acted, DateMovePreview):
    """A date to move."""

    model_config = example({"installment": 1, "to": EXAMPLE_DAY, "preview_hash": EXAMPLE_HASH}, "forbid")


class AgreementPausePreview(Strict):
    """For how long nothing is due."""

    model_config = example({"months": 1}, "forbid")

    months: Annotated[StrictInt, Field(ge=1, le=24)]


class AgreementPause(Acted, AgreementPausePreview):
    """A pause."""

    model_config = example({"months": 1, "preview_hash": EXAMPLE_HASH, "reason": "Lost their job"}, "forbid")


class WaiverPreview(Strict):
    """Which late fee is let off."""

    model_config = example({"installment": 1}, "forbid")

    installment: Number | None = Field(default=None, description="All of them if left out.")


class Waiver(Acted, WaiverPreview):
    """A late fee to waive."""

    model_config = example({"installment": 1, "preview_hash": EXAMPLE_HASH}, "forbid")


class ReschedulePreview(Strict):
    """What is left, over other dates."""

    model_config = example({"installments": 6, "first_due_on": EXAMPLE_DAY}, "forbid")

    installments: Annotated[StrictInt, Field(ge=2, le=120)]
    first_due_on: Day
    interest: Annotated[StrictInt, Field(ge=0, le=MAX_AMOUNT)] | None = Field(
        default=None, description="What is left of it if left out; never more."
    )


class Reschedule(Acted, ReschedulePreview):
    """A new schedule."""

    model_config = example({"installments": 6, "first_due_on": EXAMPLE_DAY, "preview_hash": EXAMPLE_HASH}, "forbid")


class WriteOffPreview(Strict):
    """Nothing to say."""

    model_config = example({}, "forbid")


class WriteOff(Acted, WriteOffPreview):
    """A plan that is not expected to be paid."""

    model_config = example({"preview_hash": EXAMPLE_HASH, "reason": "Cannot be reached"}, "forbid")


class SettlementPreview(Strict):
    """An amount that is taken for all that is owed."""

    model_config = example({"amount": 2000}, "forbid")

    amount: Amount = Field(description="Less than what pays everything; the rest is written off.")
    recorded: StrictBool = Field(default=False, description="It came by cash or transfer: no card is charged.")


class Settlement(Acted, SettlementPreview):
    """A plan to settle for less."""

    model_config = example({"amount": 2000, "preview_hash": EXAMPLE_HASH, "reason": "Agreed by phone"}, "forbid")

    payment_method: Token | None = Field(default=None, description="The plan's card if left out.")


class AgreementCardPreview(Strict):
    """Another stored card."""

    model_config = example({"payment_method": CARD_ID}, "forbid")

    payment_method: Token = Field(description="`pm_…`, of the same customer.")


class AgreementCard(Acted, AgreementCardPreview):
    """A card to charge from now on."""

    model_config = example({"payment_method": CARD_ID, "preview_hash": EXAMPLE_HASH}, "forbid")


class AgreementRefundPreview(Strict):
    """How much of the price goes back."""

    model_config = example({"amount": 2500}, "forbid")

    amount: Amount | None = Field(default=None, description="All that has not gone back yet if left out.")


class AgreementRefund(Acted, AgreementRefundPreview):
    """A refund that sees to the plan first."""

    model_config = example({"amount": 2500, "preview_hash": EXAMPLE_HASH}, "forbid")


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
