"""What may be done to a financing agreement, as it is sent: each act with its preview."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    WithJsonSchema,
)

from ballast.blueprints.api.fields import Strict, Token, example
from ballast.blueprints.api.people import CARD_ID
from ballast.money import MAX_AMOUNT

EXAMPLE_HASH = "9f2c4b7e1d0a6c3f8e5b2a9d7c4f1e0b6a3d8c5f2e9b7a4d1c0f6e3b8a5d2c9f"
EXAMPLE_DAY = "2027-01-15"
Amount = Annotated[StrictInt, Field(ge=1, le=MAX_AMOUNT)]
Number = Annotated[StrictInt, Field(ge=1, le=1000)]
Why = Annotated[StrictStr, StringConstraints(max_length=500, strip_whitespace=True)]


def _day(given: Any) -> Any:
    if not isinstance(given, str):
        raise ValueError("should be a date such as 2026-12-24")
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise ValueError("should be a date such as 2026-12-24") from error


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


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
