"""Payouts: what the seller's balance sends to the bank, and how it arrives there a day later."""

from typing import Any

from ballast.sandbox.square import money
from ballast.sandbox.square.fields import WINDOW, one_of
from ballast.sandbox.square.lists import list_page, within
from ballast.sandbox.square.payment_objects import fee_of, plan, save
from ballast.sandbox.square.routes import Call, new_key, route, write_instant
from ballast.sandbox.store import Record

DAY = 24 * 3600
LIST = WINDOW | {"status": one_of("SENT", "FAILED", "PAID")}


def pay_out(call: Call) -> Record | None:
    """Send what was taken, less fees and what was given back, of every payment that is not paid out yet; None for nothing."""
    waiting = [
        payment
        for payment in call.tx.newest("square_payments")
        if payment["status"] == "COMPLETED" and not payment.get("_payout")
    ]
    amount = sum(payment["amount"] - fee_of(payment["amount"]) - payment["_refunded"] for payment in waiting)
    if amount <= 0:
        return None
    made = {
        "id": f"po_{new_key(26).lower()}",
        "_moment": call.moment,
        "amount": amount,
        "currency": waiting[0]["currency"],
        "arrival_date": write_instant(call.moment + DAY)[:10],
        "created_at": call.now,
        "location_id": call.account.location_id,
        "status": "SENT",
    }
    for payment in waiting:
        save(call, payment, _payout=made["id"])
    plan(call, f"payout-{made['id']}", DAY)
    return call.tx.put("square_payouts", made)


def end(call: Call, key: str, status: str = "PAID") -> str:
    """Let a payout arrive at the bank, or fail. Answers its status."""
    payout = call.load("square_payouts", key, "payout")
    if payout["status"] == "SENT":
        call.tx.put("square_payouts", payout | {"status": status})
        return status
    return str(payout["status"])


@route("GET", "payouts", "payouts.list", LIST)
def list_payouts(call: Call) -> dict[str, Any]:
    """Answer the payouts of a window."""
    status = call.params.get("status")
    found = within(call, call.tx.newest("square_payouts"))
    return list_page(call, "payouts", [one for one in found if status in (None, one["status"])], show)


@route("GET", "payouts/{}", "payouts.get", {})
def get_payout(call: Call, key: str) -> dict[str, Any]:
    """Answer one payout."""
    return {"payout": show(call.load("square_payouts", key, "payout"))}


def show(record: Record) -> dict[str, Any]:
    """Return Square's `Payout`."""
    shown = {name: record[name] for name in ("id", "status", "location_id", "created_at", "arrival_date")}
    return shown | {
        "amount_money": money.of(record["amount"], record["currency"]),
        "destination": {"type": "BANK_ACCOUNT", "id": "bact:sandbox"},
        "payout_fee": [],
        "type": "BATCH",
        "version": 1,
    }
