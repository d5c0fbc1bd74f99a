"""What may be changed of a subscription without anything being billed for it: its card, and the merchant's own notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ballast import queue
from ballast.billing import changes
from ballast.billing.subscriptions import collecting, rows
from ballast.errors import Conflict
from ballast.models import Subscription


def change(organization_id: str, subscription_id: str, wanted: Mapping[str, Any]) -> Subscription:
    """Charge another stored card (`payment_method`) from now on, what is owed at once; merge `metadata`. In the caller's transaction.

    Raises NotFound, InvalidRequest(`payment_method_unknown`, `metadata_too_large`), Conflict(`state_conflict`,
    `payment_method_blocked`).
    """
    subscription = rows.locked(organization_id, subscription_id)
    if "payment_method" in wanted:
        if subscription.status in rows.ENDED:
            raise Conflict("state_conflict", f"A subscription that is {subscription.status} charges no card.")
        if collecting.use_card(subscription, wanted["payment_method"]):
            queue.wake(queue.CHARGE_SUBSCRIPTIONS)
    differences = changes.apply(subscription, {name: wanted[name] for name in ("metadata",) if name in wanted})
    if differences:
        rows.note(subscription, "subscription.updated", differences)
    return subscription
