"""Plans that somebody consented to and never paid for: their drafts are canceled a day later, so that they hold no room under a cap.

One row, one transaction, with order, agreement and payment locked in this order; if the process dies, what is left is found again.
A draft whose payment or card is under way is not abandoned: what comes of that decides.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy import Select, exists, select

from ballast.billing import financing_checkout, order_payments
from ballast.billing.financing import opening
from ballast.clock import real_time
from ballast.db import db, organization, transaction
from ballast.ids import id_at
from ballast.models import FinancingAgreement, Order, Payment
from ballast.models.checkout_sessions import IN_FLIGHT
from ballast.notifications.drain import drain

AFTER: Final = timedelta(days=1)
BATCH: Final = 50


def cancel_due() -> int:
    """Cancel every draft that is older than a day. The job behind `queue.ABANDON_DRAFTS`; safe to run twice."""
    seen: set[str] = set()
    return drain("cancel_abandoned_plans", partial(_batch, seen))


def _batch(seen: set[str]) -> tuple[int, int]:
    """`seen`: what this run has looked at, so that a draft it may not cancel is not looked at for ever."""
    with transaction() as session:
        due = [row for row in session.execute(_due()).all() if row[1] not in seen]
    seen |= {agreement_id for _organization, agreement_id, _order in due}
    done = sum(_cancel(organization_id, order_id) for organization_id, _agreement, order_id in due)
    return done, len(due) - done


def _due() -> Select[str, str, str]:
    """(organization_id, id, order_id) of the oldest drafts by real time, which their ids tell whatever clock the organization has."""
    order_of = (FinancingAgreement.organization_id == Payment.organization_id) & (
        FinancingAgreement.order_id == Payment.order_id
    )
    being_paid = exists().where(order_of, Payment.status.in_(IN_FLIGHT))
    wanted = select(FinancingAgreement.organization_id, FinancingAgreement.id, FinancingAgreement.order_id)
    old = FinancingAgreement.id <= id_at("agr", real_time() - AFTER, 0)
    mine = wanted.where(FinancingAgreement.status == "draft", old, ~being_paid)
    return mine.order_by(FinancingAgreement.id).limit(BATCH)


def _cancel(organization_id: str, order_id: str) -> bool:
    """False where somebody was faster: a shopper who came back, or another worker."""
    with organization(organization_id), transaction():
        wanted = select(Order).where(Order.organization_id == organization_id, Order.id == order_id)
        order = db.session.scalars(wanted.with_for_update()).one()
        found = financing_checkout.unpaid(order)
        if found is None or found[0] is None:
            return False
        opening.withdraw(order)
        order_payments.close(found[1])
        return True
