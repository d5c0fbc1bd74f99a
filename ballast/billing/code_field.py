"""The field for a promotion code on a checkout: whether there is one, and what is wrong with what was typed into it."""

from __future__ import annotations

from typing import Any

from ballast.billing import coupons, order_totals
from ballast.billing.checkout import Checkout
from ballast.billing.subscription_checkout import Offer


def is_asked(found: Checkout) -> bool:
    """Whether the shopper may type a code, and there is one to be typed."""
    if found.state != "form" or (found.session is not None and not found.session.allow_promotion_codes):
        return False
    return found.is_subscription or bool(found.order.promotion_code) or coupons.has_codes(found.order.organization_id)


def problem(found: Checkout, offer: Offer | None, noted: str | None) -> str | None:
    """A sentence, or None. `noted`: what is known of it beyond what the order says."""
    if found.state != "form" or noted:
        return noted
    return offer.problem if offer else order_totals.problem(found.order)


def shown(found: Checkout, offer: Offer | None, noted: str | None) -> dict[str, Any]:
    """The code and its field, as the page names them."""
    return {
        "code": found.order.promotion_code,
        "code_problem": problem(found, offer, noted),
        "asks_code": is_asked(found),
    }
