"""When a night begins, how far back it looks, which days no night could compare, and which one compares once more."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select, update

from ballast.clock import real_time
from ballast.db import db
from ballast.models import Attempt, ProcessorAccount, Reconciliation
from ballast.models.customers import account_behind

# When a day is over at the processors too: what was begun before midnight has its answer.
FROM: Final = time(1, 0, tzinfo=UTC)
# Drift, and a processor that gave no answer, are looked at again on so many nights; and days without a row are planned so far back.
NIGHTS: Final = timedelta(days=7)
DAY: Final = timedelta(days=1)
# A day that could not be compared is told of for so long. Then it is history.
TOLD: Final = timedelta(days=30)
# A processor lists a charge as of when it was made: as it was sent, or after its shopper's challenge, which lasts an hour.
LISTED_WITHIN: Final = timedelta(hours=2)


def start_of(day: date) -> datetime:
    """When the night that begins on `day` (UTC) begins."""
    return datetime.combine(day, FROM)


def following(moment: datetime) -> datetime:
    """When the first night after `moment` (UTC) begins."""
    tonight = start_of(moment.date())
    return tonight if moment < tonight else tonight + DAY


def in_use() -> ColumnElement[bool]:
    """Whether a reconciliation's account is not archived."""
    used = select(ProcessorAccount.id).where(account_behind(Reconciliation), ProcessorAccount.archived_at.is_(None))
    return used.correlate(Reconciliation).exists()


def uncompared() -> tuple[ColumnElement[bool], ...]:
    """Which days of the last month, of accounts in use, could not be compared: the processor gave no answer until the day was given
    up, and none since it was taken up again; or nobody came to it for a day. All are in `ix_reconciliations_due`."""
    now = real_time()
    unanswered = and_(Reconciliation.reason.is_not(None), Reconciliation.day < now.date() - DAY)
    still_waits = and_(Reconciliation.status == "waiting", or_(unanswered, Reconciliation.next_attempt_at < now - DAY))
    return (
        Reconciliation.next_attempt_at.is_not(None),
        Reconciliation.day >= now.date() - TOLD,
        or_(Reconciliation.status == "failed", still_waits),
        in_use(),
    )


def compare_again(attempt: Attempt) -> None:
    """What an attempt held has been taken: the next night compares the day on which the processor lists it once more, where an earlier
    one did. The fee is told only now, and the amount may be another. In the caller's transaction."""
    sent = attempt.send_deadline_at.astimezone(UTC)
    listed = (Reconciliation.day >= sent.date(), Reconciliation.day <= (sent + LISTED_WITHIN).date())
    db.session.execute(
        update(Reconciliation)
        .where(
            Reconciliation.organization_id == attempt.organization_id,
            Reconciliation.processor_account_id == attempt.processor_account_id,
            *listed,
            Reconciliation.status == "done",
        )
        .values(status="waiting", next_attempt_at=following(real_time()), attempts=0)
        .execution_options(synchronize_session=False)
    )
