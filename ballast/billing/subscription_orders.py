"""The order of a checkout that starts a subscription: one recurring price, and what of it is due today before tax and discounts."""

from __future__ import annotations

from ballast.billing import acceptance, minimums, orders
from ballast.billing.orders import NewLine
from ballast.billing.subscriptions import plan as plans
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import Order, Organization
from ballast.models.customers import accounts_of
from ballast.money import format_money


def make(shop: Organization, price_id: str | None, quantity: int) -> Order:
    """The order of a session in mode `subscription`. In the caller's transaction.

    Raises InvalidRequest(`lines_invalid`, `price_unknown`, `price_not_recurring`, `quantity_invalid`, `processor_unavailable`).
    """
    if price_id is None:
        raise InvalidRequest("lines_invalid", "A subscription has one line, with a recurring price.", param="lines")
    orders.check_quantity(quantity)
    terms = plans.find(shop.id, price_id, quantity)
    accounts = db.session.scalars(accounts_of(shop.id))
    asked = max(terms.total, minimums.least(terms.currency))
    if not any(acceptance.takes(account, asked, terms.currency, shop.currency) for account in accounts):
        said = f"No processor account takes new cards for {format_money(asked, terms.currency)}."
        raise InvalidRequest("processor_unavailable", said, param="currency")
    line = NewLine(terms.product, quantity, terms.amount, terms.price_id)
    made = orders.make(shop.id, terms.currency, [line])
    made.amount = (0 if terms.trial_days else terms.total) + terms.setup_fee
    return made
