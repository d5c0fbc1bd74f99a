"""The account of all money that moved or is held, by which a test proves that nothing was charged twice."""

import json
from typing import Any

from ballast.sandbox.square.known_cards import CARDS
from ballast.sandbox.store import Record, Store

STATUS = {"APPROVED": "authorized", "COMPLETED": "captured", "CANCELED": "canceled"}


def list_money(store: Store) -> list[dict[str, Any]]:
    """Return every approved payment of every account, oldest first per account; amounts in minor units."""
    rows = (
        (account, json.loads(row))
        for account in store.accounts("square_payments")
        for row in store.tables[f"{account}/square_payments"].values()
    )
    return [
        describe(account, payment, store.has("square_disputes", account, payment["id"]))
        for account, payment in rows
        if payment["status"] in STATUS
    ]


def describe(account: str, payment: Record, disputed: bool) -> dict[str, Any]:
    """Return one line of the account; `amount` is what was approved at first."""
    return {
        "id": payment["id"],
        "processor": "square",
        "amount": payment["_approved"],
        "currency": payment["currency"].lower(),
        "status": STATUS.get(payment["status"], "failed"),
        "amount_captured": payment["amount"] if payment["status"] == "COMPLETED" else 0,
        "amount_refunded": payment["_refunded"],
        "disputed": disputed,
        "payment_intent": payment["id"],
        "reference": payment.get("reference_id"),
        "idempotency_key": payment["_key"],
        "account": account,
        "last4": CARDS[payment["_card"]].last4,
        "created": int(payment["_moment"]),
    }
