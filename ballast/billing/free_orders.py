"""An order of goods of which a discount leaves nothing to pay: it is given, without a payment and without a card.

One commit, with the order locked: its plan and payment, if there were any, are closed, it is paid, its coupon counts for good. If the
process dies before it nothing happened, after it nothing is left to do but the mail, which is a row of the same commit.
"""

from __future__ import annotations

from ballast.billing import order_payments, orders, receipts
from ballast.billing.financing import opening
from ballast.models import Order


def give(order: Order) -> None:
    """In the caller's transaction, with cart and order locked, its customer known, and nothing of it being paid.

    Raises Conflict(`payment_in_progress`) where a payment may not be closed.
    """
    opening.withdraw(order)
    order_payments.close(order_payments.locked(order))
    order.financing_offer_id, order.consent = None, ""
    orders.mark_paid(order)
    orders.end_cart(order)
    receipts.send_order(order)
