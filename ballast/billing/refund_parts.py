"""What a refund gives back of each part of a payment that paid an order and an invoice together: a refund says how much of it is the
invoice's, the rest is the order's (and its plan's, where it has one). Where nobody says which part is meant, the goods go back first.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import func, select

from ballast.billing import order_parts
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import Payment, Refund
from ballast.models.states import HELD_REFUND

Part = Literal["order", "invoice"]


def check(payment: Payment) -> None:
    """Raises InvalidRequest(`refund_part_unknown`) where a part is named of a payment that has none."""
    if not order_parts.is_mixed(payment):
        said = "This payment is for one thing. Leave part out."
        raise InvalidRequest("refund_part_unknown", said, param="part")


def left(payment: Payment, part: Part, whole: int, credited: int) -> int:
    """Minor units of a part that can still go back. `whole`: of the payment; `credited`: of the invoice, as credit. With it locked."""
    if not has_parts(payment):
        return whole
    back, of_invoice = _back(payment, *HELD_REFUND)
    gone = of_invoice + credited if part == "invoice" else back - of_invoice
    paid = order_parts.of_invoice(payment) if part == "invoice" else order_parts.of_order(payment)
    return min(whole, max(paid - gone, 0))


def of_invoice(payment: Payment, amount: int, part: Part | None) -> int:
    """How much of a refund of so many minor units is the invoice's. With the payment locked."""
    if part == "order" or not has_parts(payment):
        return 0
    if part == "invoice":
        return amount
    return max(amount - left(payment, "order", payment.amount, 0), 0)


def has_parts(payment: Payment) -> bool:
    """Whether it was made for an order and pays an invoice, maybe beside other things."""
    return payment.order_id is not None and order_parts.of_invoice(payment) > 0


def returned_of_order(payment: Payment) -> int:
    """Minor units of the order's part that have gone back."""
    if not has_parts(payment):
        return payment.amount_refunded
    back, of_invoice = _back(payment, "succeeded")
    return back - of_invoice


def is_order_back(payment: Payment) -> bool:
    """Whether all that was paid for the order has gone back."""
    if not order_parts.is_mixed(payment):
        return payment.amount_refunded == payment.amount_captured
    return returned_of_order(payment) >= order_parts.of_order(payment)


def _back(payment: Payment, *statuses: str) -> tuple[int, int]:
    """What goes or has gone back, and how much of that is the invoice's."""
    db.session.flush()
    wanted = select(func.coalesce(func.sum(Refund.amount), 0), func.coalesce(func.sum(Refund.of_invoice), 0)).where(
        Refund.organization_id == payment.organization_id,
        Refund.payment_id == payment.id,
        Refund.late_success_id.is_(None),
        Refund.status.in_(statuses),
    )
    back, of_invoice = db.session.execute(wanted).one()
    return int(back), int(of_invoice)
