"""What people want to see of Braintree's records, in the words that are the same for all processors; amounts in minor units."""

import json
from typing import Any

from ballast.sandbox.acts import find_account
from ballast.sandbox.braintree.cards import CARDS
from ballast.sandbox.braintree.controls import OVER, REASONS
from ballast.sandbox.braintree.merchants import PREFIX, id_of, load_merchant
from ballast.sandbox.braintree.money_held import describe
from ballast.sandbox.braintree.settlement import SETTLING
from ballast.sandbox.store import Record, Store

OVER_REFUNDS = ("failed", "settlement_declined")


def list_customers(store: Store) -> list[dict[str, Any]]:
    """Return the customers, each with the cards in the vault."""
    found = []
    for account in accounts(store, "customers"):
        tx = store.begin(account)
        found += [
            {
                "processor": "braintree",
                "account": id_of(account),
                "id": customer["id"],
                "name": " ".join(filter(None, map(customer.get, ("first_name", "last_name")))) or None,
                "email": customer.get("email"),
                "created": customer["created"],
                "cards": [show_card(method) for method in tx.find("payment_methods", customer["id"])],
            }
            for customer in tx.newest("customers")
        ]
    return found


def accounts(store: Store, kind: str) -> list[str]:
    """Return the merchants that have any record of this kind."""
    return [account for account in store.accounts(kind) if account.startswith(PREFIX)]


def show_card(method: Record) -> dict[str, Any]:
    """Return a stored card."""
    facts = method["card"]
    card = CARDS[facts["name"]]
    expires = f"{facts['month']}/{facts['year']}"
    return {
        "id": method["id"],
        "brand": card.brand.lower(),
        "last4": card.last4,
        "expires": expires,
        "enabled": True,
    }


def describe_charge(store: Store, key: str) -> dict[str, Any]:
    """Return a charge with its refunds, disputes and what can be done to it. Raises RefusedActError."""
    account = find_account(store, "transactions", key)
    rows = store.tables[f"{account}/transactions"]
    record = json.loads(rows[key])
    parts = {one: json.loads(rows[one]) for one in record["partials"] if one in rows}
    refunds = [json.loads(rows[one]) for one in reversed(record["refunds"]) if one in rows]
    disputes = [one for one in store.begin(account).newest("disputes") if one["transaction"] in (key, *parts)]
    disputable = record["status"] == "settled" and not parts and all(one["status"] in OVER for one in disputes)
    return describe(id_of(account), record, parts, {one["transaction"] for one in disputes}) | {
        "state": record["status"],
        "brand": CARDS[record["card"]["name"]].brand.lower(),
        "refunds": [show_refund(one) for one in refunds],
        "disputes": [show_dispute(one) for one in disputes],
        "reasons": REASONS if disputable else (),
        "expires": record["status"] == "authorized",
        "settles": record["status"] in SETTLING and not parts,
    }


def show_refund(record: Record) -> dict[str, Any]:
    """Return a refund."""
    return {
        "id": record["id"],
        "amount": record["amount"],
        "currency": record["currency"].lower(),
        "status": record["status"],
        "created": record["created"],
        "fails": record["status"] not in OVER_REFUNDS,
        "settles": record["status"] in SETTLING,
    }


def show_dispute(dispute: Record) -> dict[str, Any]:
    """Return a dispute."""
    shown = {name: dispute[name] for name in ("id", "amount", "reason", "status", "created")}
    return shown | {"currency": dispute["currency"].lower()}


def list_endpoints(store: Store) -> list[dict[str, Any]]:
    """Return the merchants that have an address for notifications, with the private keys that sign."""
    merchants = (load_merchant(store.begin(account)) for account in accounts(store, "webhook_endpoints"))
    return [
        {
            "processor": "braintree",
            "account": merchant["merchant_id"],
            "id": merchant["merchant_id"],
            "url": merchant["url"],
            "events": ["*"],
            "enabled": True,
            "secrets": [f"{public} / {private}" for public, private in reversed(merchant["keys"].items())],
        }
        for merchant in merchants
        if merchant["url"]
    ]
