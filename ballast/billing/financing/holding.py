"""A hold on a customer's charges, as a plan feels it: nothing is charged, nothing grows late, nothing comes all at once afterwards.

The first look that finds the customer held notes since when; the first one that finds them free moves the dates. Each is one
transaction: before its commit nothing of it happened, and the next look does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from ballast.billing.financing import amendments, letters, rows, standing
from ballast.billing.financing.balances import unpaid
from ballast.clock import now
from ballast.db import db
from ballast.models import FinancingAgreement, Installment, Organization

# How soon an agreement is looked at again whose customer's charges are on hold, or that waits for a payment under way.
HELD_WAIT: Final = timedelta(hours=6)
WAIT: Final = timedelta(minutes=10)


def stops(agreement: FinancingAgreement, installments: Sequence[Installment]) -> bool:
    """Whether a hold keeps the plan from going on now: its customer is held, or has just been released and the dates are moved.

    With the rows locked; notes what it finds. A payment that is under way is waited for.
    """
    customer = rows.customer_of(agreement)
    if customer.held_at is not None:
        agreement.held_at = agreement.held_at or _since(agreement, customer.held_at)
        agreement.next_action_at = now() + HELD_WAIT
        return True
    if agreement.held_at is None:
        return False
    if standing.claimed(agreement.organization_id, [one.id for one in installments]):
        agreement.next_action_at = now() + WAIT
        return True
    _release(agreement, installments, agreement.held_at)
    return True


def _since(agreement: FinancingAgreement, held_at: datetime) -> datetime:
    """The hold's beginning. It is in real time: an organization with a clock of its own counts from when it was noticed."""
    owner = db.session.get_one(Organization, agreement.organization_id)
    return now() if owner.clock_at is not None else min(held_at, now())


def _release(agreement: FinancingAgreement, installments: Sequence[Installment], held_at: datetime) -> None:
    """What fell due meanwhile is due after the usual notice, what follows keeps its distance; what was behind is as far behind."""
    today, began = rows.today(agreement), rows.day_of(agreement, held_at)
    agreement.held_at = None
    owed = [one for one in unpaid(installments) if one.kind == "scheduled"]
    later = _days_later(owed, began, today + standing.notice_of(agreement), today)
    before = amendments.dates(owed)
    for one in owed:
        days = (today - began).days if one.due_on < began else later
        _move(agreement, one, days, now() - held_at)
    agreement.next_action_at = None
    standing.refresh(agreement, installments)
    if amendments.dates(owed) == before:
        return
    amendments.add(agreement, "date_moved", before, amendments.dates(owed), "hold")
    rows.note(agreement, "financing_agreement.hold_released", {"held_since": held_at.isoformat()})
    letters.dates_moved(agreement, installments)


def _days_later(owed: Sequence[Installment], began: date, earliest: date, today: date) -> int:
    """By how many days everything moves that had not been due when the hold began: none where nothing fell due in it."""
    first = next((one.due_on for one in owed if one.due_on >= began), None)
    return (earliest - first).days if first is not None and first <= today else 0


def _move(agreement: FinancingAgreement, one: Installment, days: int, held_for: timedelta) -> None:
    one.due_on += timedelta(days=days)
    one.due_at = rows.begins(agreement, one.due_on)
    if one.first_failed_at is None:
        one.next_attempt_at = one.due_at if one.next_attempt_at is not None else None
        return
    one.first_failed_at += held_for
    if one.next_attempt_at is not None:
        one.next_attempt_at = max(one.next_attempt_at + held_for, now() + standing.notice_of(agreement))
