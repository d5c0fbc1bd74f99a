"""The order of a checkout that starts a subscription, alone or beside what is bought once; and what of it is due today before tax and
discounts."""

from __future__ import annotations

from collections.abc import Sequence

from ballast.billing import acceptance, minimums, orders
from ballast.billing.orders import NewLine
from ballast.billing.subscriptions import plan as plans
from ballast.db import db
from ballast.errors import InvalidRequest
from ballast.models import Order, Organization
from ballast.models.customers import accounts_of
from ballast.money import format_money


def make(shop: Organization, price_id: str | None, quantity: int, goods: Sequence[NewLine] = ()) -> Order:
    """The order of a session in mode `subscription`. `goods`: what is bought once beside it. In the caller's transaction.

    Raises InvalidRequest(`lines_invalid`, `price_unknown`, `price_not_recurring`, `quantity_invalid`, `processor_unavailable`).
    """
    if price_id is None:
        raise InvalidRequest("lines_invalid", "A subscription has one line with a recurring price.", param="lines")
    orders.check_quantity(quantity)
    terms = plans.find(shop.id, price_id, quantity)
    _check_taken(shop, terms, sum(line.amount for line in goods))
    line = NewLine(terms.product, quantity, terms.amount, terms.price_id, is_recurring=True)
    return orders.make(shop.id, terms.currency, [*goods, line], subscription_amount=first_amount(terms))


def _check_taken(shop: Organization, terms: plans.Plan, goods: int) -> None:
    accounts = db.session.scalars(accounts_of(shop.id))
    asked = max(goods + terms.total, minimums.least(terms.currency))
    if not any(acceptance.takes(account, asked, terms.currency, shop.currency) for account in accounts):
        said = f"No processor account takes new cards for {format_money(asked, terms.currency)}."
        raise InvalidRequest("processor_unavailable", said, param="currency")


def first_amount(terms: plans.Plan) -> int:
    """Minor units due of it on its first day, before tax and discounts."""
    return (0 if terms.trial_days else terms.total) + terms.setup_fee
