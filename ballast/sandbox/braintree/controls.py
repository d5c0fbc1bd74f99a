"""What whoever plays with the sandbox can make happen to a transaction of Braintree's."""

import secrets

from ballast.sandbox.acts import RefusedActError, find_account, read_reason
from ballast.sandbox.braintree import disputes, reversals, settlement
from ballast.sandbox.braintree.errors import BraintreeError
from ballast.sandbox.braintree.merchants import KEPT_KEYS, account_of, is_ours, load_merchant, save_merchant
from ballast.sandbox.braintree.routes import Call, new_id
from ballast.sandbox.store import Record
from ballast.sandbox.world import World

REASONS = (
    "fraud",
    "product_not_received",
    "product_unsatisfactory",
    "duplicate",
    "credit_not_processed",
    "cancelled_recurring_transaction",
    "not_recognized",
    "transaction_amount_differs",
    "invalid_account",
    "general",
)
OVER = ("won", "lost", "accepted", "expired")


def dispute(world: World, key: str, reason: str | None) -> dict[str, str]:
    """Open a dispute over a settled charge; without a reason it is that of its amount."""
    wanted = read_reason(reason, REASONS)
    call, record = load(world, key)
    if record["type"] != "sale" or record["status"] != "settled" or record["partials"]:
        raise RefusedActError(409, f"{key} is no settled charge; settle it first.")
    if any(one["transaction"] == key and one["status"] not in OVER for one in call.tx.newest("disputes")):
        raise RefusedActError(409, f"{key} is disputed already.")
    made = disputes.open_dispute(call, record, reason=wanted)
    world.braintree.commit(call.tx)
    return {"id": made["id"], "status": made["status"]}


def expire(world: World, key: str) -> dict[str, str]:
    """Let an authorization run out, of which Braintree sends no word."""
    call, record = load(world, key)
    if record["status"] != "authorized":
        raise RefusedActError(409, f"{key} holds no money.")
    settlement.move(call, record, "authorization_expired")
    call.tx.put("transactions", record)
    world.braintree.commit(call.tx)
    return {"id": key, "status": record["status"]}


def settle(world: World, key: str) -> dict[str, str]:
    """End the settlement of a charge or a refund now, as its timer would."""
    call, record = load(world, key)
    if record["status"] not in settlement.SETTLING or record["partials"]:
        raise RefusedActError(409, f"{key} is {record['status']}: there is nothing to settle.")
    settlement.settle(call, record)
    world.braintree.commit(call.tx)
    return {"id": key, "status": record["status"]}


def fail_refund(world: World, key: str) -> dict[str, str]:
    """Have the bank send a refund back."""
    call, _ = load(world, key)
    try:
        failed = reversals.fail_refund(call, key)
    except BraintreeError as error:
        raise RefusedActError(409, str(error)) from error
    world.braintree.commit(call.tx)
    return {"id": key, "status": failed["status"]}


def load(world: World, key: str) -> tuple[Call, Record]:
    """Return a transaction of whichever merchant. Raises RefusedActError."""
    tx = world.store.begin(find_account(world.store, "transactions", key))
    call = Call(tx, load_merchant(tx))
    return call, call.load("transactions", key, "transaction")


def roll(world: World, merchant_id: str, overlap: float) -> dict[str, str]:
    """Give a merchant a new pair of keys; notifications are signed with the old ones too, unless there is to be no overlap."""
    if not is_ours(merchant_id):
        raise RefusedActError(404, "Merchants of the sandbox are called ballast_…")
    tx = world.store.begin(account_of(merchant_id))
    merchant = load_merchant(tx)
    public_key, private_key = new_id(16), secrets.token_hex(16)
    kept = list(merchant["keys"].items())[-(KEPT_KEYS - 1) :] if overlap else []
    merchant["keys"] = dict(kept) | {public_key: private_key}
    save_merchant(tx, merchant)
    world.braintree.commit(tx)
    return {"id": merchant_id, "public_key": public_key, "private_key": private_key}


def find_last_deliveries(world: World, key: str) -> tuple[Call, list[Record]]:
    """Return the latest notification about a transaction. Raises RefusedActError."""
    call, _ = load(world, key)
    found = (one for one in call.tx.newest("notifications") if f">{key}<" in one["body"])
    return call, [one for one in (next(found, None),) if one]
