"""The JSON API under /api/v1, its OpenAPI description and its reference page."""

from ballast.blueprints.api import (
    audit,
    auth,
    balance,
    checkout_sessions,
    customers,
    disputes,
    events,
    identity,
    payment_methods,
    payments,
    refunds,
    webhooks,
)

# In the order of the reference.
PARTS = tuple(
    module.blueprint
    for module in (
        payments,
        checkout_sessions,
        refunds,
        customers,
        payment_methods,
        disputes,
        events,
        balance,
        webhooks,
        auth,
        identity,
        audit,
    )
)
