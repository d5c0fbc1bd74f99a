"""Payouts: what the merchant's balance sends to the bank, and how it arrives there a day later."""

from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.stripe.balance_transactions import book
from ballast.sandbox.stripe.events import emit
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.lists import having, list_page
from ballast.sandbox.stripe.objects import Shown, show
from ballast.sandbox.stripe.parameters import EXPAND, PAGE, filled, one_of
from ballast.sandbox.stripe.routes import Call, route

DAY = 24 * 3600
PAYOUT: Shown = {
    "object": "payout",
    "application_fee": None,
    "application_fee_amount": None,
    "automatic": True,
    "description": "STRIPE PAYOUT",
    "destination": "ba_sandbox",
    "failure_balance_transaction": None,
    "failure_code": None,
    "failure_message": None,
    "livemode": False,
    "metadata": {},
    "method": "standard",
    "original_payout": None,
    "payout_method": None,
    "reconciliation_status": "completed",
    "reversed_by": None,
    "source_type": "card",
    "statement_descriptor": None,
    "trace_id": None,
    "type": "bank_account",
}
STATUS = one_of("pending", "paid", "failed", "canceled", "in_transit")


def pay_out(call: Call, currency: str) -> Record | None:
    """Send everything in a currency that was not paid out before; None where that is nothing, or less."""
    waiting = [
        booked
        for booked in call.tx.newest("balance_transactions")
        if booked["currency"] == currency and not booked.get("_payout")
    ]
    amount = sum(booked["net"] for booked in waiting)
    if amount <= 0:
        return None
    made = {
        "id": new_id("po"),
        "amount": amount,
        "arrival_date": (call.now // DAY + 1) * DAY,
        "created": call.now,
        "currency": currency,
        "status": "in_transit",
    }
    taken = book(call, "payout", -amount, currency, made["id"], available=True)
    for booked in (*waiting, taken):
        call.tx.put("balance_transactions", booked | {"_payout": made["id"]})
    call.tx.put("timers", {"id": made["id"], "due": call.now + DAY})
    call.tx.put("payouts", made | {"balance_transaction": taken["id"]})
    emit(call, "payout.created", show(PAYOUT, made))
    return made


def end(call: Call, key: str, status: str = "paid") -> str:
    """Let a payout arrive at the bank, or fail: then it stands on the balance again. Answers its status."""
    payout = call.load("payouts", key, "payout")
    if payout["status"] != "in_transit":
        return str(payout["status"])
    payout["status"] = status
    if status == "failed":
        back = book(call, "payout_failure", payout["amount"], payout["currency"], key, available=True)
        payout |= {"failure_code": "account_closed", "failure_balance_transaction": back["id"]}
    call.tx.put("payouts", payout)
    emit(call, f"payout.{status}", show(PAYOUT, payout))
    return status


@route("GET", "payouts/{}", "payouts.retrieve", {"expand": EXPAND})
def retrieve_payout(call: Call, key: str) -> dict[str, Any]:
    """Answer one payout."""
    return expand(call.tx, show(PAYOUT, call.load("payouts", key, "payout")), call.params.get("expand", []))


@route("GET", "payouts", "payouts.list", PAGE | {"status": STATUS, "destination": filled})
def list_payouts(call: Call) -> dict[str, Any]:
    """Answer payouts."""
    wanted = having("status", call.params.get("status"))
    return list_page(call, "/v1/payouts", call.tx.newest("payouts"), lambda one: show(PAYOUT, one), wanted)
