"""What is owed of an agreement, by part, and how far it is behind. Pure: installments in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ballast.models import Installment

# Days past due → the name lenders give it.
BUCKETS: Final = (("current", 0), ("1-29", 29), ("30-59", 59), ("60-89", 89))


@dataclass(frozen=True)
class Balance:
    """Minor units."""

    principal: int
    interest: int
    late_fee: int

    @property
    def total(self) -> int:
        return self.principal + self.interest + self.late_fee


def of(installments: Sequence[Installment]) -> Balance:
    """All that is left of them, due or not."""
    return Balance(
        sum(one.principal_left for one in installments),
        sum(one.interest_left for one in installments),
        sum(one.late_fee_left for one in installments),
    )


def unpaid(installments: Sequence[Installment]) -> list[Installment]:
    """Those of which something is left, the oldest due first: the order in which money is allocated."""
    return sorted((one for one in installments if one.left), key=lambda one: (one.due_on, one.number))


def past_due_since(installments: Sequence[Installment], today: date) -> date | None:
    """The day the oldest of those that should have been paid by now was due; None where nothing is behind."""
    oldest = next(iter(unpaid(installments)), None)
    return oldest.due_on if oldest is not None and oldest.due_on < today else None


def days_past_due(since: date | None, today: date) -> int:
    """How many days it is behind; 0 where it is not."""
    return max((today - since).days, 0) if since else 0


def bucket(days: int) -> str:
    """The delinquency bucket of so many days past due: current, 1-29, 30-59, 60-89, 90+."""
    return next((name for name, last in BUCKETS if days <= last), "90+")
