"""Taking what was authorized: all of it, less, or in parts; and the endpoints that settle at once in tests."""

from ballast.sandbox.braintree import settlement
from ballast.sandbox.braintree.errors import invalid
from ballast.sandbox.braintree.money import read_amount
from ballast.sandbox.braintree.parameters import ADDRESS, INDUSTRY, LINE_ITEM, keys
from ballast.sandbox.braintree.routes import Call, Reply, new_id, route
from ballast.sandbox.braintree.transactions import blank, is_true, load, reply, save
from ballast.sandbox.store import Record

SUBMIT = keys(
    "amount api_request_key order_id purchase_order_number tax_amount tax_exempt discount_amount shipping_address_id shipping_amount "
    "shipping_tax_amount ships_from_postal_code",
    descriptor=keys("name phone url"),
    industry=INDUSTRY,
    line_items=LINE_ITEM,
    shipping=ADDRESS,
)


@route(
    "PUT",
    "transactions/{}/submit_for_settlement",
    "transactions.submit_for_settlement",
    "transaction",
    SUBMIT,
    keyed=True,
)
def submit_for_settlement(call: Call, key: str) -> Reply:
    """Take an authorization, or less of it; the rest is released."""
    record = load(call, key)
    if record["status"] != "authorized":
        raise invalid("base", "91507")
    record["amount"] = read_part(call, record, record["amount"])
    record["order_id"] = call.params.get("order_id") or record["order_id"]
    settlement.submit(call, record)
    save(call, record)
    return reply(call, record)


@route(
    "POST",
    "transactions/{}/submit_for_partial_settlement",
    "transactions.submit_for_partial_settlement",
    "transaction",
    SUBMIT | keys("final_capture"),
    keyed=True,
)
def submit_for_partial_settlement(call: Call, key: str) -> Reply:
    """Take a part of an authorization as a transaction of its own; more parts may follow, but for the one said to be the last."""
    parent = load(call, key)
    if not call.merchant["partial_settlements"]:
        raise invalid("base", "915102")
    is_over = parent["status"] not in ("authorized", "settlement_pending") or parent.get("released")
    if is_over or parent["authorized"]:
        raise invalid("base", "915103")
    amount = read_part(call, parent, parent["amount"] - taken(call, parent))
    child = make_child(call, parent, amount)
    settlement.submit(call, child)
    save(call, child)
    if parent["status"] == "authorized":
        settlement.move(call, parent, "settlement_pending")
    parent["partials"].append(child["id"])
    parent["released"] = is_true(call.params.get("final_capture"))
    save(call, parent)
    return reply(call, child, 201)


def read_part(call: Call, record: Record, most: int) -> int:
    """Return the amount asked for, or all there is. Raises Invalid for more than that."""
    if call.params.get("amount") is None:
        return most
    amount = read_amount(call.params["amount"], record["currency"], "transaction")
    if amount > most:
        raise invalid("amount", "91522")
    return amount


def taken(call: Call, parent: Record) -> int:
    """Return what was taken from an authorization in parts."""
    parts = (call.tx.get("transactions", key) for key in parent["partials"])
    return sum(part["amount"] for part in parts if part and part["status"] != "voided")


def make_child(call: Call, parent: Record, amount: int) -> Record:
    """Return the transaction of a part."""
    child = blank(call, "sale", amount, parent["currency"], parent["merchant_account"], parent["card"])
    same = (
        "channel",
        "source",
        "token",
        "customer",
        "billing",
        "shipping",
        "descriptor",
        "code",
        "text",
        "kind",
        "authorization",
    )
    return (
        child
        | {name: parent[name] for name in same}
        | {
            "authorized": parent["id"],
            "order_id": call.params.get("order_id") or parent["order_id"],
            "key": call.params.get("api_request_key"),
            "authorization": parent["authorization"] or new_id(6).upper(),
        }
    )


@route("PUT", "transactions/{}/settle", "testing.settle")
def settle(call: Call, key: str) -> Reply:
    """Settle at once."""
    record = load_submitted(call, key)
    settlement.settle(call, record)
    return reply(call, record)


@route("PUT", "transactions/{}/settlement_confirm", "testing.settlement_confirm")
def settlement_confirm(call: Call, key: str) -> Reply:
    """Confirm the settlement at once."""
    return step(call, key, "settlement_confirmed")


@route("PUT", "transactions/{}/settlement_pending", "testing.settlement_pending")
def settlement_pending(call: Call, key: str) -> Reply:
    """Hold the settlement."""
    return step(call, key, "settlement_pending")


@route("PUT", "transactions/{}/settlement_decline", "testing.settlement_decline")
def settlement_decline(call: Call, key: str) -> Reply:
    """Decline the settlement at once."""
    record = load_submitted(call, key)
    settlement.decline(call, record)
    return reply(call, record)


def step(call: Call, key: str, status: str) -> Reply:
    """Move a submitted transaction. Raises Invalid if it cannot go there."""
    record = load_submitted(call, key)
    if status not in settlement.NEXT[record["status"]]:
        raise invalid("base", "91575")
    settlement.move(call, record, status)
    save(call, record)
    return reply(call, record)


def load_submitted(call: Call, key: str) -> Record:
    """Return a transaction that is on its way to be settled. Raises Invalid, or 404."""
    record = load(call, key)
    if record["status"] not in settlement.SETTLING or record["partials"]:
        raise invalid("base", "91575")
    return record
