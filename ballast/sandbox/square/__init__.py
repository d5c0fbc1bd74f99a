"""Square's API as its version 2025-08-20 speaks it."""

# Importing a noun puts its routes in the table.
from ballast.sandbox.square import (
    cards,
    customers,
    disputes,
    events,
    locations,
    payment_changes,
    payments,
    payouts,
    refunds,
    webhook_subscriptions,
)

__all__ = [
    "cards",
    "customers",
    "disputes",
    "events",
    "locations",
    "payment_changes",
    "payments",
    "payouts",
    "refunds",
    "webhook_subscriptions",
]
