"""What people want to see of Square's records, in the words that are the same for all processors; amounts in minor units."""

import datetime as dt
import json
from typing import Any

from ballast.sandbox.acts import find_account
from ballast.sandbox.square.controls import REASONS
from ballast.sandbox.square.disputes import OPEN
from ballast.sandbox.square.known_cards import CARDS
from ballast.sandbox.square.money_held import describe
from ballast.sandbox.store import Record, Store, Transaction


def list_customers(store: Store) -> list[dict[str, Any]]:
    """Return the customers, each with the cards on file, those that were disabled too."""
    found = []
    for account in store.accounts("square_customers"):
        tx = store.begin(account)
        cards = list(tx.newest("square_cards"))
        found += [
            {
                "processor": "square",
                "account": account,
                "id": customer["id"],
                "name": name_of(customer),
                "email": customer.get("email_address"),
                "created": read_instant(customer["created_at"]),
                "cards": [show_card(card) for card in cards if card["customer_id"] == customer["id"]],
            }
            for customer in tx.newest("square_customers")
        ]
    return found


def name_of(customer: Record) -> str | None:
    """Return a customer's name, or None."""
    names = (customer.get("given_name"), customer.get("family_name"))
    return " ".join(name for name in names if name) or customer.get("company_name")


def read_instant(text: str) -> int:
    """Return seconds since the epoch."""
    return int(dt.datetime.fromisoformat(text).timestamp())


def show_card(record: Record) -> dict[str, Any]:
    """Return a card on file."""
    card = CARDS[record["_card"]]
    brand = card.brand.replace("_", " ").lower()
    expires = f"{record['exp_month']:02d}/{record['exp_year']}"
    return {"id": record["id"], "brand": brand, "last4": card.last4, "expires": expires, "enabled": record["enabled"]}


def describe_charge(store: Store, key: str) -> dict[str, Any]:
    """Return a payment with its refunds, disputes and what can be done to it. Raises RefusedActError."""
    account = find_account(store, "square_payments", key)
    tx = store.begin(account)
    payment = json.loads(store.tables[f"{account}/square_payments"][key])
    disputes = tx.find("square_disputes", key)
    disputable = payment["status"] == "COMPLETED" and not any(one["state"] in OPEN for one in disputes)
    return describe(account, payment, bool(disputes)) | {
        "state": payment["status"].lower(),
        "brand": CARDS[payment["_card"]].brand.replace("_", " ").lower(),
        "refunds": [show_refund(one) for one in refunds_of(tx, payment)],
        "disputes": [show_dispute(one) for one in disputes],
        "reasons": REASONS if disputable and payment["amount"] > payment["_refunded"] else (),
        "expires": payment["status"] == "APPROVED",
        "settles": False,
    }


def refunds_of(tx: Transaction, payment: Record) -> list[Record]:
    """Return the refunds of a payment, the newest first."""
    found = (tx.get("square_refunds", key) for key in reversed(payment["refund_ids"]))
    return [refund for refund in found if refund]


def show_refund(refund: Record) -> dict[str, Any]:
    """Return a refund."""
    return {
        "id": refund["id"],
        "amount": refund["amount"],
        "currency": refund["currency"].lower(),
        "status": refund["status"].lower(),
        "created": int(refund["_moment"]),
        "fails": refund["status"] in ("PENDING", "COMPLETED"),
        "settles": False,
    }


def show_dispute(dispute: Record) -> dict[str, Any]:
    """Return a dispute."""
    return {
        "id": dispute["id"],
        "amount": dispute["amount"],
        "currency": dispute["currency"].lower(),
        "reason": dispute["reason"].lower(),
        "status": dispute["state"].lower(),
        "created": int(dispute["_moment"]),
    }


def list_endpoints(store: Store) -> list[dict[str, Any]]:
    """Return the addresses that events are sent to, with the key that signs."""
    return [
        {
            "processor": "square",
            "account": account,
            "id": record["id"],
            "url": record["notification_url"],
            "events": record["event_types"],
            "enabled": record["enabled"],
            "secrets": [record["signature_key"]],
        }
        for account in store.accounts("square_subscriptions")
        for record in store.begin(account).newest("square_subscriptions")
    ]
