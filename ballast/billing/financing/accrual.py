"""The daily job that makes interest earned into income: once a day and agreement, for all days since the last time.

One transaction each: before its commit nothing was posted, after it `accrued_on` says up to when. A second run on the same day finds
it done; past that, the ledger takes one posting per agreement and day.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import DateTime, Interval, bindparam, cast, func, literal

from ballast import queue
from ballast.billing.financing import earning, rows
from ballast.billing.subscriptions.charging import due_rows, work
from ballast.db import transaction
from ballast.models import FinancingAgreement
from ballast.notifications.drain import drain

THREADS: Final = 4
# When the day after the one it is accrued up to begins, where the agreement is kept.
DUE_AT: Final = func.timezone(
    FinancingAgreement.timezone,
    cast(FinancingAgreement.accrued_on, DateTime()) + cast(literal(timedelta(days=1)), Interval()),
)


def accrue_due(organization_id: str | None = None) -> int:
    """Post what was earned since the last time. The job behind `queue.FINANCING_ACCRUAL`; answers how many agreements that were.

    `organization_id`: of that organization alone, which may have a clock of its own; the caller has set the clock then.
    """
    queue.forget_mark(queue.FINANCING_ACCRUAL)
    wanted = [bindparam("now", type_=DateTime(timezone=True)) >= DUE_AT]
    earning_ones = due_rows(FinancingAgreement, FinancingAgreement.accrued_on, organization_id, wanted)
    return drain("financing_accrual", lambda: work(earning_ones, accrue, THREADS), job=queue.FINANCING_ACCRUAL)


def accrue(organization_id: str, agreement_id: str) -> None:
    """Post what one agreement has earned since the last time, if a day has passed."""
    with transaction():
        agreement = rows.locked(organization_id, agreement_id)
        today = rows.today(agreement)
        if agreement.accrued_on is None or agreement.accrued_on >= today:
            return
        installments = rows.installments(agreement)
        earned = earning.earned_by(agreement, installments, today)
        earning.recognize(agreement, earned, f"{agreement.id}/{today.isoformat()}")
        over = all(one.due_on <= today for one in installments)
        agreement.accrued_on = None if over else today
