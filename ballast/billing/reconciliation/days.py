"""Which days are compared: each night the day before, days with open drift again, and any day that somebody asks for."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from ballast import audit, queue
from ballast.billing import accounts
from ballast.billing.reconciliation import running
from ballast.clock import real_time
from ballast.db import db, transaction
from ballast.errors import InvalidRequest
from ballast.ids import new_id
from ballast.models import ProcessorAccount, Reconciliation
from ballast.models.states import move
from ballast.notifications.drain import claim, drain, run_all

# When a day is over at the processors too: what was begun before midnight has its answer.
FROM: Final = time(1, 0, tzinfo=UTC)
# Drift is looked for again on so many nights.
NIGHTS: Final = timedelta(days=7)
OLDEST: Final = timedelta(days=365)
LEASE: Final = timedelta(minutes=30)
AT_ONCE: Final = 2
PLANNED_AT_ONCE: Final = 1000


def reconcile_due() -> int:
    """Compare every day that is due. The job behind `queue.RECONCILE`."""
    queue.forget_mark(queue.RECONCILE)
    plan_night()
    return drain("reconcile", _run_batch)


def _run_batch() -> tuple[int, int]:
    now = real_time()
    due = (Reconciliation.status == "waiting", Reconciliation.next_attempt_at <= now)
    keys = claim(Reconciliation, due, LEASE, AT_ONCE)
    results = run_all(running.run, keys, AT_ONCE)
    return len(keys), sum(1 for result in results if isinstance(result, Exception))


def plan_night() -> None:
    """From one o'clock (UTC): yesterday of every account in use, and days of the last week whose drift is open still."""
    now = real_time()
    night = datetime.combine(now.date(), FROM)
    if now < night:
        return
    yesterday = now.date() - timedelta(days=1)
    with transaction() as session:
        found = session.execute(_unplanned(yesterday)).all()
        if found:
            rows = [_row(organization_id, account_id, yesterday) for organization_id, account_id in found]
            session.execute(insert(Reconciliation).values(rows).on_conflict_do_nothing())
        session.execute(
            update(Reconciliation)
            .where(
                Reconciliation.status == "done",
                Reconciliation.drifts > 0,
                Reconciliation.day >= yesterday - NIGHTS,
                Reconciliation.finished_at < night,
            )
            .values(status="waiting", next_attempt_at=now)
            .execution_options(synchronize_session=False)
        )


def _unplanned(day: date):  # type: ignore[no-untyped-def]
    planned = (
        (Reconciliation.organization_id == ProcessorAccount.organization_id)
        & (Reconciliation.processor_account_id == ProcessorAccount.id)
        & (Reconciliation.day == day)
    )
    return (
        select(ProcessorAccount.organization_id, ProcessorAccount.id)
        .outerjoin(Reconciliation, planned)
        .where(ProcessorAccount.archived_at.is_(None), Reconciliation.id.is_(None))
        .where(ProcessorAccount.created_at < datetime.combine(day + timedelta(days=1), time(), UTC))
        .limit(PLANNED_AT_ONCE)
    )


def _row(organization_id: str, account_id: str, day: date) -> dict[str, object]:
    return {
        "organization_id": organization_id,
        "id": new_id("rec"),
        "processor_account_id": account_id,
        "day": day,
        "created_at": real_time(),
        "next_attempt_at": real_time(),
    }


def check(day: date) -> None:
    """Raises InvalidRequest(`day_invalid`) for a day that has not begun, or is longer ago than processors tell."""
    today = real_time().date()
    if not today - OLDEST <= day <= today:
        raise InvalidRequest("day_invalid", "Choose a day within the last year, today at the latest.", param="day")


def ask(organization_id: str, account_id: str, day: date) -> str:
    """Have a day compared, again if it was before; a worker does it. Answers the id. In the caller's transaction.

    Raises NotFound for no such account, InvalidRequest(`day_invalid`).
    """
    check(day)
    accounts.find(organization_id, account_id)
    session = db.session()
    session.execute(insert(Reconciliation).values(_row(organization_id, account_id, day)).on_conflict_do_nothing())
    row = session.scalars(
        select(Reconciliation)
        .where(
            Reconciliation.organization_id == organization_id,
            Reconciliation.processor_account_id == account_id,
            Reconciliation.day == day,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if row.status != "waiting":
        move(row, "waiting")
    row.next_attempt_at, row.attempts = real_time(), 0
    audit.record(organization_id, "reconciliation.asked", "reconciliation", row.id, {"day": day.isoformat()})
    queue.wake(queue.RECONCILE)
    return row.id


def run_now(organization_id: str, account_id: str, day: date) -> str:
    """As `ask`, and compare it here. Answers the id. Raises as `ask`."""
    with transaction():
        reconciliation_id = ask(organization_id, account_id, day)
    running.run((organization_id, reconciliation_id))
    return reconciliation_id
