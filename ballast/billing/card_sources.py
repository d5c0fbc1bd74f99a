"""What a checkout charges: a new card, by its one-time token, or one that its shopper had stored and has shown to be theirs."""

from __future__ import annotations

from typing import Literal

from ballast.billing import budgets, payments, ways
from ballast.billing.checkout_form import Details
from ballast.errors import InvalidRequest
from ballast.models import Order, PaymentMethod

Series = Literal["recurring", "installment"]


def of(order: Order, details: Details, amount: int, series: Series | None = None) -> payments.Source:
    """The source of a first payment, `amount` minor units by which the account of a new card is chosen. `series`: what the payment is
    the first of; a new card is stored for it then. In the caller's transaction, with the order's customer known.

    Raises Conflict(`processor_changed`, `payment_method_blocked`), InvalidRequest(`payment_method_unknown`).
    """
    if details.is_saved:
        card = saved(order, details)
        return payments.Source(card.id, save_card=False, series=series, first_of_series=series is not None)
    return payments.Source(
        details.payment_method,
        verification=details.verification,
        device_data=details.device_data,
        account_id=ways.check(order.organization_id, details.account_id, amount, order.currency),
        one_time=True,
        save_card=series is not None or details.save_card,
        series=series,
        first_of_series=series is not None,
    )


def saved(order: Order, details: Details) -> PaymentMethod:
    """The stored card that was chosen, if it is of whom the shopper has shown to be, and the order is theirs.

    Raises InvalidRequest(`payment_method_unknown`), Conflict(`payment_method_blocked`).
    """
    if order.customer_id is None or details.customer_id != order.customer_id:
        said = "This card is not yours to use here any more. Please enter a card."
        raise InvalidRequest("payment_method_unknown", said, param="payment_method")
    return budgets.usable_card(order.organization_id, order.customer_id, details.payment_method)
