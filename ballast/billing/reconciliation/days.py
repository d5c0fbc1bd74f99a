"""Which days are compared: each night the days that nobody has planned, days with open drift and days that were given up again, and
any day that somebody asks for."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Date, DateTime, Select, and_, cast, func, literal, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert

from ballast import audit, queue
from ballast.billing import accounts
from ballast.billing.reconciliation import nights, running
from ballast.billing.reconciliation.nights import DAY, FROM, NIGHTS
from ballast.clock import real_time
from ballast.db import db, transaction
from ballast.errors import InvalidRequest
from ballast.ids import new_id
from ballast.models import ProcessorAccount, Reconciliation
from ballast.models.states import move
from ballast.notifications.drain import claim, drain, run_all

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
    """From one o'clock (UTC): days of the last week that nobody has planned, for every account in use, and again those whose drift
    is open still, those that were not over when they were compared, and those that were given up."""
    now = real_time()
    night = nights.start_of(now.date())
    if now < night:
        return
    yesterday = now.date() - DAY
    with transaction() as session:
        found = session.execute(_unplanned(yesterday)).all()
        if found:
            session.execute(insert(Reconciliation).values([_row(*one) for one in found]).on_conflict_do_nothing())
        session.execute(
            update(Reconciliation)
            .where(Reconciliation.day >= yesterday - NIGHTS, or_(_is_unsettled(night), _is_given_up(now)))
            .values(status="waiting", next_attempt_at=now, attempts=0)
            .execution_options(synchronize_session=False)
        )


def _unplanned(yesterday: date) -> Select[str, str, date]:
    """Organization, account and day, the oldest first. At most `PLANNED_AT_ONCE`: the next run plans the rest."""
    back = func.generate_series(0, NIGHTS.days - 1).table_valued("days").render_derived()
    day = literal(yesterday, Date) - back.c.days
    planned = (
        (Reconciliation.organization_id == ProcessorAccount.organization_id)
        & (Reconciliation.processor_account_id == ProcessorAccount.id)
        & (Reconciliation.day == day)
    )
    return (
        select(ProcessorAccount.organization_id, ProcessorAccount.id, day)
        .join(back, true())
        .outerjoin(Reconciliation, planned)
        .where(ProcessorAccount.archived_at.is_(None), Reconciliation.id.is_(None))
        .where(ProcessorAccount.created_at < day + 1)
        .order_by(day, ProcessorAccount.organization_id, ProcessorAccount.id)
        .limit(PLANNED_AT_ONCE)
    )


def _is_unsettled(night: datetime) -> ColumnElement[bool]:
    """Compared before this night, and something differs, or the day was not over then: somebody had asked for it."""
    over = cast(Reconciliation.day + 1, DateTime(timezone=True)) + timedelta(hours=FROM.hour)
    is_open = or_(Reconciliation.drifts > 0, Reconciliation.finished_at < over)
    return and_(Reconciliation.status == "done", Reconciliation.finished_at < night, is_open)


def _is_given_up(now: datetime) -> ColumnElement[bool]:
    """Given up before this night, so that each night takes it up once. (An older release named no night.)"""
    is_its_night = or_(Reconciliation.next_attempt_at.is_(None), Reconciliation.next_attempt_at <= now)
    return and_(Reconciliation.status == "failed", is_its_night, nights.in_use())


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
