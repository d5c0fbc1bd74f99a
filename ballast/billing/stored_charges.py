"""Charging a stored card while its holder is away: what a merchant does from the dashboard.

Nothing here is new to the road of a payment: it is created, begun and run like any other, under the key of the form it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from ballast.billing import new_payments, payments
from ballast.db import db, end_reading, transaction
from ballast.errors import Conflict
from ballast.models import Payment

REUSED = "This form was sent before, for another charge. Load the page again."


@dataclass(frozen=True)
class StoredCharge:
    """What to take and of which stored card. `amount` is minor units; `key` makes a form that is sent twice one payment."""

    customer_id: str
    card_id: str
    amount: int
    currency: str
    description: str | None
    key: str


def charge(organization_id: str, wanted: StoredCharge) -> str:
    """Charge it, once, and answer the payment's id, whatever came of it; read it to know.

    Raises InvalidRequest(`amount_invalid`, `payment_method_unknown`), Conflict(`customer_held`, `idempotency_key_reused`).
    """
    end_reading()
    try:
        with transaction():
            earlier = _made_under(organization_id, wanted)
            if earlier:
                return earlier
            payment = new_payments.create(organization_id, _payment(wanted))
            begun = payments.begin(payment)
            payment_id = payment.id
    except Conflict as error:
        if error.code != "idempotency_key_expired":
            raise
        return _made_meanwhile(organization_id, wanted)
    payments.run(begun)
    return payment_id


def _payment(wanted: StoredCharge) -> new_payments.NewPayment:
    return new_payments.NewPayment(
        amount=wanted.amount,
        currency=wanted.currency,
        description=wanted.description,
        customer_id=wanted.customer_id,
        payment_method=wanted.card_id,
        off_session=True,
        idempotency_key=wanted.key,
    )


def _made_under(organization_id: str, wanted: StoredCharge) -> str | None:
    """The payment that an earlier sending of the form has made. Raises Conflict(`idempotency_key_reused`)."""
    found = db.session.scalars(
        select(Payment).where(Payment.organization_id == organization_id, Payment.idempotency_key == wanted.key)
    ).first()
    if found is None:
        return None
    made = (found.customer_id, found.payment_method_id, found.amount, found.currency)
    if made != (wanted.customer_id, wanted.card_id, wanted.amount, wanted.currency):
        raise Conflict("idempotency_key_reused", REUSED)
    return found.id


def _made_meanwhile(organization_id: str, wanted: StoredCharge) -> str:
    """The form was sent twice at once, and the other one won."""
    earlier = _made_under(organization_id, wanted)
    if earlier is None:
        raise Conflict("idempotency_key_reused", REUSED)
    return earlier
