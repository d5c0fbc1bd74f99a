"""What people want to see of Stripe's records, in the words that are the same for all processors; amounts in minor units."""

import json
from typing import Any

from ballast.sandbox.acts import find_account
from ballast.sandbox.store import Record, Store
from ballast.sandbox.stripe.cards import CARDS
from ballast.sandbox.stripe.controls import REASONS
from ballast.sandbox.stripe.deliveries import secrets_of
from ballast.sandbox.stripe.disputes import find_dispute
from ballast.sandbox.stripe.money_held import describe
from ballast.sandbox.stripe.routes import Call


def list_customers(store: Store) -> list[dict[str, Any]]:
    """Return the customers who were not deleted, each with the cards on file."""
    found = []
    for account in store.accounts("customers"):
        if ":" in account:
            continue
        tx = store.begin(account)
        found += [
            {
                "processor": "stripe",
                "account": account,
                "id": customer["id"],
                "name": customer.get("name"),
                "email": customer.get("email"),
                "created": customer["created"],
                "cards": [show_card(card) for card in tx.find("payment_methods", customer["id"])],
            }
            for customer in tx.newest("customers")
            if not customer.get("_deleted")
        ]
    return found


def show_card(method: Record) -> dict[str, Any]:
    """Return a stored card."""
    facts = method["_card"]
    card = CARDS[facts["name"]]
    expires = f"{facts['exp_month']:02d}/{facts['exp_year']}"
    return {"id": method["id"], "brand": card.brand, "last4": card.last4, "expires": expires, "enabled": True}


def describe_charge(store: Store, key: str) -> dict[str, Any]:
    """Return a charge with its refunds, disputes and what can be done to it. Raises RefusedActError."""
    account = find_account(store, "charges", key)
    tx = store.begin(account)
    charge = json.loads(store.tables[f"{account}/charges"][key])
    dispute = find_dispute(Call(tx, {}), key)
    open_to_dispute = charge.get("captured") and not charge.get("refunded") and not charge.get("disputed")
    return describe(account, charge) | {
        "state": charge.get("status", "succeeded"),
        "brand": CARDS[charge["_card"]["name"]].brand,
        "refunds": [show_refund(refund) for refund in tx.find("refunds", key)],
        "disputes": [show_dispute(dispute)] if dispute else [],
        "reasons": REASONS if open_to_dispute else (),
        "expires": not charge.get("captured") and charge.get("paid", True) and not charge.get("_released"),
        "settles": False,
    }


def show_refund(refund: Record) -> dict[str, Any]:
    """Return a refund."""
    shown = {name: refund[name] for name in ("id", "amount", "currency", "status", "created")}
    return shown | {"fails": refund["status"] in ("pending", "succeeded"), "settles": False}


def show_dispute(dispute: Record) -> dict[str, Any]:
    """Return a dispute."""
    return {name: dispute[name] for name in ("id", "amount", "currency", "reason", "status", "created")}


def list_endpoints(store: Store) -> list[dict[str, Any]]:
    """Return the addresses that events are sent to, with the secrets that sign."""
    return [
        {
            "processor": "stripe",
            "account": account,
            "id": endpoint["id"],
            "url": endpoint["url"],
            "events": endpoint["enabled_events"],
            "enabled": endpoint.get("status", "enabled") == "enabled",
            "secrets": secrets_of(endpoint, store.begin(account).now),
        }
        for account in store.accounts("webhook_endpoints")
        if ":" not in account
        for endpoint in store.begin(account).newest("webhook_endpoints")
    ]
