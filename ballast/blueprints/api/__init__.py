"""The JSON API under /api/v1, its OpenAPI description and its reference page."""

from ballast.blueprints.api import (
    agreements,
    audit,
    auth,
    balance,
    catalog,
    checkout_sessions,
    clock,
    credit_notes,
    customers,
    discounts,
    disputes,
    events,
    financing,
    identity,
    invoices,
    orders,
    payment_methods,
    payments,
    privacy,
    refunds,
    shipping,
    subscriptions,
    webhooks,
)

# In the order of the reference.
PARTS = tuple(
    module.blueprint
    for module in (
        payments,
        checkout_sessions,
        orders,
        refunds,
        customers,
        privacy,
        payment_methods,
        catalog,
        shipping,
        discounts,
        subscriptions,
        invoices,
        credit_notes,
        financing,
        agreements,
        clock,
        disputes,
        events,
        balance,
        webhooks,
        auth,
        identity,
        audit,
    )
)
