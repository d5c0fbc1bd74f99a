"""What a processor lists of a window of time: charges, refunds, and what it sent to the bank."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal


@dataclass(frozen=True)
class Listed:
    """A charge or refund in a window of time, as the processor lists it. `amount` is minor units.

    `status` of a charge: authorized, captured, canceled, failed or pending; of a refund: as in `RefundOutcome`. `captured`: what
    was taken of a charge, minor units, None where the list does not say. `fee`: what the processor kept of it, None while unknown.
    """

    kind: Literal["charge", "refund"]
    external_id: str
    reference: str | None
    amount: int
    currency: str
    status: str
    created_at: datetime
    captured: int | None = None
    fee: Fee | None = None

    @property
    def is_taken(self) -> bool:
        """Whether it is a charge whose money was taken."""
        return self.kind == "charge" and self.status == "captured"


@dataclass(frozen=True)
class Fee:
    """What a processor keeps of a charge, in the currency it settles in. Minor units."""

    amount: int
    currency: str


@dataclass(frozen=True)
class ListedPayout:
    """Money a processor sends to the merchant's bank. `amount` is minor units; `status`: in_transit, paid or failed."""

    external_id: str
    amount: int
    currency: str
    status: Literal["in_transit", "paid", "failed"]
    created_at: datetime
    arrives_on: date | None
