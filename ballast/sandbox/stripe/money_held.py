"""The account of all money that moved or is held, by which a test proves that nothing was charged twice."""

import json
from typing import Any

from ballast.sandbox.store import Record, Store
from ballast.sandbox.stripe.cards import CARDS


def list_money(store: Store) -> list[dict[str, Any]]:
    """Return every approved charge of every account, oldest first per account; amounts in minor units."""
    return [
        describe(account, json.loads(row))
        for account in store.accounts("charges")
        for row in store.tables[f"{account}/charges"].values()
        if b'"paid":false' not in row
    ]


def describe(account: str, charge: Record) -> dict[str, Any]:
    """Return one line of the account; `amount_refunded` is what was given back, not what was never captured."""
    if charge.get("paid") is False:
        status = "failed"
    elif charge.get("_released"):
        status = "canceled"
    else:
        status = "captured" if charge.get("captured") else "authorized"
    return {
        "id": charge["id"],
        "processor": "stripe",
        "amount": charge["amount"],
        "currency": charge["currency"],
        "status": status,
        "amount_captured": charge.get("amount_captured", 0),
        "amount_refunded": charge.get("_returned", 0),
        "disputed": bool(charge.get("disputed")),
        "payment_intent": charge.get("payment_intent"),
        "reference": charge.get("metadata", {}).get("attempt"),
        "idempotency_key": charge.get("_key"),
        "account": account,
        "last4": CARDS[charge["_card"]["name"]].last4,
        "created": charge["created"],
    }
