"""What a comparison came to, in one commit: drift that is new is added, what was found before is brought up to date, and what is not
found any more is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from ballast.billing.reconciliation import nights
from ballast.billing.reconciliation.comparing import Found
from ballast.clock import real_time
from ballast.db import db, transaction
from ballast.models import Drift, Reconciliation
from ballast.models.reconciliation import reconciliation_of
from ballast.models.states import move

if TYPE_CHECKING:
    from ballast.billing.reconciliation.running import Tally

# A processor that cannot be asked is asked again after this, twice as long each time, and after so many times in the next night.
LATER: Final = timedelta(minutes=10)
GIVE_UP_AFTER: Final = 8


def finish(organization_id: str, reconciliation_id: str, tally: Tally) -> None:
    """Write it down."""
    with transaction() as session:
        row = session.scalars(reconciliation_of(organization_id, reconciliation_id).with_for_update()).one()
        row.drifts = _bring_up_to_date(row, tally.found)
        row.charges, row.refunds, row.fees, row.unheard = tally.charges, tally.refunds, tally.fees, tally.unheard
        if row.status == "waiting":
            move(row, "done")
        row.attempts, row.reason, row.finished_at = 0, None, real_time()
        row.next_attempt_at = row.lease_until = None


def _bring_up_to_date(row: Reconciliation, found: list[Found]) -> int:
    """Answers how many are open."""
    wanted = select(Drift).where(Drift.organization_id == row.organization_id, Drift.reconciliation_id == row.id)
    known = {(one.drift_class, one.subject): one for one in db.session.scalars(wanted.with_for_update())}
    for one in found:
        if (drift := known.pop((one.drift_class, one.subject), None)) is None:
            _add(row, one)
            continue
        drift.ours, drift.theirs = one.ours, one.theirs
        if drift.status != "open":
            move(drift, "open")
            drift.ended_at = None
    for drift in known.values():
        if drift.status == "open":
            move(drift, "gone")
            drift.ended_at = real_time()
    return len(found)


def _add(row: Reconciliation, one: Found) -> None:
    db.session.add(
        Drift(
            organization_id=row.organization_id,
            reconciliation_id=row.id,
            drift_class=one.drift_class,
            kind=one.kind,
            subject=one.subject,
            attempt_id=one.attempt_id,
            refund_id=one.refund_id,
            ours=one.ours,
            theirs=one.theirs,
        )
    )


def put_off(organization_id: str, reconciliation_id: str, reason: str) -> None:
    """The processor could not say: ask again later, or after many times not before the next night."""
    with transaction() as session:
        row = session.scalars(reconciliation_of(organization_id, reconciliation_id).with_for_update()).one()
        row.attempts, row.reason, row.lease_until = row.attempts + 1, reason[:200], None
        if row.attempts >= GIVE_UP_AFTER:
            move(row, "failed")
            row.next_attempt_at = nights.following(real_time())
        else:
            row.next_attempt_at = real_time() + LATER * 2 ** (row.attempts - 1)
