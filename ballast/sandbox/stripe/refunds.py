"""Refunds, also those that take their time or come back."""

from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.stripe import disputes
from ballast.sandbox.stripe.balance_transactions import book
from ballast.sandbox.stripe.cards import CARDS
from ballast.sandbox.stripe.errors import refuse_parameter, refuse_state
from ballast.sandbox.stripe.events import emit
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.lists import having, list_page
from ballast.sandbox.stripe.money import format_amount
from ballast.sandbox.stripe.objects import show_charge, show_refund
from ballast.sandbox.stripe.parameters import EXPAND, PAGE, filled, integer, merge_metadata, metadata, one_of, text
from ballast.sandbox.stripe.routes import Call, route

# A refund that is pending, or fails later, is decided after so many seconds.
DECIDED_AFTER = 2
CREATE = {
    "amount": integer,
    "charge": filled,
    "expand": EXPAND,
    "instructions_email": text(),
    "metadata": metadata,
    "payment_intent": filled,
    "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
}


@route("POST", "refunds", "refunds.create", CREATE)
def create_refund(call: Call) -> dict[str, Any]:
    """Give back what was captured and not given back yet, or a part of it."""
    params = call.params
    charge = find_charge(call)
    disputes.refuse_disputed(call, charge)
    amount = check_refund(charge, params.get("amount"))
    refund: Record = {
        "id": new_id("re"),
        "amount": amount,
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "metadata": merge_metadata({}, params),
        "payment_intent": charge.get("payment_intent"),
        "reason": params.get("reason"),
        "_key": call.idempotency_key,
    }
    behavior = CARDS[charge["_card"]["name"]].refund
    refund["balance_transaction"] = book(call, "refund", -amount, charge["currency"], refund["id"])["id"]
    refund["status"] = "pending" if behavior == "pending" else "succeeded"
    if behavior != "succeeds":
        call.tx.put("timers", {"id": refund["id"], "due": call.now + DECIDED_AFTER})
    call.tx.put("refunds", refund)
    emit(call, "refund.created", show_refund(refund))
    change_refunded(call, charge, amount)
    disputes.close_refunded_inquiry(call, charge)
    return answer(call, refund)


@route("GET", "refunds/{}", "refunds.retrieve", {"expand": EXPAND})
def retrieve_refund(call: Call, key: str) -> dict[str, Any]:
    """Answer one refund."""
    return answer(call, call.load("refunds", key, "refund"))


@route("POST", "refunds/{}", "refunds.update", {"metadata": metadata, "expand": EXPAND})
def update_refund(call: Call, key: str) -> dict[str, Any]:
    """Change the metadata of a refund."""
    refund = call.load("refunds", key, "refund")
    refund["metadata"] = merge_metadata(refund.get("metadata", {}), call.params)
    emit(call, "refund.updated", show_refund(refund))
    return answer(call, call.tx.put("refunds", refund))


@route("GET", "refunds", "refunds.list", PAGE | {"charge": filled, "payment_intent": filled})
def list_refunds(call: Call) -> dict[str, Any]:
    """Answer refunds."""
    charge = call.params.get("charge")
    found = call.tx.find("refunds", charge) if charge else call.tx.newest("refunds")
    wanted = having("payment_intent", call.params.get("payment_intent"))
    return list_page(call, "/v1/refunds", found, show_refund, wanted)


def find_charge(call: Call) -> Record:
    """Return the charge to refund. Raises 400 where nothing was charged."""
    if call.params.get("charge"):
        return call.load("charges", call.params["charge"], "charge", "charge")
    key = call.params.get("payment_intent")
    if not key:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise refuse_parameter(message)
    intent = call.load("payment_intents", key, "payment_intent", "payment_intent")
    if intent["status"] != "succeeded":
        raise refuse_state(f"This PaymentIntent ({key}) does not have a successful charge to refund.")
    return call.load("charges", intent["latest_charge"], "charge", "charge")


def check_refund(charge: Record, wanted: int | None) -> int:
    """Return the amount to give back. Raises 400 for more than there is."""
    if not charge.get("captured"):
        raise refuse_state(f"Charge {charge['id']} was not captured; cancel its PaymentIntent instead of refunding it.")
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise refuse_state(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    amount = left if wanted is None else wanted
    if amount < 1:
        raise refuse_parameter("Refund amount must be at least 1.", "amount", "parameter_invalid_integer")
    if amount > left:
        asked, kept = (format_amount(number, charge["currency"]) for number in (amount, left))
        raise refuse_state(
            f"Refund amount ({asked} {charge['currency']}) is greater than unrefunded amount on charge "
            f"({kept} {charge['currency']})",
            param="amount",
        )
    return amount


def change_refunded(call: Call, charge: Record, amount: int) -> None:
    """Write on the charge that so much more was given back."""
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge.get("refunded", False)}
    charge["amount_refunded"] += amount
    charge["_returned"] = charge.get("_returned", 0) + amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    call.tx.put("charges", charge)
    kind = "charge.refunded" if amount > 0 else "charge.updated"
    emit(call, kind, show_charge(charge), before)


def decide_refund(call: Call, key: str) -> None:
    """End a refund that was waiting: a pending one arrives, one of the card that refuses comes back."""
    refund = call.tx.get("refunds", key)
    if refund is None or refund["status"] in ("failed", "canceled"):
        return
    charge = call.load("charges", refund["charge"], "charge")
    if CARDS[charge["_card"]["name"]].refund == "fails":
        fail_refund(call, refund, charge)
        return
    refund["status"] = "succeeded"
    call.tx.put("refunds", refund)
    emit(call, "refund.updated", show_refund(refund), {"status": "pending"})


def fail_refund(call: Call, refund: Record, charge: Record) -> None:
    """Write that the money came back to the merchant."""
    before = refund["status"]
    booked = book(call, "refund_failure", refund["amount"], refund["currency"], refund["id"])
    refund |= {
        "status": "failed",
        "failure_reason": "lost_or_stolen_card",
        "failure_balance_transaction": booked["id"],
    }
    call.tx.put("refunds", refund)
    change_refunded(call, charge, -refund["amount"])
    emit(call, "refund.updated", show_refund(refund), {"status": before})
    emit(call, "refund.failed", show_refund(refund))


def answer(call: Call, refund: Record) -> dict[str, Any]:
    """Return the refund as asked for."""
    return expand(call.tx, show_refund(refund), call.params.get("expand", []))
