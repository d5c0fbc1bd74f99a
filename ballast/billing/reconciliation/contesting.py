"""Disputes that no event told of: opened at the processor and unknown here, or decided there and open here.

Nothing is called drift: each is learned as an event would have had it learned, which is idempotent, and what cannot be told or written
now is asked again the next night. It never keeps a day from being compared.
"""

from __future__ import annotations

import logging

from sqlalchemy import select

from ballast.billing import disputes
from ballast.billing.reconciliation.matching import Place
from ballast.db import db, end_reading
from ballast.models import Dispute
from ballast.models.states import OPEN_DISPUTE

log = logging.getLogger(__name__)


def catch_up(place: Place, listed: list[str]) -> None:
    """Learn how each stands that the processor lists and we do not have, and each that is open here."""
    known = _known(place)
    unheard = [one for one in listed if one not in known]
    still_open = [one for one, status in known.items() if status in OPEN_DISPUTE]
    for external_id in (*unheard, *still_open):
        try:
            verdict = disputes.learn(place.organization_id, place.account_id, external_id)
        except Exception:
            log.exception("dispute %s cannot be learned", external_id)
            continue
        if verdict == "applied" and external_id in unheard:
            log.warning("no event told of dispute %s", external_id)


def _known(place: Place) -> dict[str, str]:
    """The account's disputes: the processor's id → status."""
    wanted = select(Dispute.external_id, Dispute.status).where(
        Dispute.organization_id == place.organization_id, Dispute.processor_account_id == place.account_id
    )
    found = {row[0]: row[1] for row in db.session.execute(wanted)}
    end_reading()
    return found
