"""The account of all money that moved or is held at Braintree, in the same words as at the others."""

import json
from typing import Any

from ballast.sandbox.braintree.card_numbers import last4_of
from ballast.sandbox.braintree.merchants import PREFIX, id_of
from ballast.sandbox.store import Record, Store

STATUS = {
    "authorized": "authorized",
    "voided": "canceled",
    "authorization_expired": "canceled",
    "settlement_declined": "canceled",
}
NOTHING = ("processor_declined", "gateway_rejected", "failed", "authorizing")


def list_money(store: Store) -> list[dict[str, Any]]:
    """Return every approved charge of every merchant, oldest first per merchant; amounts in minor units."""
    found = []
    for account in store.accounts("transactions"):
        if account.startswith(PREFIX):
            records = [json.loads(row) for row in store.tables[f"{account}/transactions"].values()]
            by_id = {record["id"]: record for record in records}
            disputed = {one["transaction"] for one in store.begin(account).newest("disputes")}
            found += [describe(id_of(account), record, by_id, disputed) for record in records if is_charge(record)]
    return found


def is_charge(record: Record) -> bool:
    """Tell a charge that went through from a refund, from a part of another, and from what was refused."""
    return record["type"] == "sale" and record["authorized"] is None and record["status"] not in NOTHING


def describe(merchant_id: str, record: Record, by_id: dict[str, Record], disputed: set[str]) -> dict[str, Any]:
    """Return one line of the account; parts taken from an authorization count for it."""
    parts = [part for key in record["partials"] if (part := by_id.get(key)) and part["status"] != "voided"]
    taken = sum(part["amount"] for part in parts) if record["partials"] else record["amount"]
    status = (
        "captured"
        if record["partials"]
        else STATUS.get(record["status"], "failed" if record["status"] in NOTHING else "captured")
    )
    return {
        "id": record["id"],
        "processor": "braintree",
        "amount": record["history"][0][2],
        "currency": record["currency"].lower(),
        "status": status,
        "amount_captured": taken if status == "captured" else 0,
        "amount_refunded": sum(one["returned"] for one in parts or [record]),
        "disputed": not disputed.isdisjoint((record["id"], *record["partials"])),
        "payment_intent": None,
        "reference": record["order_id"],
        "idempotency_key": record["key"],
        "account": merchant_id,
        "last4": last4_of(record["card"]),
        "created": record["created"],
    }
