"""Closing a payment for good, whatever state it is in: unpaid, waiting for the shopper's bank, or holding money."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ballast.billing import holds, outcomes, resolver
from ballast.billing.outcomes import UNPAID
from ballast.billing.payments import locked
from ballast.db import db, transaction
from ballast.errors import Conflict
from ballast.models.payments import open_attempt_of


def begin(organization_id: str, payment_id: str) -> Callable[[], None] | None:
    """Cancel a payment, or announce it. In the caller's transaction; answers what is left to do after the commit, at the processor.

    Raises NotFound, Conflict(`payment_in_progress`) while its outcome is open, Conflict(`state_conflict`) for one that is final.
    """
    payment = locked(organization_id, payment_id)
    match payment.status:
        case status if status in UNPAID:
            outcomes.cancel(payment)
            return None
        case "requires_capture":
            action = holds.request(organization_id, payment_id, "void")
            return partial(holds.send, organization_id, action.id)
        case "requires_action":
            attempt = db.session.scalars(open_attempt_of(organization_id, payment_id)).one()
            return partial(_take_back, organization_id, payment_id, attempt.id)
        case "processing":
            raise Conflict("payment_in_progress", "This payment is under way. Wait for its outcome.")
        case status:
            raise Conflict("state_conflict", f"A payment that is {status} cannot be canceled.")


def _take_back(organization_id: str, payment_id: str, attempt_id: str) -> None:
    """Cancel the challenge at the processor first; if the shopper was faster and has paid, the payment stays paid."""
    resolver.abandon(organization_id, attempt_id)
    with transaction():
        payment = locked(organization_id, payment_id)
        if payment.status in UNPAID:
            outcomes.cancel(payment)
