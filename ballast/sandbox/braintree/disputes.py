"""Disputes: opened by the card that always disputes or on demand, answered with evidence, accepted, won or lost.

Source: developer.paypal.com/braintree/docs/guides/disputes/testing-go-live (text evidence decides: `compelling_evidence` wins,
`losing_evidence` loses; the amount chooses the reason).
"""

from typing import Any

from ballast.sandbox.braintree import notifications
from ballast.sandbox.braintree.errors import invalid
from ballast.sandbox.braintree.markup import Day, Instant, Items, Page
from ballast.sandbox.braintree.money import whole, write_amount
from ballast.sandbox.braintree.parameters import ANY, keys
from ballast.sandbox.braintree.routes import Call, Reply, new_id, route
from ballast.sandbox.store import Record

PAGE_SIZE = 50
DAYS_TO_REPLY = 7
# The reason a disputed charge of this amount gets; any other amount is fraud.
REASONS = {"83.00": ("fraud", "83"), "10.40": ("fraud", "10.4"), "13.10": ("product_not_received", "13.1")}
CATEGORIES = "category comments content sequence_number document_upload_id"


def open_dispute(call: Call, transaction: Record, amount: int | None = None, reason: str | None = None) -> Record:
    """Open a dispute about a charge, about all of it unless an amount is given in minor units."""
    by_amount, code = REASONS.get(f"{whole(transaction['amount'], transaction['currency']):.2f}", ("fraud", "83"))
    dispute: Record = {
        "id": new_id(16),
        "transaction": transaction["id"],
        "amount": amount or transaction["amount"],
        "currency": transaction["currency"],
        "merchant_account": transaction["merchant_account"],
        "reason": reason or by_amount,
        "reason_code": code,
        "status": "open",
        "created": call.now,
        "updated": call.now,
        "evidence": [],
        "history": [],
        "order_id": transaction["order_id"],
        "charged": [transaction["amount"], transaction["created"]],
    }
    move(call, dispute, "open", "dispute_opened")
    return dispute


def move(call: Call, dispute: Record, status: str, kind: str) -> None:
    """Put a dispute into a state, and say so."""
    dispute |= {"status": status, "updated": call.now}
    dispute["history"].append([status, call.now])
    call.tx.put("disputes", dispute)
    notifications.notify(call, kind, {"dispute": show_dispute(dispute)})


def show_dispute(dispute: Record) -> dict[str, Any]:
    """Return a `dispute`."""
    amount, currency = write_amount(dispute["amount"], dispute["currency"]), dispute["currency"]
    charged, created = dispute["charged"]
    won = dispute["status"] == "won"
    history = [{"status": status, "timestamp": Instant(at)} for status, at in dispute["history"]]
    return {
        "id": dispute["id"],
        "amount": amount,
        "amount_disputed": amount,
        "amount_won": amount if won else write_amount(0, currency),
        "case_number": f"CASE-{dispute['id'][:6]}",
        "created_at": Instant(dispute["created"]),
        "updated_at": Instant(dispute["updated"]),
        "currency_iso_code": currency,
        "date_opened": Day(dispute["created"]),
        "date_won": Day(dispute["updated"]) if won else None,
        "forwarded_comments": None,
        "processor_comments": None,
        "kind": "chargeback",
        "merchant_account_id": dispute["merchant_account"],
        "original_dispute_id": None,
        "reason": dispute["reason"],
        "reason_code": dispute["reason_code"],
        "reason_description": None,
        "received_date": Day(dispute["created"]),
        "reference_number": f"REF-{dispute['id'][:6]}",
        "reply_by_date": Day(dispute["created"] + DAYS_TO_REPLY * 86400),
        "status": dispute["status"],
        "status_history": Items("status_history", history),
        "evidence": Items("evidence", [show_evidence(one) for one in dispute["evidence"]]),
        "global_id": f"ZGlzcHV0ZV8{dispute['id']}",
        "transaction": {
            "id": dispute["transaction"],
            "amount": write_amount(charged, currency),
            "created_at": Instant(created),
            "order_id": dispute["order_id"],
            "purchase_order_number": None,
            "payment_instrument_subtype": "Visa",
        },
    }


def show_evidence(evidence: Record) -> dict[str, Any]:
    """Return one piece of evidence."""
    return {
        "id": evidence["id"],
        "comment": evidence["comment"],
        "category": evidence["category"],
        "sequence_number": evidence["sequence_number"],
        "created_at": Instant(evidence["created"]),
        "sent_to_processor_at": None,
        "url": None,
    }


@route("GET", "disputes/{}", "disputes.find")
def find(call: Call, key: str) -> Reply:
    """Answer one dispute."""
    return Reply("dispute", show_dispute(call.load("disputes", key, "dispute")))


@route("POST", "disputes/advanced_search", "disputes.search", "search", ANY)
def search(call: Call) -> Reply:
    """Answer a page of the disputes that match."""
    found = [one for one in call.tx.newest("disputes") if matches(one, call.params)]
    number = max(1, int(call.query.get("page") or 1))
    shown = found[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    return Reply("disputes", Page("dispute", [show_dispute(one) for one in shown], number, PAGE_SIZE, len(found)))


def matches(dispute: Record, wanted: dict[str, Any]) -> bool:
    """Tell whether a dispute is what is looked for, by the criteria that are known here."""
    texts = {"id": dispute["id"], "transaction_id": dispute["transaction"]}
    lists = {"status": dispute["status"], "reason": dispute["reason"], "kind": "chargeback"}
    right = all((wanted.get(name) or {}).get("is", value) == value for name, value in texts.items())
    return right and all(name not in wanted or value in (wanted[name] or []) for name, value in lists.items())


@route("PUT", "disputes/{}/accept", "disputes.accept")
def accept(call: Call, key: str) -> None:
    """Give up a dispute."""
    dispute = call.load("disputes", key, "dispute")
    if dispute["status"] != "open":
        raise invalid("status", "95704", "dispute")
    move(call, dispute, "accepted", "dispute_accepted")


@route("PUT", "disputes/{}/finalize", "disputes.finalize")
def finalize(call: Call, key: str) -> None:
    """Send the evidence in; what was written decides."""
    dispute = call.load("disputes", key, "dispute")
    if dispute["status"] != "open":
        raise invalid("status", "95705", "dispute")
    move(call, dispute, "disputed", "dispute_disputed")
    comments = " ".join(str(one["comment"]) for one in dispute["evidence"])
    if "compelling_evidence" in comments:
        move(call, dispute, "won", "dispute_won")
    elif "losing_evidence" in comments:
        move(call, dispute, "lost", "dispute_lost")


@route("POST", "disputes/{}/evidence", "disputes.add_evidence", "evidence", keys(CATEGORIES))
def add_evidence(call: Call, key: str) -> Reply:
    """Add a text."""
    dispute = call.load("disputes", key, "dispute")
    if dispute["status"] != "open":
        raise invalid("status", "95701", "dispute")
    evidence = {
        "id": new_id(16),
        "comment": call.params.get("comments") or call.params.get("content"),
        "category": call.params.get("category"),
        "sequence_number": call.params.get("sequence_number"),
        "created": call.now,
    }
    dispute["evidence"].append(evidence)
    call.tx.put("disputes", dispute)
    return Reply("evidence", show_evidence(evidence))
