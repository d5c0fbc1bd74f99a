"""What moves the merchant's balance."""

from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.lists import having, list_page
from ballast.sandbox.stripe.money import fee_of
from ballast.sandbox.stripe.objects import show_balance_transaction
from ballast.sandbox.stripe.parameters import EXPAND, PAGE, filled
from ballast.sandbox.stripe.routes import Call, route

TWO_DAYS = 2 * 24 * 3600
# What is an adjustment, and what its fee is called.
FEES = {"dispute": "Dispute fee", "dispute_reversal": "Dispute fee refund"}


def book(
    call: Call, kind: str, amount: int, currency: str, source: str, *, available: bool = False, fee: int | None = None
) -> Record:
    """Write a balance transaction, named as reports name it; unless told otherwise only a charge bears a fee."""
    fee = (fee_of(amount) if kind == "charge" else 0) if fee is None else fee
    told = FEES.get(kind, "Stripe processing fees")
    detail = {"amount": fee, "application": None, "currency": currency, "description": told, "type": "stripe_fee"}
    booked = {
        "id": new_id("txn"),
        "created": call.now,
        "available_on": call.now if available else call.now + TWO_DAYS,
        "amount": amount,
        "currency": currency,
        "fee": fee,
        "fee_details": [detail] if fee else [],
        "net": amount - fee,
        "reporting_category": kind,
        "source": source,
        "status": "available" if available else "pending",
        "type": "adjustment" if kind in FEES else kind,
    }
    return call.tx.put("balance_transactions", booked)


@route("GET", "balance_transactions/{}", "balance_transactions.retrieve", {"expand": EXPAND})
def retrieve_balance_transaction(call: Call, key: str) -> dict[str, Any]:
    """Answer one balance transaction."""
    booked = call.load("balance_transactions", key, "balance transaction")
    return expand(call.tx, show_balance_transaction(booked), call.params.get("expand", []))


LIST = PAGE | {"currency": filled, "payout": filled, "source": filled, "type": filled}


@route("GET", "balance_transactions", "balance_transactions.list", LIST)
def list_balance_transactions(call: Call) -> dict[str, Any]:
    """Answer balance transactions, of one payout alone where it is named."""
    params = call.params
    return list_page(
        call,
        "/v1/balance_transactions",
        call.tx.newest("balance_transactions"),
        show_balance_transaction,
        having("_payout", params.get("payout")),
        having("currency", params.get("currency")),
        having("source", params.get("source")),
        having("type", params.get("type")),
    )
