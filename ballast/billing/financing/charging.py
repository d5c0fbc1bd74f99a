"""The nightly run for installments, every few seconds: what is due is charged to its card.

Rows are claimed under a lease in batches, as for subscriptions and by the same code: those of organizations with a clock of their own
and of customers on hold are left out. Each is one short transaction of its own (see `collecting` for what happens if the process
dies); a lease that its process did not live to release runs out after five minutes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ballast import queue
from ballast.billing import pace
from ballast.billing.financing import collecting, rows
from ballast.billing.subscriptions.charging import due_rows, earliest, work
from ballast.billing.subscriptions.rows import card_of_row
from ballast.db import db
from ballast.models import FinancingAgreement, Installment, ProcessorAccount
from ballast.notifications.drain import drain

THREADS: Final = 16


def charge_due(organization_id: str | None = None) -> int:
    """Charge what is due now. The job behind `queue.CHARGE_FINANCING`; answers how many installments were taken.

    `organization_id`: of that organization alone, which may have a clock of its own; the caller has set the clock then.
    """
    queue.forget_mark(queue.CHARGE_FINANCING)
    waiting = due_rows(Installment, Installment.next_attempt_at, organization_id)
    return drain("charge_financing", lambda: work(waiting, _collect, THREADS), job=queue.CHARGE_FINANCING)


def _collect(organization_id: str, installment_id: str) -> None:
    """Charge it at its processor's pace."""
    account = _account_of(organization_id, installment_id)
    db.session.rollback()
    if account is not None:
        pace.wait(*account)
    collecting.collect(organization_id, installment_id)


def _account_of(organization_id: str, installment_id: str) -> tuple[str, str] | None:
    """The account, and its processor, that will be asked."""
    installment = db.session.get_one(Installment, (organization_id, installment_id))
    agreement = rows.find(organization_id, installment.agreement_id)
    card = card_of_row(agreement, rows.customer_of(agreement))
    if card is None:
        return None
    account = db.session.get_one(ProcessorAccount, (organization_id, card.processor_account_id))
    return account.id, account.processor


def next_due(organization_id: str) -> datetime | None:
    """When the next thing about a plan falls due for an organization, by its own clock; None when nothing is waiting.

    Interest is not waited for: it accrues whenever something else happens, for all days until then.
    """
    waiting = (
        (Installment, Installment.next_attempt_at),
        (FinancingAgreement, FinancingAgreement.next_action_at),
        (FinancingAgreement, FinancingAgreement.next_reminder_at),
    )
    return earliest(organization_id, waiting)
