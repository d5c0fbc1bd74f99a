"""Stripe's API as its version 2026-10-28.endive speaks it."""

# Importing a noun puts its routes in the table.
from ballast.sandbox.stripe import (
    accounts,
    balance_transactions,
    captures,
    charges,
    customers,
    disputes,
    events,
    fraud_warnings,
    payment_intents,
    payment_methods,
    payouts,
    refunds,
    setup_intents,
    tokens,
    webhook_endpoints,
)

__all__ = [
    "accounts",
    "balance_transactions",
    "captures",
    "charges",
    "customers",
    "disputes",
    "events",
    "fraud_warnings",
    "payment_intents",
    "payment_methods",
    "payouts",
    "refunds",
    "setup_intents",
    "tokens",
    "webhook_endpoints",
]
