"""Disputes: opened by the cards that do so, or by whoever plays with the sandbox; answered, accepted, won, lost.

Source: docs.stripe.com/testing (disputes, evidence) and docs.stripe.com/disputes/how-disputes-work. The text of the evidence
decides: `winning_evidence` wins, `losing_evidence` loses, `escalate_inquiry_evidence` makes an inquiry a chargeback; any other
stays under review.
"""

from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.stripe.balance_transactions import book
from ballast.sandbox.stripe.cards import CARDS
from ballast.sandbox.stripe.dispute_objects import EVIDENCE, show_dispute
from ballast.sandbox.stripe.errors import refuse_parameter, refuse_state
from ballast.sandbox.stripe.events import emit
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.lists import having, list_page
from ballast.sandbox.stripe.objects import show_charge
from ballast.sandbox.stripe.parameters import EXPAND, PAGE, boolean, filled, merge_metadata, metadata, text
from ballast.sandbox.stripe.routes import Call, route

DUE_SECONDS = 9 * 86400
# The bank thinks for so many seconds over what it was sent.
DECIDED_AFTER = 1
# In minor units of any currency; given back with the money when a dispute is won.
FEE = 1500
MOST_CHARACTERS = 150_000
REASONS = (
    "fraudulent",
    "product_not_received",
    "product_unacceptable",
    "duplicate",
    "credit_not_processed",
    "subscription_canceled",
    "unrecognized",
    "general",
)
INQUIRY = "inquiry"
NETWORK_CODES = {"fraudulent": "10.4", "product_not_received": "13.1", "duplicate": "12.6.1"}
OPEN = ("needs_response", "warning_needs_response")
CHARGED_BACK = ("needs_response", "under_review", "lost")
UNDER_REVIEW = {"needs_response": "under_review", "warning_needs_response": "warning_under_review"}
UPDATE = {
    "evidence": dict.fromkeys(EVIDENCE, text(20_000)),
    "expand": EXPAND,
    "metadata": metadata,
    "submit": boolean,
}


def open_dispute(call: Call, charge: Record, reason: str) -> Record:
    """Open a dispute over what was captured and not given back. The reason `inquiry` asks first and takes no money yet."""
    inquiry = reason == INQUIRY
    dispute: Record = {
        "id": new_id("dp"),
        "amount": charge["amount"] - charge["amount_refunded"],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "payment_intent": charge.get("payment_intent"),
        "reason": "fraudulent" if inquiry else reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
        "metadata": {},
        "_bookings": [],
        "_brand": CARDS[charge["_card"]["name"]].brand,
        "_code": NETWORK_CODES.get("fraudulent" if inquiry else reason, "13.7"),
        "_due": call.now + DUE_SECONDS,
        "_evidence": {},
        "_submitted": 0,
    }
    call.tx.put("disputes", dispute)
    if not inquiry:
        withdraw(call, dispute)
    call.tx.put("charges", charge | {"disputed": True})
    tell(call, dispute, "created")
    emit(call, "charge.updated", show_charge(charge | {"disputed": True}), {"disputed": charge.get("disputed", False)})
    if not inquiry:
        tell(call, dispute, "funds_withdrawn")
    return dispute


def withdraw(call: Call, dispute: Record) -> None:
    """Take the money and the fee from the balance."""
    booked = book(call, "dispute", -dispute["amount"], dispute["currency"], dispute["id"], fee=FEE)
    dispute["_bookings"] = [*dispute["_bookings"], booked["id"]]
    call.tx.put("disputes", dispute)


def reinstate(call: Call, dispute: Record) -> None:
    """Give the money and the fee back."""
    booked = book(call, "dispute_reversal", dispute["amount"], dispute["currency"], dispute["id"], fee=-FEE)
    dispute["_bookings"] = [*dispute["_bookings"], booked["id"]]
    call.tx.put("disputes", dispute)


def tell(call: Call, dispute: Record, what: str, previous: dict[str, Any] | None = None) -> None:
    """Emit `charge.dispute.<what>`."""
    emit(call, f"charge.dispute.{what}", show_dispute(call.tx, dispute), previous)


def find_dispute(call: Call, charge_id: str) -> Record | None:
    """Return the latest dispute over a charge."""
    return next(iter(call.tx.find("disputes", charge_id)), None)


def refuse_disputed(call: Call, charge: Record) -> None:
    """Raise the 400 of a refund for money that the card's holder has taken back already."""
    dispute = find_dispute(call, charge["id"]) if charge.get("disputed") else None
    if dispute and dispute["status"] in CHARGED_BACK:
        raise refuse_state(f"Charge {charge['id']} has been charged back; cannot issue a refund.", "charge_disputed")


def close_refunded_inquiry(call: Call, charge: Record) -> None:
    """End an inquiry about a charge that was given back in full: there is nothing left to ask."""
    dispute = find_dispute(call, charge["id"]) if charge.get("disputed") and charge.get("refunded") else None
    if dispute and dispute["status"].startswith("warning_") and dispute["status"] != "warning_closed":
        end(call, dispute, "warning_closed")


@route("GET", "disputes/{}", "disputes.retrieve", {"expand": EXPAND})
def retrieve_dispute(call: Call, key: str) -> dict[str, Any]:
    """Answer one dispute."""
    return answer(call, call.load("disputes", key, "dispute"))


@route("GET", "disputes", "disputes.list", PAGE | {"charge": filled, "payment_intent": filled})
def list_disputes(call: Call) -> dict[str, Any]:
    """Answer disputes."""
    charge = call.params.get("charge")
    found = call.tx.find("disputes", charge) if charge else call.tx.newest("disputes")
    wanted = having("payment_intent", call.params.get("payment_intent"))
    return list_page(call, "/v1/disputes", found, lambda record: show_dispute(call.tx, record), wanted)


@route("POST", "disputes/{}", "disputes.update", UPDATE)
def update_dispute(call: Call, key: str) -> dict[str, Any]:
    """Add evidence, and send it to the bank unless `submit` is false."""
    dispute = call.load("disputes", key, "dispute")
    before = dispute["status"]
    dispute["metadata"] = merge_metadata(dispute["metadata"], call.params)
    if "evidence" in call.params or call.params.get("submit"):
        add_evidence(call, dispute)
    call.tx.put("disputes", dispute)
    tell(call, dispute, "updated", {"status": before} if before != dispute["status"] else None)
    return answer(call, dispute)


def add_evidence(call: Call, dispute: Record) -> None:
    """Take over the texts, and submit them if that is meant. Raises 400 for a dispute that waits for none."""
    refuse_unless_open(dispute)
    given = call.params.get("evidence") or {}
    evidence = {name: value for name, value in (dispute["_evidence"] | given).items() if value is not None}
    if sum(map(len, evidence.values())) > MOST_CHARACTERS:
        raise refuse_parameter(f"Evidence may have at most {MOST_CHARACTERS} characters in all.", "evidence")
    dispute["_evidence"] = evidence
    if call.params.get("submit", True):
        dispute |= {"status": UNDER_REVIEW[dispute["status"]], "_submitted": dispute["_submitted"] + 1}
        call.tx.put("timers", {"id": dispute["id"], "due": call.now + DECIDED_AFTER})


def refuse_unless_open(dispute: Record) -> None:
    """Raise the 400 for a dispute that is not the merchant's to answer."""
    if dispute["status"] not in OPEN:
        raise refuse_state(f"This dispute cannot be changed: its status is {dispute['status']}.")


@route("POST", "disputes/{}/close", "disputes.close", {"expand": EXPAND})
def close_dispute(call: Call, key: str) -> dict[str, Any]:
    """Give in, for good."""
    dispute = call.load("disputes", key, "dispute")
    refuse_unless_open(dispute)
    end(call, dispute, "lost" if dispute["status"] == "needs_response" else "warning_closed")
    return answer(call, dispute)


def decide(call: Call, key: str) -> None:
    """Let the bank decide over what it was sent, by the words in it."""
    dispute = call.tx.get("disputes", key)
    if dispute is None or dispute["status"] not in UNDER_REVIEW.values():
        return
    inquiry = dispute["status"] == "warning_under_review"
    said = " ".join(dispute["_evidence"].values())
    if inquiry and "escalate_inquiry_evidence" in said:
        escalate(call, dispute)
    elif "winning_evidence" in said:
        end(call, dispute, "warning_closed" if inquiry else "won")
    elif "losing_evidence" in said:
        end(call, dispute, "warning_closed" if inquiry else "lost")


def escalate(call: Call, dispute: Record) -> None:
    """Make a chargeback of an inquiry: the money goes, and the merchant is asked anew."""
    before = dispute["status"]
    dispute |= {"status": "needs_response", "_due": call.now + DUE_SECONDS, "_evidence": {}}
    withdraw(call, dispute)
    tell(call, dispute, "updated", {"status": before})
    tell(call, dispute, "funds_withdrawn")


def end(call: Call, dispute: Record, status: str) -> None:
    """Close a dispute; the money of one that was won comes back."""
    before = dispute["status"]
    dispute["status"] = status
    call.tx.put("disputes", dispute)
    if status == "won":
        reinstate(call, dispute)
    tell(call, dispute, "closed", {"status": before})
    if status == "won":
        tell(call, dispute, "funds_reinstated")


def answer(call: Call, dispute: Record) -> dict[str, Any]:
    """Return the dispute as asked for."""
    return expand(call.tx, show_dispute(call.tx, dispute), call.params.get("expand", []))
