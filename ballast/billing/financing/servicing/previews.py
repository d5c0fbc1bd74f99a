"""What an act will do, before it is done: plain data to show, and the hash that the act must bring back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from ballast.billing.financing import balances, entries, standing
from ballast.billing.financing.balances import Balance
from ballast.billing.financing.servicing import consequences, plans
from ballast.billing.financing.servicing.consequences import Consequence
from ballast.billing.financing.servicing.plans import Plan
from ballast.billing.financing.terms import hash_of
from ballast.models import Installment

# Kind of act → what is told outside beside `financing.agreement.updated`, and by mail.
EVENT = "financing.agreement.updated"
MAIL = "plan_amended"
OWN_MAILS: Final[dict[str, tuple[str, ...]]] = {
    "card_changed": (),
    "written_off": ("agreement_charged_off",),
    "settled": ("agreement_settled",),
}


@dataclass(frozen=True)
class Line:
    """An installment before or after; minor units."""

    number: int
    kind: str
    due_on: date
    principal: int
    interest: int
    late_fee: int
    left: int
    status: str


@dataclass(frozen=True)
class Preview:
    """Minor units. `rebated`: interest that is not owed; `credited`: principal that is not; `waived`: late fees that are not.

    `hash` covers all of it and the agreement's state: an act that brings it does exactly this, or is refused.
    """

    agreement_id: str
    currency: str
    consequence: Consequence
    before: tuple[Line, ...]
    after: tuple[Line, ...]
    balance_before: Balance
    balance_after: Balance
    status_after: str
    mails: tuple[str, ...]
    events: tuple[str, ...]
    hash: str

    @property
    def rebated(self) -> int:
        """Interest, rebated or let off by a new schedule."""
        return -self.consequence.total("interest_rebated", "interest_waived", "rescheduled").interest

    @property
    def credited(self) -> int:
        """Principal that a refund takes off what is owed; not what goes back to a card."""
        changes = [one.parts.principal for one in self.consequence.changes if one.back is None]
        kinds = [one.kind for one in self.consequence.changes if one.back is None]
        return -sum(amount for amount, kind in zip(changes, kinds, strict=True) if kind == "principal_credited")

    @property
    def waived(self) -> int:
        """Late fees."""
        return -self.consequence.total("late_fee_waived").late_fee

    @property
    def written_off(self) -> int:
        """What a settlement leaves unpaid and nobody owes."""
        return -self.consequence.total("written_off").total

    @property
    def back(self) -> int:
        """To cards."""
        return sum(one.amount for one in self.consequence.back)


def draw(plan: Plan, wanted: Consequence) -> Preview:
    """What the consequence does to the plan."""
    after = applied(plan, wanted)
    before_lines, after_lines = lines(plan.installments), lines(after)
    status = wanted.status or standing.status_on(plan.agreement, after, plan.today)
    seen = {
        "agreement": _state(plan),
        "before": [_exact(one) for one in plan.installments],
        "after": [_exact(one) for one in after],
        "consequence": consequences.to_dict(wanted),
        "status": status,
    }
    return Preview(
        agreement_id=plan.agreement.id,
        currency=plan.agreement.currency,
        consequence=wanted,
        before=before_lines,
        after=after_lines,
        balance_before=balances.of(plan.installments),
        balance_after=balances.of(after),
        status_after=status,
        mails=_mails(wanted, status),
        events=_events(plan, wanted, status),
        hash=hash_of(seen),
    )


def applied(plan: Plan, wanted: Consequence) -> list[Installment]:
    """Copies of the installments as they are afterwards."""
    after = [plans.copy_of(one, plan.today) for one in plan.installments]
    after.extend(_blank(plan, added) for added in wanted.added)
    by_number = {one.number: one for one in after}
    for change in wanted.changes:
        entries.shift(by_number[change.number], change.kind, change.parts)
    for number, day in wanted.dates:
        by_number[number].due_on = day
    for one in after:
        one.status = standing.status_of(one, plan.today, False)
    return after


def _blank(plan: Plan, added: consequences.Added) -> Installment:
    names = ("principal", "interest", "late_fee", "principal_paid", "interest_paid", "late_fee_paid")
    none = dict.fromkeys((*names, "principal_credited", "interest_waived", "late_fee_waived", "failures"), 0)
    made = Installment(number=added.number, due_on=added.due_on, kind="scheduled", status="scheduled", **none)
    made.agreement_id = plan.agreement.id
    return made


def lines(installments: Sequence[Installment]) -> tuple[Line, ...]:
    """The schedule to show; an installment that came to nothing (its amount went to others) is left out."""
    return tuple(
        Line(one.number, one.kind, one.due_on, one.principal, one.interest, one.late_fee, one.left, one.status)
        for one in installments
        if one.amount
    )


def _exact(one: Installment) -> list[Any]:
    paid = (one.principal_paid, one.interest_paid, one.late_fee_paid)
    forgiven = (one.principal_credited, one.interest_waived, one.late_fee_waived)
    owed = (one.principal, one.interest, one.late_fee)
    return [one.number, one.kind, one.due_on.isoformat(), *owed, *paid, *forgiven]


def _state(plan: Plan) -> dict[str, Any]:
    agreement = plan.agreement
    return {
        "id": agreement.id,
        "status": agreement.status,
        "card": agreement.payment_method_id,
        "date_moves": agreement.date_moves,
        "paused_until": agreement.paused_until.isoformat() if agreement.paused_until else None,
    }


def _mails(wanted: Consequence, status: str) -> tuple[str, ...]:
    charged = ("receipt",) if wanted.charged else ()
    returned = ("refund",) * len(wanted.back)
    if status == "paid_off":
        return (*charged, *returned, "agreement_paid_off")
    own = OWN_MAILS.get(wanted.kind, (MAIL,))
    return (*charged, *returned, *own)


def _events(plan: Plan, wanted: Consequence, status: str) -> tuple[str, ...]:
    charged = ("payment_intent.succeeded",) if wanted.charged else ()
    returned = ("refund.created",) * len(wanted.back)
    moved = (f"financing.agreement.{_told(status)}",) if status != plan.agreement.status else ()
    return (*charged, *returned, EVENT, *moved)


def _told(status: str) -> str:
    return "activated" if status == "active" else status
