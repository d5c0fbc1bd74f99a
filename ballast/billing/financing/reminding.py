"""Telling customers of a plan ahead of time: of the next charge, of a card that expires. Once each, however often one asks.

One transaction each: before its commit nothing was written, after it the mail waits in its queue and the next reminder is set.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ballast import queue
from ballast.billing import card_expiry
from ballast.billing.financing import balances, letters, rows, standing
from ballast.billing.subscriptions.charging import due_rows, work
from ballast.billing.subscriptions.rehearsal import keys_due
from ballast.clock import now
from ballast.db import organization, transaction
from ballast.models import FinancingAgreement, Installment, PaymentMethod
from ballast.models.states import COLLECTED
from ballast.notifications.drain import drain

THREADS: Final = 4


def remind_due(organization_id: str | None = None) -> int:
    """Tell whoever is to be told now. The job behind `queue.FINANCING_REMIND`; answers how many agreements were looked at."""
    queue.forget_mark(queue.FINANCING_REMIND)
    coming = due_rows(FinancingAgreement, FinancingAgreement.next_reminder_at, organization_id)
    return drain("financing_reminders", lambda: work(coming, remind, THREADS), job=queue.FINANCING_REMIND)


def due_now(organization_id: str | None = None) -> list[tuple[str, str | None, datetime]]:
    """Who would be told of what is coming: agreement, address, and when it comes."""
    keys = keys_due(FinancingAgreement, FinancingAgreement.next_reminder_at, organization_id)
    return [found for owner, agreement_id in keys if (found := _coming(owner, agreement_id))]


def _coming(owner: str, agreement_id: str) -> tuple[str, str | None, datetime] | None:
    with organization(owner), transaction():
        agreement = rows.find(owner, agreement_id)
        coming = next_charge(agreement, rows.installments(agreement))
        return (agreement.id, rows.customer_of(agreement).email, coming.due_at) if coming else None


def remind(organization_id: str, agreement_id: str) -> None:
    """Write the mail of what is coming, if it still is."""
    with transaction():
        agreement = rows.locked(organization_id, agreement_id)
        if agreement.next_reminder_at is None or agreement.next_reminder_at > now():
            return
        installments = rows.locked_installments(agreement)
        agreement.next_reminder_at = None
        coming = next_charge(agreement, installments)
        if coming is not None and coming.due_at - standing.notice_of(agreement) <= now():
            letters.upcoming(agreement, coming, coming.due_at)
            rows.tell(coming, "financing.installment.upcoming")
        agreement.next_reminder_at = standing.next_reminder(agreement, installments)


def next_charge(agreement: FinancingAgreement, installments: list[Installment]) -> Installment | None:
    """The installment that is charged next by its date; None where none is, or the customer's charges are on hold."""
    if agreement.status not in COLLECTED or rows.customer_of(agreement).held_at is not None:
        return None
    coming = (one for one in balances.unpaid(installments) if one.due_at > now() and one.kind == "scheduled")
    return next(coming, None)


def warn_of_expiry(organization_id: str | None = None) -> int:
    """Mail the holders of cards that expire within a month and that a plan is charged to. Once a day; answers how many."""
    queue.forget_mark(queue.FINANCING_CARD_EXPIRY)
    return card_expiry.warn(FinancingAgreement, COLLECTED, organization_id, _warn)


def _warn(owner: str, agreement_id: str, card: PaymentMethod, days: int) -> None:
    letters.card_expiring(rows.find(owner, agreement_id), card, days)
