"""Disputes: opened by the amount of a payment, or by whoever plays with the sandbox."""

from typing import Any

from ballast.sandbox.square import money
from ballast.sandbox.square.errors import refuse
from ballast.sandbox.square.events import emit
from ballast.sandbox.square.fields import KEY, one_of, require, text
from ballast.sandbox.square.known_cards import CARDS, DISPUTES
from ballast.sandbox.square.lists import list_page
from ballast.sandbox.square.payment_objects import plan
from ballast.sandbox.square.routes import Call, new_key, route, write_instant
from ballast.sandbox.store import Record

OPEN = ("EVIDENCE_REQUIRED", "PROCESSING")
STATES = ("INQUIRY_EVIDENCE_REQUIRED", "INQUIRY_PROCESSING", "INQUIRY_CLOSED", *OPEN, "WON", "LOST", "ACCEPTED")
DUE_SECONDS = 7 * 86400
# The bank thinks for so many seconds over what it was sent, and finds for whoever sent any.
DECIDED_AFTER = 1
EVIDENCE_TYPES = (
    "GENERIC_EVIDENCE",
    "ONLINE_OR_APP_ACCESS_LOG",
    "AUTHORIZATION_DOCUMENTATION",
    "CANCELLATION_OR_REFUND_DOCUMENTATION",
    "CARDHOLDER_COMMUNICATION",
    "CARDHOLDER_INFORMATION",
    "PURCHASE_ACKNOWLEDGEMENT",
    "DUPLICATE_CHARGE_DOCUMENTATION",
    "PRODUCT_OR_SERVICE_DESCRIPTION",
    "RECEIPT",
    "SERVICE_RECEIVED_DOCUMENTATION",
    "PROOF_OF_DELIVERY_DOCUMENTATION",
    "RELATED_TRANSACTION_DOCUMENTATION",
    "REBUTTAL_EXPLANATION",
    "TRACKING_NUMBER",
)


def open_dispute(call: Call, payment_id: str, reason: str | None = None) -> Record | None:
    """Open a dispute over a completed payment that has none; the reason is that of its amount."""
    payment = call.tx.get("square_payments", payment_id)
    if payment is None or payment["status"] != "COMPLETED" or find_open(call, payment_id):
        return None
    record: Record = {
        "id": f"du_{new_key(20)}",
        "_moment": call.moment,
        "_payment": payment_id,
        "amount": payment["amount"] - payment["_refunded"],
        "currency": payment["currency"],
        "reason": reason or DISPUTES.get(payment["amount"], "NO_KNOWLEDGE"),
        "state": "EVIDENCE_REQUIRED",
        "due_at": write_instant(call.moment + DUE_SECONDS),
        "evidence": [],
        "card_brand": CARDS[payment["_card"]].brand,
        "created_at": call.now,
        "updated_at": call.now,
        "version": 1,
        "location_id": payment["location_id"],
    }
    call.tx.put("square_disputes", record)
    emit(call, "dispute.created", "dispute", show(record))
    return record


def find_open(call: Call, payment_id: str) -> Record | None:
    """Return the dispute over a payment that is not decided yet."""
    return next((one for one in call.tx.find("square_disputes", payment_id) if one["state"] in OPEN), None)


@route("GET", "disputes", "disputes.list", {"cursor": text(), "states": text(), "location_id": text()})
def list_disputes(call: Call) -> dict[str, Any]:
    """Answer the disputes in these states, separated by commas."""
    states = [state for state in call.params.get("states", "").split(",") if state]
    for state in states:
        one_of(*STATES)("states", state)
    found = [one for one in call.tx.newest("square_disputes") if not states or one["state"] in states]
    return list_page(call, "disputes", found, show)


@route("GET", "disputes/{}", "disputes.get", {})
def get_dispute(call: Call, key: str) -> dict[str, Any]:
    """Answer one dispute."""
    return {"dispute": show(load(call, key))}


@route("POST", "disputes/{}/accept", "disputes.accept", {})
def accept_dispute(call: Call, key: str) -> dict[str, Any]:
    """Give in: the buyer keeps the money."""
    return {"dispute": show(move(call, load_open(call, key), "ACCEPTED"))}


@route(
    "POST",
    "disputes/{}/evidence-text",
    "disputes.create_evidence_text",
    {"idempotency_key": KEY, "evidence_type": one_of(*EVIDENCE_TYPES), "evidence_text": text(500, 1)},
    keyed=True,
)
def add_evidence(call: Call, key: str) -> dict[str, Any]:
    """Add a text to what the bank will be sent."""
    require(call.params, "idempotency_key", "evidence_text")
    record = load_open(call, key)
    evidence = {
        "id": new_key(22),
        "dispute_id": key,
        "evidence_text": call.params["evidence_text"],
        "evidence_type": call.params.get("evidence_type", "GENERIC_EVIDENCE"),
        "uploaded_at": call.now,
    }
    record |= {"evidence": [*record["evidence"], evidence], "version": record["version"] + 1, "updated_at": call.now}
    call.tx.put("square_disputes", record)
    emit(call, "dispute.evidence.created", "dispute", show(record))
    return {"evidence": evidence}


@route("GET", "disputes/{}/evidence", "disputes.list_evidence", {"cursor": text()})
def list_evidence(call: Call, key: str) -> dict[str, Any]:
    """Answer what was added."""
    evidence = load(call, key)["evidence"]
    return {"evidence": evidence} if evidence else {}


@route("POST", "disputes/{}/submit-evidence", "disputes.submit_evidence", {})
def submit_evidence(call: Call, key: str) -> dict[str, Any]:
    """Send the bank what was added."""
    record = move(call, load_open(call, key), "PROCESSING")
    plan(call, f"decide-{key}", DECIDED_AFTER)
    return {"dispute": show(record)}


def decide(call: Call, key: str) -> None:
    """Let the bank decide."""
    record = call.tx.get("square_disputes", key)
    if record is not None and record["state"] == "PROCESSING":
        move(call, record, "WON" if record["evidence"] else "LOST")


def move(call: Call, record: Record, state: str) -> Record:
    """Bring a dispute to another state and tell it."""
    record |= {"state": state, "updated_at": call.now, "version": record["version"] + 1}
    call.tx.put("square_disputes", record)
    emit(call, "dispute.state.updated", "dispute", show(record))
    return record


def load(call: Call, key: str) -> Record:
    """Return a dispute. Raises 404."""
    return call.load("square_disputes", key, "dispute")


def load_open(call: Call, key: str) -> Record:
    """Return a dispute that waits for the seller. Raises 400 for one that does not."""
    record = load(call, key)
    if record["state"] != "EVIDENCE_REQUIRED":
        raise refuse("BAD_REQUEST", f"The dispute is {record['state']}.")
    return record


def show(record: Record) -> dict[str, Any]:
    """Return Square's `Dispute`."""
    names = ("id", "reason", "state", "due_at", "card_brand", "created_at", "updated_at", "version", "location_id")
    return {name: record[name] for name in names} | {
        "dispute_id": record["id"],
        "amount_money": money.of(record["amount"], record["currency"]),
        "disputed_payment": {"payment_id": record["_payment"]},
        "evidence_ids": [one["id"] for one in record["evidence"]],
        "reported_at": record["created_at"],
    }
