"""What staff may do to a plan, as forms: which fields each act asks for, what was typed made a decision, when it makes sense."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ballast.billing.financing import balances
from ballast.billing.financing.servicing import (
    dates,
    payoffs,
    plan_cards,
    plans,
    prepayments,
    recordings,
    relief,
    reschedules,
    returns,
    settlements,
)
from ballast.billing.financing.servicing.consequences import Consequence
from ballast.billing.financing.servicing.plans import Plan
from ballast.errors import InvalidRequest
from ballast.models import FinancingAgreement, Installment
from ballast.models.states import COLLECTED
from ballast.money import from_decimal

MOST_DIGITS: Final = 4


@dataclass(frozen=True)
class Typed:
    """What a form carried, by the names of its fields; amounts are in units of `currency`, as people write them."""

    values: Mapping[str, str]
    currency: str

    def text(self, name: str) -> str:
        return self.values.get(name, "").strip()

    def amount(self, name: str) -> int:
        """Minor units. Raises InvalidRequest."""
        try:
            return from_decimal(self.text(name), self.currency)
        except InvalidRequest as error:
            raise InvalidRequest(error.code, error.message, param=name) from error

    def day(self, name: str) -> date:
        """Raises InvalidRequest(`parameter_invalid`)."""
        try:
            return date.fromisoformat(self.text(name))
        except ValueError as error:
            raise InvalidRequest("parameter_invalid", "Enter a day such as 2026-12-24.", param=name) from error

    def number(self, name: str) -> int:
        """Raises InvalidRequest(`parameter_invalid`)."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
            raise InvalidRequest("parameter_invalid", "Enter a whole number.", param=name)
        return int(text)


@dataclass(frozen=True)
class Act:
    """`title` heads its pages, `says` explains it, `done` is said after it. `fields`: what it asks for, in order. `right`: who may.
    `is_final`: nothing brings it back."""

    title: str
    says: str
    done: str
    fields: tuple[str, ...]
    decide: Callable[[Plan, Typed], Consequence]
    is_possible: Callable[[FinancingAgreement, Sequence[Installment]], bool]
    right: str = "charge"
    is_final: bool = False


def _owed(agreement: FinancingAgreement, installments: Sequence[Installment]) -> bool:
    return agreement.activated_at is not None and any(one.left for one in installments)


def _chargeable(agreement: FinancingAgreement, installments: Sequence[Installment]) -> bool:
    return agreement.payment_method_id is not None and _owed(agreement, installments)


def _scheduled(agreement: FinancingAgreement, installments: Sequence[Installment]) -> bool:
    running = agreement.status in (*COLLECTED, "defaulted")
    return running and any(one.left for one in installments if one.kind == "scheduled")


def _with_fees(_agreement: FinancingAgreement, installments: Sequence[Installment]) -> bool:
    return any(one.late_fee_left for one in installments)


def _past_hope(agreement: FinancingAgreement, _installments: Sequence[Installment]) -> bool:
    return agreement.status in ("delinquent", "defaulted")


def _refundable(agreement: FinancingAgreement, _installments: Sequence[Installment]) -> bool:
    return agreement.activated_at is not None and agreement.status != "refunded"


# --- What was typed, as decisions --------------------------------------------------------------------------------------------


def _pay_off(plan: Plan, _typed: Typed) -> Consequence:
    return payoffs.decide(plan)


def _pay_next(plan: Plan, _typed: Typed) -> Consequence:
    return prepayments.next_installment(plan)


def _pay_extra(plan: Plan, typed: Typed) -> Consequence:
    return prepayments.extra(plan, typed.amount("amount"))  # noqa: S610  no Django here


def _record(plan: Plan, typed: Typed) -> Consequence:
    return recordings.decide(plan, typed.amount("amount"), typed.day("received_on"))


def _move(plan: Plan, typed: Typed) -> Consequence:
    return dates.move(plan, typed.number("installment"), typed.day("to"))


def _change_card(plan: Plan, typed: Typed) -> Consequence:
    if not typed.text("payment_method"):
        raise InvalidRequest("parameter_missing", "Choose a card.", param="payment_method")
    return plan_cards.change(plan, typed.text("payment_method"))


def _pause(plan: Plan, typed: Typed) -> Consequence:
    return dates.pause(plan, typed.number("months"))


def _waive(plan: Plan, typed: Typed) -> Consequence:
    return relief.waive(plan, typed.number("installment") if typed.text("installment") else None)


def _reschedule(plan: Plan, typed: Typed) -> Consequence:
    interest = typed.amount("interest") if typed.text("interest") else None
    return reschedules.decide(plan, typed.number("installments"), typed.day("first_due_on"), interest)


def _write_off(plan: Plan, _typed: Typed) -> Consequence:
    return relief.write_off(plan)


def _settle(plan: Plan, typed: Typed) -> Consequence:
    return settlements.decide(plan, typed.amount("amount"), recorded=typed.text("means") == "elsewhere")


def _refund(plan: Plan, typed: Typed) -> Consequence:
    return returns.decide(plan, typed.amount("amount") if typed.text("amount") else None)


ACTS: Final[dict[str, Act]] = {
    "next": Act(
        "Pay the next installment",
        "Charge the oldest installment that is owed to the plan’s card now.",
        "The installment is paid.",
        (),
        _pay_next,
        _chargeable,
    ),
    "extra": Act(
        "Extra payment",
        "Charge any amount to the plan’s card now. It pays the oldest installments first and changes no date.",
        "The payment is taken.",
        ("amount",),
        _pay_extra,
        _chargeable,
    ),
    "payoff": Act(
        "Pay off",
        "Charge all that is left to the plan’s card now, less the interest that is not earned yet where the terms say so.",
        "The plan is paid off.",
        (),
        _pay_off,
        _chargeable,
    ),
    "card": Act(
        "Change card",
        "Charge another of the customer’s stored cards from now on.",
        "The card is changed.",
        ("payment_method",),
        _change_card,
        _owed,
    ),
    "record": Act(
        "Record a payment",
        "Write down money that came another way, such as cash or a transfer, on the day it came.",
        "The payment is recorded.",
        ("amount", "received_on"),
        _record,
        _owed,
    ),
    "move": Act(
        "Move a date",
        "Have one installment fall due on another day. No interest is added.",
        "The date is moved.",
        ("installment", "to"),
        _move,
        _scheduled,
    ),
    "pause": Act(
        "Pause",
        "Charge nothing for some months, in hardship. Every date moves; no interest or fee is added.",
        "The plan is paused.",
        ("months",),
        _pause,
        _scheduled,
    ),
    "waive": Act(
        "Waive a late fee",
        "Take a late fee off what is owed.",
        "The late fee is waived.",
        ("installment",),
        _waive,
        _with_fees,
    ),
    "reschedule": Act(
        "Reschedule",
        "Spread what is left over another number of installments, for as much interest as was owed before or less.",
        "The plan has a new schedule.",
        ("installments", "first_due_on", "interest"),
        _reschedule,
        _scheduled,
    ),
    "refund": Act(
        "Refund",
        "Goods came back, all or in part. What is owed falls first; the rest goes back to the cards it came from.",
        "The refund is made.",
        ("amount",),
        _refund,
        _refundable,
        right="refund",
        is_final=True,
    ),
    "settle": Act(
        "Settle for less",
        "Take an amount you agreed on for all that is owed. The rest is written off, and nothing is owed any more.",
        "The plan is settled.",
        ("amount", "means"),
        _settle,
        _owed,
        is_final=True,
    ),
    "write-off": Act(
        "Write off",
        "Expect nothing of it any more. The debt stands, and what still comes in counts as recovered.",
        "The plan is written off.",
        (),
        _write_off,
        _past_hope,
        is_final=True,
    ),
}


def choices(name: str, agreement: FinancingAgreement, installments: Sequence[Installment]) -> list[Installment]:
    """The installments that an act may be about, the oldest due first."""
    if name == "move":
        return [one for one, _first, _last in dates.movable(plans.of(agreement, installments))]
    return [one for one in balances.unpaid(installments) if name != "waive" or one.late_fee_left]


def possible(agreement: FinancingAgreement, installments: Sequence[Installment]) -> list[str]:
    """Names of the acts that make sense as the plan stands; their preview has the last word."""
    return [name for name, act in ACTS.items() if act.is_possible(agreement, installments)]
