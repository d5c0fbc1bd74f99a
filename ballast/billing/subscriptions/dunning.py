"""Where dunning stands for a subscription, and what its policy comes to, said for a person to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select

from ballast.billing.order_payments import UNDER_WAY
from ballast.billing.retries import schedule
from ballast.clock import now
from ballast.models import Attempt, Invoice, Payment, Subscription
from ballast.models.states import RENEWING


@dataclass(frozen=True)
class Dunning:
    """An invoice that was declined. `dates`: the days of the schedule; `next_at`: when it is looked at again; `last`: what was
    declined last, None where no processor was asked."""

    invoice: Invoice
    dates: tuple[datetime, ...]
    end_status: str
    last: Attempt | None

    @property
    def next_at(self) -> datetime | None:
        return self.invoice.next_attempt_at

    @property
    def decline_class(self) -> str:
        return (self.last.decline_class if self.last else None) or "hard"

    @property
    def is_retried(self) -> bool:
        """Whether the card itself is tried again: a soft decline, or a card that was changed since."""
        return self.next_at is not None and self.decline_class in ("soft", "configuration")

    @property
    def number(self) -> int:
        """Which of the schedule's days comes next, from 1; more than there are once they are over."""
        return 1 + sum(1 for date in self.dates if self.next_at is None or date < self.next_at)

    @property
    def segments(self) -> list[str]:
        """The schedule as a load line: what has passed, what is next, what is to come."""
        return ["late" if date <= now() else "due" if date == self.next_at else "" for date in self.dates]


def read(owed: Sequence[Invoice], attempts: Sequence[Attempt], days: Sequence[int], end_status: str) -> Dunning | None:
    """Of the oldest invoice that is owed. `attempts`: newest first. None where nothing was declined."""
    if not owed:
        return None
    invoice = owed[0]
    declined = (one for one in attempts if one.payment_id == invoice.payment_id and one.status == "declined")
    return Dunning(invoice, schedule(invoice.first_failed_at or now(), days), end_status, next(declined, None))


def forgotten() -> tuple[ColumnElement[bool], ...]:
    """Which invoices were declined, are owed still, and are looked at by nobody: they have no date, and no charge is under way.

    None is, but for a mistake of ours.
    """
    paying = select(Payment.id).where(
        Payment.organization_id == Invoice.organization_id,
        Payment.id == Invoice.payment_id,
        Payment.status.in_(UNDER_WAY),
    )
    # What is `unpaid`, or has ended, is not charged any more.
    going_on = select(Subscription.id).where(
        Subscription.organization_id == Invoice.organization_id,
        Subscription.id == Invoice.subscription_id,
        Subscription.status.in_(RENEWING),
    )
    return (
        Invoice.status == "open",
        Invoice.first_failed_at.is_not(None),
        Invoice.next_attempt_at.is_(None),
        ~paying.correlate(Invoice).exists(),
        going_on.correlate(Invoice).exists(),
    )
