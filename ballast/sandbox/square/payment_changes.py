"""What can be done to a payment that is held: another amount, completing, canceling."""

from typing import Any

from ballast.sandbox.square.errors import refuse
from ballast.sandbox.square.events import emit
from ballast.sandbox.square.fields import KEY, money, not_played, one_of, require, text
from ballast.sandbox.square.idempotency import find_payment
from ballast.sandbox.square.payment_objects import save, settle, show
from ballast.sandbox.square.payments import load
from ballast.sandbox.square.routes import Call, route
from ballast.sandbox.store import Record

TOO_LATE = {
    "COMPLETED": ("DELAYED_TRANSACTION_CAPTURED", "The payment was completed already."),
    "CANCELED": ("DELAYED_TRANSACTION_CANCELED", "The payment was canceled already."),
    "FAILED": ("DELAYED_TRANSACTION_FAILED", "The payment failed."),
}
UPDATE = {
    "idempotency_key": KEY,
    "payment": {
        "amount_money": money,
        "version_token": text(),
        "delay_action": one_of("CANCEL", "COMPLETE"),
        "tip_money": not_played,
        "app_fee_money": not_played,
    },
}


@route("PUT", "payments/{}", "payments.update", UPDATE, keyed=True)
def update_payment(call: Call, key: str) -> dict[str, Any]:
    """Lower the amount of a payment that is held."""
    require(call.params, "idempotency_key")
    record, said = load_held(call, key, call.params.get("payment", {})), call.params.get("payment", {})
    amount = said.get("amount_money", {"amount": record["amount"], "currency": record["currency"]})
    if amount["currency"] != record["currency"]:
        raise refuse("INVALID_VALUE", "The currency of a payment cannot change.", "payment.amount_money.currency")
    if not 0 < amount["amount"] <= record["amount"]:
        raise refuse("INVALID_VALUE", "The amount can only be lowered.", "payment.amount_money.amount")
    save(call, record, amount=amount["amount"], delay_action=said.get("delay_action", record["delay_action"]))
    emit(call, "payment.updated", "payment", show(record))
    return {"payment": show(record)}


@route("POST", "payments/{}/complete", "payments.complete", {"version_token": text()})
def complete_payment(call: Call, key: str) -> dict[str, Any]:
    """Take the money that is held."""
    return {"payment": show(settle(call, load_held(call, key, call.params), "COMPLETED"))}


@route("POST", "payments/{}/cancel", "payments.cancel", {})
def cancel_payment(call: Call, key: str) -> dict[str, Any]:
    """Let go of the money that is held."""
    return {"payment": show(settle(call, load_held(call, key, {}), "CANCELED"))}


@route("POST", "payments/cancel", "payments.cancel_by_idempotency_key", {"idempotency_key": KEY})
def cancel_by_key(call: Call) -> dict[str, Any]:
    """Cancel the payment that was made with this key; where there is none nothing happens, and nothing is told."""
    require(call.params, "idempotency_key")
    payment_id = find_payment(call.tx, call.params["idempotency_key"])
    record = call.tx.get("square_payments", payment_id) if payment_id else None
    if record is None or record["status"] in ("CANCELED", "FAILED"):
        return {}
    settle(call, load_held(call, record["id"], {}), "CANCELED")
    return {}


def load_held(call: Call, key: str, said: dict[str, Any]) -> Record:
    """Return a payment that is held. Raises 400 for one that is not any more, or of another version than was said."""
    record = load(call, key)
    if record["status"] != "APPROVED":
        raise refuse(*TOO_LATE[record["status"]])
    if said.get("version_token") not in (None, record["version_token"]):
        raise refuse("VERSION_MISMATCH", "The payment has been changed since this version.", "version_token")
    return record


def end_delay(call: Call, payment_id: str) -> Record | None:
    """Do what was to be done with a payment that is still held when its time is up."""
    record = call.tx.get("square_payments", payment_id)
    if record is None or record["status"] != "APPROVED":
        return None
    return settle(call, record, "COMPLETED" if record["delay_action"] == "COMPLETE" else "CANCELED")
