"""Authorizations that nobody captured in time: what is held is let go of at the processor, and the payment canceled.

A hold does not last: the card's bank lets go of it by itself after some days, and a capture then fails. So it is let go of on time,
by the road every void takes (see `holds`), and the merchant is told why. The days are the processor's; the clock is the
organization's.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Select, exists, func, select

from ballast.billing import holds
from ballast.clock import now
from ballast.db import db, organization, transaction
from ballast.errors import Conflict
from ballast.models import HoldAction, Payment
from ballast.models.identity import lives_by_real_time
from ballast.notifications.drain import drain, run_all

log = logging.getLogger(__name__)

REASON: Final = "expired"
# A processor that will not let go is asked again after so long, on the organization's clock; until then the payment shows why.
AGAIN_AFTER: Final = timedelta(hours=6)

Key = tuple[str, str]


def expire_due(organization_id: str | None = None) -> int:
    """Let go of what was not captured by now, of one organization or of all that live by real time. Safe to run twice."""
    return drain("expire_authorizations", partial(_expire_batch, now(), organization_id))


def next_expiry(organization_id: str) -> datetime | None:
    """When the organization's next authorization ends, or one that could not be let go of is tried again; None for neither."""
    tried = (
        select(func.max(HoldAction.finished_at) + AGAIN_AFTER)
        .where(
            HoldAction.organization_id == Payment.organization_id,
            HoldAction.payment_id == Payment.id,
            HoldAction.reason == REASON,
        )
        .scalar_subquery()
    )
    wanted = select(func.min(func.greatest(Payment.capture_before, tried))).where(
        Payment.organization_id == organization_id, Payment.status == "requires_capture"
    )
    found: datetime | None = db.session.scalar(wanted)
    return found


def _expire_batch(as_of: datetime, organization_id: str | None) -> tuple[int, int]:
    announced = _announce(as_of, organization_id)
    results = run_all(_send, announced, holds.THREADS)
    return len(announced), sum(1 for result in results if isinstance(result, Exception))


def _announce(as_of: datetime, organization_id: str | None) -> list[Key]:
    """Commit to let go of some; what is announced is sent by the sweeper of `holds` if this process dies."""
    with transaction() as session:
        due = session.execute(_due(as_of, organization_id).limit(holds.THREADS)).all()
        return [key for row in due if (key := _request(*row))]


def _due(as_of: datetime, organization_id: str | None) -> Select[str, str]:
    tried = exists().where(
        HoldAction.organization_id == Payment.organization_id,
        HoldAction.payment_id == Payment.id,
        HoldAction.reason == REASON,
        HoldAction.finished_at > as_of - AGAIN_AFTER,
    )
    wanted = select(Payment.organization_id, Payment.id).where(
        Payment.status == "requires_capture", Payment.capture_before <= as_of, ~tried
    )
    whose = lives_by_real_time(Payment.organization_id)
    wanted = wanted.where(whose if organization_id is None else Payment.organization_id == organization_id)
    return wanted.order_by(Payment.capture_before).with_for_update(of=Payment, skip_locked=True)


def _request(organization_id: str, payment_id: str) -> Key | None:
    with organization(organization_id):
        try:
            return organization_id, holds.request(organization_id, payment_id, "void", reason=REASON).id
        except Conflict as error:
            log.info("%s is not let go of: %s", payment_id, error)
            return None


def _send(key: Key) -> None:
    with organization(key[0]):
        holds.send(*key)
