"""The states of a transaction, and the way of the money: submitted, settling, settled, in the sandbox on a timer.

Source: developer.paypal.com/braintree/docs/reference/general/statuses.
"""

from typing import Any

from ballast.sandbox.braintree import disputes, notifications
from ballast.sandbox.braintree.money import whole
from ballast.sandbox.braintree.objects import show_transaction
from ballast.sandbox.braintree.routes import Call
from ballast.sandbox.store import Record

SETTLING = ("submitted_for_settlement", "settling", "settlement_confirmed", "settlement_pending")
REFUNDABLE = ("settling", "settled")
# What a transaction may become; a state that is not named is the last.
NEXT = {
    None: ("authorized", "submitted_for_settlement", "processor_declined", "gateway_rejected", "failed"),
    "authorized": ("submitted_for_settlement", "settlement_pending", "voided", "authorization_expired"),
    "submitted_for_settlement": (
        *("settling", "settled", "settlement_confirmed", "settlement_pending", "settlement_declined", "voided"),
        *("failed", "processor_declined"),
    ),
    "settlement_pending": ("settled", "settling", "settlement_confirmed", "settlement_declined", "voided"),
    "settlement_confirmed": ("settling", "settled", "settlement_declined"),
    "settling": ("settled", "settlement_declined", "settlement_confirmed", "failed", "processor_declined"),
    "settled": ("settlement_declined", "failed", "processor_declined"),
}


def move(call: Call, record: Record, status: str) -> None:
    """Put a transaction into another state and its history. Raises ValueError for a step that does not exist."""
    if status not in NEXT.get(record["status"], ()):
        raise ValueError(f"{record['status']} cannot become {status}")
    record["status"] = status
    record["updated"] = call.now
    record["history"].append([status, call.now, record["amount"]])


def submit(call: Call, record: Record) -> None:
    """Submit for settlement, and set the timers that settle."""
    move(call, record, "submitted_for_settlement")
    lasts = call.merchant["settle_after"]
    for name, wait in (("settling", lasts / 2), ("settled", lasts)):
        timer = {"id": f"{record['id']}.{name}", "due": call.now + wait, "transaction": record["id"], "status": name}
        call.tx.put("settlements", timer)


def ring(call: Call, key: str) -> None:
    """Do what a timer was set for, if the transaction still goes that way."""
    timer = call.tx.get("settlements", key)
    if timer is None:
        return
    call.tx.delete("settlements", key)
    record = call.tx.get("transactions", timer["transaction"])
    if record is None or record["status"] not in SETTLING or record["status"] == timer["status"]:
        return
    if timer["status"] == "settling":
        if record["status"] == "submitted_for_settlement":
            move(call, record, "settling")
            call.tx.put("transactions", record)
    else:
        settle(call, record)


def settle(call: Call, record: Record) -> None:
    """End the settlement: by the amount 4001 it is declined, else the money has arrived."""
    if record["type"] == "sale" and int(whole(record["amount"], record["currency"])) == 4001:
        decline(call, record)
        return
    move(call, record, "settled")
    record |= {"settled_at": call.now, "batch": f"{call.now // 86400}_{record['merchant_account']}"}
    record |= {"settlement_code": "4000", "settlement_text": "Confirmed"}
    finish(call, record, "transaction_settled")
    settle_parent(call, record)
    if notifications.is_disputed(record):
        disputes.open_dispute(call, record)


def decline(call: Call, record: Record) -> None:
    """End the settlement with a no."""
    move(call, record, "settlement_declined")
    record |= {"settlement_code": "4001", "settlement_text": "Settlement Declined"}
    finish(call, record, "refund_failed" if record["type"] == "credit" else "transaction_settlement_declined")


def finish(call: Call, record: Record, kind: str) -> None:
    """Write a transaction and send the notification about it."""
    call.tx.put("transactions", record)
    notifications.notify(call, kind, {"transaction": show_transaction(record, call.now)})


def settle_parent(call: Call, record: Record) -> None:
    """Settle an authorization once the parts taken from it, all settled, make up the whole."""
    parent = call.tx.get("transactions", record["authorized"]) if record["authorized"] else None
    if parent is None or parent["status"] != "settlement_pending":
        return
    parts: list[dict[str, Any]] = [one for key in parent["partials"] if (one := call.tx.get("transactions", key))]
    if sum(part["amount"] for part in parts if part["status"] == "settled") == parent["amount"]:
        move(call, parent, "settled")
        parent["settled_at"] = call.now
        call.tx.put("transactions", parent)
