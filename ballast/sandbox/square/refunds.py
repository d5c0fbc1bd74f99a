"""Refunds: pending at first, then completed, or rejected when someone says so."""

from typing import Any

from ballast.sandbox.square import disputes, money
from ballast.sandbox.square.errors import refuse, refuse_refund
from ballast.sandbox.square.events import emit
from ballast.sandbox.square.fields import WINDOW, boolean, instant, not_played, one_of, require, text
from ballast.sandbox.square.fields import money as read_money
from ballast.sandbox.square.lists import list_page, within
from ballast.sandbox.square.payment_objects import plan, save
from ballast.sandbox.square.payment_objects import show as show_payment
from ballast.sandbox.square.payments import load as load_payment
from ballast.sandbox.square.routes import Call, new_key, route
from ballast.sandbox.store import Record

# A refund is completed after so many seconds; at Square it can take days.
COMPLETED_AFTER = 1
STATUSES = ("PENDING", "COMPLETED", "REJECTED", "FAILED")
CREATE = {
    "idempotency_key": text(45, 1),
    "amount_money": read_money,
    "payment_id": text(),
    "reason": text(192),
    "payment_version_token": text(),
    "unlinked": boolean,
    **dict.fromkeys(
        (
            "app_fee_money",
            "app_fee_allocations",
            "destination_id",
            "location_id",
            "customer_id",
            "team_member_id",
            "cash_details",
            "external_details",
        ),
        not_played,
    ),
}
LIST = WINDOW | {
    "status": one_of(*STATUSES),
    "source_type": text(),
    "updated_at_begin_time": instant,
    "updated_at_end_time": instant,
    "sort_field": one_of("CREATED_AT"),
}


@route("POST", "refunds", "refunds.create", CREATE, keyed=True)
def create_refund(call: Call) -> dict[str, Any]:
    """Give back a completed payment, or a part of it."""
    params = call.params
    require(params, "idempotency_key", "amount_money", "payment_id")
    payment = load_payment(call, params["payment_id"], "payment_id")
    if params.get("payment_version_token") not in (None, payment["version_token"]):
        raise refuse("VERSION_MISMATCH", "The payment has been changed since this version.", "payment_version_token")
    check_refund(call, payment, params["amount_money"])
    record: Record = {
        "id": f"{payment['id']}_{new_key(43)}",
        "_moment": call.moment,
        "_key": params["idempotency_key"],
        "status": "PENDING",
        "amount": params["amount_money"]["amount"],
        "currency": payment["currency"],
        "payment_id": payment["id"],
        "location_id": payment["location_id"],
        "created_at": call.now,
        "updated_at": call.now,
        **({"reason": params["reason"]} if params.get("reason") else {}),
    }
    call.tx.put("square_refunds", record)
    count(call, payment, record["amount"], [*payment["refund_ids"], record["id"]])
    plan(call, f"refund-{record['id']}", COMPLETED_AFTER)
    emit(call, "refund.created", "refund", show(record))
    return {"refund": show(record)}


def check_refund(call: Call, payment: Record, amount: dict[str, Any]) -> None:
    """Raise the 400 of money that cannot be given back."""
    if payment["status"] == "APPROVED":
        raise refuse_refund("REFUND_ERROR_PAYMENT_NEEDS_COMPLETION", "The payment must be completed first.")
    if payment["status"] != "COMPLETED":
        raise refuse_refund("PAYMENT_NOT_REFUNDABLE", "The payment is not refundable.")
    if disputes.find_open(call, payment["id"]):
        raise refuse_refund("PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE", "The payment is disputed.")
    if amount["currency"] != payment["currency"]:
        raise refuse_refund("CURRENCY_MISMATCH", "The currency is not that of the payment.")
    if amount["amount"] < 1:
        raise refuse("VALUE_TOO_LOW", "`amount_money.amount` must be greater than 0.", "amount_money.amount")
    if amount["amount"] > payment["amount"] - payment["_refunded"]:
        raise refuse_refund(
            "REFUND_AMOUNT_INVALID", "The requested refund amount exceeds the amount available to refund."
        )


def count(call: Call, payment: Record, amount: int, refund_ids: list[str]) -> None:
    """Write on the payment that so much more is given back."""
    save(call, payment, _refunded=payment["_refunded"] + amount, refund_ids=refund_ids)
    emit(call, "payment.updated", "payment", show_payment(payment))


@route("GET", "refunds/{}", "refunds.get", {})
def get_refund(call: Call, key: str) -> dict[str, Any]:
    """Answer one refund."""
    return {"refund": show(call.load("square_refunds", key, "refund"))}


@route("GET", "refunds", "refunds.list", LIST)
def list_refunds(call: Call) -> dict[str, Any]:
    """Answer the refunds of a window."""
    wanted = call.params
    found = [
        refund
        for refund in within(call, call.tx.newest("square_refunds"))
        if wanted.get("status") in (None, refund["status"])
        and wanted.get("location_id") in (None, refund["location_id"])
        and wanted.get("source_type") in (None, "CARD")
    ]
    return list_page(call, "refunds", found, show)


def decide(call: Call, refund_id: str) -> None:
    """Let a refund that is pending arrive."""
    record = call.tx.get("square_refunds", refund_id)
    if record is not None and record["status"] == "PENDING":
        move(call, record, "COMPLETED")


def reject(call: Call, refund_id: str) -> str | None:
    """Have the bank refuse a pending refund, or send a completed one back; return the new status, None if it was over."""
    record = call.load("square_refunds", refund_id, "refund")
    status = {"PENDING": "REJECTED", "COMPLETED": "FAILED"}.get(record["status"])
    if status is None:
        return None
    move(call, record, status)
    payment = load_payment(call, record["payment_id"])
    count(call, payment, -record["amount"], payment["refund_ids"])
    return status


def move(call: Call, record: Record, status: str) -> None:
    """Bring a refund to another status and tell it."""
    record |= {"status": status, "updated_at": call.now}
    call.tx.put("square_refunds", record)
    emit(call, "refund.updated", "refund", show(record))


def show(record: Record) -> dict[str, Any]:
    """Return Square's `PaymentRefund`."""
    shown = {
        name: value for name, value in record.items() if name not in ("amount", "currency") and not name.startswith("_")
    }
    return shown | {
        "amount_money": money.of(record["amount"], record["currency"]),
        "destination_type": "CARD",
    }
