"""Which agreements are how far behind, as lists ask for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, func, literal

from ballast.clock import now
from ballast.models import FinancingAgreement
from ballast.models.states import COLLECTED

# Days past due, the least and the most.
BUCKETS: Final[dict[str, tuple[int, int | None]]] = {
    "current": (0, 0),
    "1-29": (1, 29),
    "30-59": (30, 59),
    "60-89": (60, 89),
    "90+": (90, None),
}


def in_bucket(name: str) -> ColumnElement[bool]:
    """Running, and so many days past due where the agreement is kept, by the organization's clock."""
    least, most = BUCKETS[name]
    today = func.date(func.timezone(FinancingAgreement.timezone, literal(now())))
    since = FinancingAgreement.past_due_since
    running = FinancingAgreement.status.in_((*COLLECTED, "defaulted", "charged_off"))
    if name == "current":
        return and_(running, (since.is_(None)) | (since >= today))
    behind = and_(running, since <= today - literal(timedelta(days=least)))
    return behind if most is None else and_(behind, since >= today - literal(timedelta(days=most)))
