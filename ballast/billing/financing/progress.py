"""How far agreements have come: what was paid, what is left, what is charged next. One statement for however many agreements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final

from sqlalchemy import select

from ballast.billing.financing.standing import DONE
from ballast.db import db
from ballast.models import FinancingAgreement, Installment
from ballast.models.states import COLLECTED

# An installment's status → its segment of the load line.
SEGMENTS: Final = {
    **dict.fromkeys(DONE, "paid"),
    "late": "late",
    **dict.fromkeys(("due", "processing", "partially_paid"), "due"),
}


@dataclass(frozen=True)
class Progress:
    """Minor units. `paid`: what came in, the down payment and a fee paid up front included. `segments` of the load line, one a
    payment."""

    paid: int
    left: int
    segments: tuple[str, ...]
    next_on: date | None
    next_amount: int

    @property
    def total(self) -> int:
        """What it comes to in all, as it stands: what was forgiven or credited is in it no more."""
        return self.paid + self.left

    @property
    def payments_paid(self) -> int:
        return self.segments.count("paid")

    @property
    def words(self) -> str:
        """The load line for whoever cannot see it."""
        late = self.segments.count("late")
        return f"{self.payments_paid} of {len(self.segments)} payments made" + (f", {late} late" if late else "")


def paid() -> Any:
    """The column of what was paid of an installment, minor units."""
    return Installment.principal_paid + Installment.interest_paid + Installment.late_fee_paid


def left() -> Any:
    """The column of what is still owed of an installment, minor units."""
    owed = Installment.principal + Installment.interest + Installment.late_fee
    forgiven = Installment.principal_credited + Installment.interest_waived + Installment.late_fee_waived
    return owed - paid() - forgiven


def of_all(organization_id: str, agreements: Sequence[FinancingAgreement]) -> dict[str, Progress]:
    """Agreement id → its progress."""
    wanted = (
        select(
            Installment.agreement_id,
            Installment.status,
            Installment.due_on,
            paid().label("paid"),
            left().label("left"),
        )
        .where(
            Installment.organization_id == organization_id,
            Installment.agreement_id.in_([one.id for one in agreements]),
        )
        .order_by(Installment.agreement_id, Installment.number)
    )
    rows = db.session.execute(wanted) if agreements else ()
    found = {agreement_id: list(group) for agreement_id, group in groupby(rows, key=lambda row: row.agreement_id)}
    return {one.id: of(one, found.get(one.id, [])) for one in agreements}


def of(agreement: FinancingAgreement, rows: Iterable[Any]) -> Progress:
    """The progress from its installments in order: Installments, or rows with `status`, `due_on`, `paid` and `left`."""
    lines = list(rows)
    today = agreement.down_payment + agreement.terms["fee_upfront"]
    begun = agreement.activated_at is not None
    unpaid = [one for one in lines if one.left]
    coming = min(unpaid, key=lambda one: one.due_on, default=None) if agreement.status in COLLECTED else None
    head = (("paid",) if begun else ("due",)) if today else ()
    return Progress(
        paid=(today if begun else 0) + sum(one.paid for one in lines),
        left=(0 if begun else today) + sum(one.left for one in lines),
        segments=(*head, *(SEGMENTS.get(one.status, "") for one in lines)),
        next_on=coming.due_on if coming else None,
        next_amount=coming.left if coming else 0,
    )
