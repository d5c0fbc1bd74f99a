"""How an organization lends, and whether it has said that it may charge for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from ballast import audit
from ballast.billing import changes
from ballast.clock import real_time
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest
from ballast.models import FinancingOffer, FinancingSettings

# (least, most) of each number.
BOUNDS: Final = {
    "charge_off_days": (30, 730),
    "date_move_days": (0, 31),
    "date_moves": (0, 12),
    "pause_months": (0, 12),
    "payoff_days": (0, 60),
}
# Regulation Z (12 CFR 1026.2(a)(17)): a creditor is who charges for credit, or takes more than four payments.
MOST_FREE_PAYMENTS: Final = 4


def get(organization_id: str) -> FinancingSettings:
    """How the organization lends; the defaults are written at the first use. In the caller's transaction."""
    return db.session.get(FinancingSettings, organization_id) or locked(organization_id)


def read(organization_id: str) -> FinancingSettings:
    """The same for a page: writes nothing."""
    found = db.session.get(FinancingSettings, organization_id)
    return found or FinancingSettings(organization_id=organization_id, **_defaults())


def _defaults() -> dict[str, int]:
    columns = FinancingSettings.__table__.columns
    return {name: columns[name].default.arg for name in BOUNDS}


def locked(organization_id: str) -> FinancingSettings:
    """The row, locked until the transaction ends, so that the switch and what needs it cannot change past each other."""
    wanted = select(FinancingSettings).where(FinancingSettings.organization_id == organization_id).with_for_update()
    found = db.session.scalars(wanted.execution_options(populate_existing=True)).first()
    if found is not None:
        return found
    db.session.execute(insert(FinancingSettings).values(organization_id=organization_id).on_conflict_do_nothing())
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one()


def change(organization_id: str, wanted: Mapping[str, int]) -> FinancingSettings:
    """Set what is given of BOUNDS. In the caller's transaction. Raises InvalidRequest(`parameter_invalid`) with its `param`."""
    for field, value in wanted.items():
        least, most = BOUNDS[field]
        if not least <= value <= most:
            raise InvalidRequest("parameter_invalid", f"Choose a whole number from {least} to {most}.", param=field)
    found = locked(organization_id)
    _note(organization_id, "financing_settings.changed", changes.apply(found, wanted))
    return found


def allow_interest(organization_id: str, user_id: str) -> None:
    """Somebody who may has confirmed that they know what the law asks: plans that cost something can be published from now on."""
    found = locked(organization_id)
    if found.interest_allowed_at is None:
        given = {"interest_allowed_at": real_time(), "interest_allowed_by": user_id}
        changes.apply(found, given)
        allowed = {"interest_allowed": {"before": False, "after": True}}
        _note(organization_id, "financing_settings.interest_allowed", allowed)


def disallow_interest(organization_id: str) -> None:
    """Nothing that costs is published any more. Raises Conflict(`financing_interest_in_use`) while such an offer is published."""
    found = locked(organization_id)
    if found.interest_allowed_at is None:
        return
    published = select(FinancingOffer).where(
        FinancingOffer.organization_id == organization_id, FinancingOffer.status == "published"
    )
    names = [offer.name for offer in db.session.scalars(published) if reasons(offer)]
    if names:
        raise Conflict("financing_interest_in_use", f"Unpublish these offers first: {', '.join(names[:5])}.")
    changes.apply(found, {"interest_allowed_at": None, "interest_allowed_by": None})
    allowed = {"interest_allowed": {"before": True, "after": False}}
    _note(organization_id, "financing_settings.interest_disallowed", allowed)


def reasons(offer: FinancingOffer) -> list[str]:
    """Why an offer needs the switch, in words; empty for one that is free and short enough."""
    payments = offer.installments + (1 if offer.down_payment_bps or offer.down_payment_amount else 0)
    found = {
        "it charges interest": offer.rate_bps > 0,
        "it has an origination fee": bool(offer.fee_bps or offer.fee_amount),
        "it has a late fee": bool(offer.late_fee_bps or offer.late_fee_amount),
        f"it has {payments} payments, more than four": payments > MOST_FREE_PAYMENTS,
    }
    return [reason for reason, holds in found.items() if holds]


def _note(organization_id: str, action: str, differences: dict[str, Any]) -> None:
    if differences:
        db.session.flush()
        audit.record(organization_id, action, "organization", organization_id, differences)
