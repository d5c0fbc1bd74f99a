"""Charges: what an intent tried with a card, whether it worked or not."""

from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.stripe.balance_transactions import book
from ballast.sandbox.stripe.cards import CARDS
from ballast.sandbox.stripe.declines import Decline
from ballast.sandbox.stripe.events import emit
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.lists import having, list_page
from ballast.sandbox.stripe.objects import show_charge
from ballast.sandbox.stripe.parameters import EXPAND, PAGE, filled
from ballast.sandbox.stripe.routes import Call, route

# The holder of a card that disputes does so after so many seconds.
DISPUTED_AFTER = 1
COPIED = (
    "amount",
    "currency",
    "customer",
    "description",
    "metadata",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
)


@route("GET", "charges/{}", "charges.retrieve", {"expand": EXPAND})
def retrieve_charge(call: Call, key: str) -> dict[str, Any]:
    """Answer one charge."""
    return expand(call.tx, show_charge(call.load("charges", key, "charge")), call.params.get("expand", []))


@route("GET", "charges", "charges.list", PAGE | {"customer": filled, "payment_intent": filled})
def list_charges(call: Call) -> dict[str, Any]:
    """Answer charges, failed ones included."""
    intent = call.params.get("payment_intent")
    found = call.tx.find("charges", intent) if intent else call.tx.newest("charges")
    return list_page(call, "/v1/charges", found, show_charge, having("customer", call.params.get("customer")))


def begin_charge(call: Call, intent: Record, method: Record, three_d_secure: Record | None) -> Record:
    """Return a charge for the intent, not yet decided."""
    charge = {
        "id": new_id("ch"),
        "created": call.now,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "billing_details": method.get("billing_details"),
        "_card": method["_card"],
        "_three_d_secure": three_d_secure,
        "_key": call.idempotency_key or intent.get("_key"),
    }
    return charge | {name: intent[name] for name in COPIED if name in intent}


def approve_charge(call: Call, charge: Record, *, capture: bool) -> Record:
    """Write a charge that the issuer approved."""
    card = CARDS[charge["_card"]["name"]]
    charge["outcome"] = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": "elevated_risk_level" if card.risk == "elevated" else None,
        "risk_level": card.risk,
        "risk_score": 72 if card.risk == "elevated" else 24,
        "seller_message": "Payment complete.",
        "type": "manual_review" if card.risk == "elevated" else "authorized",
    }
    if capture:
        settle_charge(call, charge, charge["amount"])
    call.tx.put("charges", charge)
    emit(call, "charge.succeeded", show_charge(charge))
    return charge


def settle_charge(call: Call, charge: Record, amount: int) -> None:
    """Capture so much of an approved charge; the rest of the hold is released, which Stripe counts as refunded."""
    released = charge["amount"] - amount
    available = charge["_card"]["name"] == "bypassPending"
    booked = book(call, "charge", amount, charge["currency"], charge["id"], available=available)
    if CARDS[charge["_card"]["name"]].dispute:
        call.tx.put("timers", {"id": charge["id"], "due": call.now + DISPUTED_AFTER})
    charge |= {
        "captured": True,
        "amount_captured": amount,
        "amount_refunded": released,
        "balance_transaction": booked["id"],
    }


def fail_charge(call: Call, charge: Record, decline: Decline) -> Record:
    """Write a charge that was refused."""
    card = CARDS[charge["_card"]["name"]]
    charge |= {
        "paid": False,
        "status": "failed",
        "failure_code": decline.code,
        "failure_message": decline.message,
        "outcome": {
            "advice_code": decline.advice_code,
            "network_advice_code": None,
            "network_decline_code": decline.network_code,
            "network_status": "not_sent_to_network" if decline.blocked else "declined_by_network",
            "reason": "highest_risk_level" if decline.blocked else decline.decline_code,
            "risk_level": "highest" if decline.blocked else card.risk,
            "risk_score": 92 if decline.blocked else 31,
            "seller_message": "Stripe blocked this payment as too risky."
            if decline.blocked
            else "The bank did not approve this payment.",
            "type": "blocked" if decline.blocked else "issuer_declined",
        },
    }
    call.tx.put("charges", charge)
    emit(call, "charge.failed", show_charge(charge))
    return charge
