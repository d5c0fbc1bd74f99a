"""What whoever plays with the sandbox can make happen to a payment of Square's."""

from ballast.sandbox.acts import RefusedActError, find_account, read_reason
from ballast.sandbox.square import disputes, payment_changes, payouts, refunds
from ballast.sandbox.square.accounts import Account
from ballast.sandbox.square.known_cards import DISPUTES
from ballast.sandbox.square.routes import Call
from ballast.sandbox.square.webhook_subscriptions import rotate_key
from ballast.sandbox.store import Record
from ballast.sandbox.world import World

REASONS = tuple(DISPUTES.values())


def dispute(world: World, key: str, reason: str | None) -> dict[str, str]:
    """Open a dispute over a completed payment; without a reason it is that of its amount."""
    wanted = read_reason(reason, REASONS)
    call = begin(world, "square_payments", key)
    made = disputes.open_dispute(call, key, wanted)
    if made is None:
        raise RefusedActError(409, f"{key} is not completed, or disputed already.")
    world.square.commit(call.tx)
    return {"id": made["id"], "status": made["state"]}


def fail_refund(world: World, key: str) -> dict[str, str]:
    """Have a pending refund rejected, or one that was completed come back."""
    call = begin(world, "square_refunds", key)
    status = refunds.reject(call, key)
    if status is None:
        raise RefusedActError(409, f"{key} has failed already.")
    world.square.commit(call.tx)
    return {"id": key, "status": status}


def begin(world: World, kind: str, key: str) -> Call:
    """Return a call on the account that holds this record. Raises RefusedActError."""
    account = find_account(world.store, kind, key)
    return Call(world.store.begin(account), Account(account))


def expire(world: World, key: str) -> dict[str, str]:
    """Let the time of a payment that is held run out, and do what was to be done with it then."""
    call = begin(world, "square_payments", key)
    record = call.load("square_payments", key, "payment")
    if record["status"] != "APPROVED":
        raise RefusedActError(409, f"{key} holds no money.")
    ended = payment_changes.end_delay(call, key)
    world.square.commit(call.tx)
    return {"id": key, "status": ended["status"] if ended else record["status"]}


def pay_out(world: World, key: str) -> dict[str, str]:
    """Send the balance of the seller of a payment to their bank."""
    call = begin(world, "square_payments", key)
    made = payouts.pay_out(call)
    if made is None:
        raise RefusedActError(409, "Nothing is there to be paid out.")
    world.square.commit(call.tx)
    return {"id": made["id"], "status": made["status"]}


def end_payout(world: World, key: str, arrives: bool) -> dict[str, str]:
    """Let a payout arrive now, or fail."""
    call = begin(world, "square_payouts", key)
    status = payouts.end(call, key, "PAID" if arrives else "FAILED")
    world.square.commit(call.tx)
    return {"id": key, "status": status}


def roll(world: World, key: str, _overlap: float) -> dict[str, str]:
    """Give a subscription a new signature key; at Square the old one is void at once."""
    call = begin(world, "square_subscriptions", key)
    answered = rotate_key(call, key)
    world.square.commit(call.tx)
    return {"id": key, "signature_key": answered["signature_key"]}


def find_last_deliveries(world: World, key: str) -> tuple[Call, list[Record]]:
    """Return the deliveries of the latest event about a payment that was sent to anyone. Raises RefusedActError."""
    call = begin(world, "square_payments", key)
    for event in call.tx.newest("square_events"):
        if key in payments_in(event):
            deliveries = call.tx.find("square_deliveries", event["id"])
            if deliveries:
                return call, deliveries
    return call, []


def payments_in(event: Record) -> tuple[str | None, ...]:
    """Return the ids by which an event names a payment."""
    shown = event["data"]["object"][event["data"]["type"]]
    return shown["id"], shown.get("payment_id"), shown.get("disputed_payment", {}).get("payment_id")
