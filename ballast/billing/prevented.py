"""What the firewall kept from happening, noted where it happened; the radar reads it.

A note is no part of what it tells of: where its transaction fails, or is refused, the note is made afterwards or not at all.
"""

from __future__ import annotations

import logging
from functools import partial

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from ballast import metrics
from ballast.clock import real_time
from ballast.db import after_commit, after_refusal, db, transaction
from ballast.models import Prevented

log = logging.getLogger(__name__)


def note(organization_id: str, route: str, source: str, payment_id: str | None = None) -> None:
    """Something came to nothing. In the caller's transaction. `route`: one of ROUTES; the same `source` counts once a route."""
    noting = insert(Prevented).values(
        organization_id=organization_id, route=route, source=source[:200], payment_id=payment_id, at=real_time()
    )
    once = noting.on_conflict_do_nothing().returning(Prevented.route)
    if db.session.execute(once).first() is not None:
        after_commit(partial(metrics.count, "ballast_prevented_total", kind=route))


def note_refusal(organization_id: str, route: str, source: str, payment_id: str | None = None) -> None:
    """As `note`, for what the running transaction is about to be refused for: made once that has been rolled back."""
    after_refusal(partial(_note_alone, organization_id, route, source, payment_id))


def _note_alone(organization_id: str, route: str, source: str, payment_id: str | None) -> None:
    try:
        with transaction():
            note(organization_id, route, source, payment_id)
    except SQLAlchemyError as error:
        log.warning("the radar misses one: %s %s (%s)", route, source, type(error).__name__)
