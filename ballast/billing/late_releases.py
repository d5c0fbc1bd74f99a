"""Money that is held for an attempt we had closed: let go at its processor.

If the process dies before the call, or its answer is lost, the row is due again after its lease; the charge is looked at before it is
let go, and letting go twice does nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from ballast import queue
from ballast.billing import late_successes, outcomes, processing
from ballast.billing.processing import Account
from ballast.clock import now, real_time
from ballast.db import organization, transaction
from ballast.models import Attempt, LateSuccess, ProcessorAccount
from ballast.models.customers import account_behind
from ballast.models.payments import payment_of
from ballast.notifications.drain import drain, work_all
from ballast.processors.base import Approved, Lookup, NotSent, Outcome

log = logging.getLogger(__name__)

THREADS: Final = 4
LEASE: Final = timedelta(seconds=90)


@dataclass(frozen=True)
class Releasing:
    """What is to be let go, as plain data."""

    organization_id: str
    late_id: str
    account: Account
    lookup: Lookup


def release_due() -> int:
    """Let go of what is held for attempts that were closed. The job behind `queue.RELEASE_LATE`."""
    queue.forget_mark(queue.RELEASE_LATE)
    return drain("release_late", _release_batch)


def _release_batch() -> tuple[int, int]:
    return work_all(_release, _claim(), THREADS)


def _claim() -> list[Releasing | None]:
    """Take some that are due. None for one that has to wait."""
    wanted = (
        select(LateSuccess, Attempt, ProcessorAccount)
        .join(
            Attempt, (Attempt.organization_id == LateSuccess.organization_id) & (Attempt.id == LateSuccess.attempt_id)
        )
        .join(ProcessorAccount, account_behind(Attempt))
        .where(LateSuccess.next_attempt_at <= real_time())
        .order_by(LateSuccess.next_attempt_at)
        .limit(THREADS)
    )
    with transaction() as session:
        rows = session.execute(wanted.with_for_update(of=LateSuccess, skip_locked=True)).all()
        return [_releasing(*row) for row in rows]


def _releasing(late: LateSuccess, attempt: Attempt, row: ProcessorAccount) -> Releasing | None:
    """None for an account whose secrets cannot be unsealed: what it holds waits, and nobody else's waits with it."""
    late.next_attempt_at = real_time() + LEASE
    late.probes += 1
    try:
        account = processing.open_account(row)
    except ValueError as error:
        log.error("what is held for %s cannot be let go of, account %s: %s", attempt.id, row.id, error)
        return None
    looked_for = Lookup(attempt.id, attempt.external_id, attempt.amount, attempt.currency, attempt.send_deadline_at)
    return Releasing(late.organization_id, late.id, account, looked_for)


def _release(one: Releasing) -> None:
    with organization(one.organization_id):
        _record(one, _let_go(one))


def _let_go(one: Releasing) -> Outcome:
    found = processing.read(one.account, lambda adapter: adapter.find(one.lookup))
    if isinstance(found, Approved) and not found.captured:
        return processing.read(one.account, lambda adapter: adapter.void(one.lookup, one.late_id))
    return found


def _record(one: Releasing, outcome: Outcome) -> None:
    with transaction() as session:
        wanted = select(LateSuccess).where(
            LateSuccess.organization_id == one.organization_id, LateSuccess.id == one.late_id
        )
        late = session.scalars(wanted).one()
        session.execute(payment_of(one.organization_id, late.payment_id).with_for_update())
        late = session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).one()
        if late.next_attempt_at is None:
            return
        match outcome:
            case NotSent():
                late.released_at, late.next_attempt_at = now(), None
            case Approved(captured=captured) if captured:
                late.answer, late.amount, late.next_attempt_at = "refund", captured, None
                late_successes.take_back(late)
            case _:
                steps = outcomes.PROBES
                late.next_attempt_at = real_time() + steps[min(late.probes, len(steps)) - 1]
