"""What changes the balance of an agreement: one entry per fact and installment, and the installment's columns with it.

`entry` is the only function that changes what an installment owes, so the sum of the entries is the balance. Postgres allows an entry
once per source, kind and installment, and no installment to be paid or forgiven beyond what it comes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ballast.billing.financing.balances import unpaid
from ballast.db import db
from ballast.models import AgreementEntry, FinancingAgreement, Installment

# What a kind moves: what an installment comes to, what was paid of it, or what is owed no more.
OWED: Final = ("scheduled", "late_fee", "rescheduled", "reopened")
PAID: Final = ("payment", "payment_reversed")


@dataclass(frozen=True)
class Parts:
    """Signed minor units of each part; negative where less is owed."""

    principal: int = 0
    interest: int = 0
    late_fee: int = 0

    @property
    def total(self) -> int:
        return self.principal + self.interest + self.late_fee

    def __add__(self, other: Parts) -> Parts:
        return Parts(self.principal + other.principal, self.interest + other.interest, self.late_fee + other.late_fee)

    def __neg__(self) -> Parts:
        return Parts(-self.principal, -self.interest, -self.late_fee)


@dataclass(frozen=True)
class Fact:
    """Why a balance changes: one of ENTRY_KINDS, the id of what is behind it, the day it counts from, the payment if there is one."""

    kind: str
    source: str
    on: date
    payment_id: str | None = None


def entry(agreement: FinancingAgreement, installment: Installment, fact: Fact, parts: Parts) -> None:
    """Change what is left of an installment by `parts`. In the caller's transaction, with both rows locked."""
    if parts == Parts():
        return
    shift(installment, fact.kind, parts)
    _write(agreement, installment, fact, parts)


def shift(installment: Installment, kind: str, parts: Parts) -> None:
    """What an entry of that kind does to the columns of its installment. Writes nothing: previews try it on copies."""
    if kind in OWED:
        installment.principal += parts.principal
        installment.interest += parts.interest
        installment.late_fee += parts.late_fee
    elif kind in PAID:
        installment.principal_paid -= parts.principal
        installment.interest_paid -= parts.interest
        installment.late_fee_paid -= parts.late_fee
    else:
        installment.principal_credited -= parts.principal
        if kind == "written_off":
            installment.written_off -= parts.principal
        installment.interest_waived -= parts.interest
        installment.late_fee_waived -= parts.late_fee


def _write(agreement: FinancingAgreement, installment: Installment, fact: Fact, parts: Parts) -> None:
    db.session.add(
        AgreementEntry(
            organization_id=agreement.organization_id,
            agreement_id=agreement.id,
            installment_id=installment.id,
            kind=fact.kind,
            principal=parts.principal,
            interest=parts.interest,
            late_fee=parts.late_fee,
            source=fact.source,
            payment_id=fact.payment_id,
            effective_on=fact.on,
        )
    )


def allocate(installments: Sequence[Installment], amount: int) -> list[tuple[Installment, Parts]]:
    """What `amount` minor units received pay: the oldest due first; inside one late fee, then interest, then principal (facts.md,
    and the agreement's terms). Changes nothing; what is left over is the caller's to see (`amount` less the totals)."""
    paid: list[tuple[Installment, Parts]] = []
    for one in unpaid(installments):
        if not amount:
            break
        late_fee = min(amount, one.late_fee_left)
        interest = min(amount - late_fee, one.interest_left)
        principal = min(amount - late_fee - interest, one.principal_left)
        amount -= late_fee + interest + principal
        paid.append((one, Parts(-principal, -interest, -late_fee)))
    return paid


def receive(agreement: FinancingAgreement, installments: Sequence[Installment], amount: int, fact: Fact) -> int:
    """Allocate money that was received (minor units) and write it down; answers what is left over. With the rows locked."""
    for one, parts in allocate(installments, amount):
        entry(agreement, one, fact, parts)
        amount += parts.total
    return amount
