"""Undoing: void before settlement, refund after it, reverse for whichever is possible."""

from ballast.sandbox.braintree import settlement
from ballast.sandbox.braintree.errors import Invalid, invalid
from ballast.sandbox.braintree.money import read_amount
from ballast.sandbox.braintree.parameters import keys
from ballast.sandbox.braintree.routes import Call, Reply, route
from ballast.sandbox.braintree.transactions import blank, load, reply, save
from ballast.sandbox.store import Record

VOIDABLE = ("authorized", "submitted_for_settlement")


@route("PUT", "transactions/{}/void", "transactions.void", "transaction", keys("api_request_key"), keyed=True)
def void(call: Call, key: str) -> Reply:
    """Give up an authorization, or a charge that is not settling yet."""
    return void_charge(call, load(call, key))


def void_charge(call: Call, record: Record) -> Reply:
    """Void. Raises Invalid for what is too far on its way."""
    if record["status"] not in VOIDABLE:
        raise invalid("base", "91504")
    settlement.move(call, record, "voided")
    save(call, record)
    return reply(call, record)


@route(
    "POST",
    "transactions/{}/refund",
    "transactions.refund",
    "transaction",
    keys("amount api_request_key order_id merchant_account_id surcharge_amount"),
    keyed=True,
)
def refund(call: Call, key: str) -> Reply:
    """Give a settled charge back, in whole or in part."""
    return refund_charge(call, load(call, key))


def refund_charge(call: Call, record: Record) -> Reply:
    """Make the refund. Raises Invalid: a refund itself, not settled, given back already, or too much."""
    if record["type"] == "credit":
        raise invalid("base", "91505")
    if record["status"] not in settlement.REFUNDABLE or record["partials"]:
        raise invalid("base", "91506")
    left = record["amount"] - record["returned"]
    if left < 1:
        raise invalid("base", "91512")
    given = call.params.get("amount")
    amount = left if given is None else read_amount(given, record["currency"], "transaction")
    if amount > left:
        raise invalid("amount", "91521")
    credit = make_credit(call, record, amount)
    settlement.submit(call, credit)
    save(call, credit)
    record["returned"] += amount
    record["refunds"].append(credit["id"])
    save(call, record)
    return reply(call, credit, 201)


def make_credit(call: Call, record: Record, amount: int) -> Record:
    """Return the transaction of a refund; it takes over the order id unless it is given its own."""
    credit = blank(call, "credit", amount, record["currency"], record["merchant_account"], record["card"])
    same = ("channel", "token", "customer", "billing", "shipping", "descriptor")
    return (
        credit
        | {name: record[name] for name in same}
        | {
            "refunded": record["id"],
            "order_id": call.params.get("order_id") or record["order_id"],
            "key": call.params.get("api_request_key"),
            "code": "1002",
            "text": "Processed",
            "kind": "approved",
        }
    )


@route("POST", "transactions/{}/reverse", "transactions.reverse", "transaction", keys("api_request_key"), keyed=True)
def reverse(call: Call, key: str) -> Reply:
    """Void what can still be voided, refund the rest."""
    record = load(call, key)
    if record["status"] in VOIDABLE:
        return void_charge(call, record)
    try:
        return refund_charge(call, record)
    except Invalid as error:
        raise invalid("base", "915282") from error


def fail_refund(call: Call, key: str) -> Record:
    """Have the bank send a refund back: it has failed, the charge stands again as if it had never been. Raises Invalid."""
    credit = load(call, key)
    if credit["type"] != "credit" or credit["status"] in ("settlement_declined", "failed"):
        raise invalid("base", "91575")
    settlement.move(call, credit, "failed" if credit["status"] != "settlement_pending" else "settlement_declined")
    record = load(call, credit["refunded"])
    record["returned"] -= credit["amount"]
    save(call, record)
    settlement.finish(call, credit, "refund_failed")
    return credit
