"""What whoever plays with the sandbox can make happen to a charge of Stripe's."""

from typing import Any

from ballast.sandbox.acts import RefusedActError, find_account, read_reason
from ballast.sandbox.store import Record
from ballast.sandbox.stripe import captures, disputes, fraud_warnings, payouts, refunds
from ballast.sandbox.stripe.routes import Call
from ballast.sandbox.stripe.webhook_endpoints import new_secret
from ballast.sandbox.world import World

WARNING = "early_fraud_warning"
REASONS = (*disputes.REASONS, disputes.INQUIRY, WARNING)


def dispute(world: World, key: str, reason: str | None) -> dict[str, str]:
    """Open a dispute over a captured charge, named by its own id or its intent's; or an inquiry, or a warning."""
    wanted = read_reason(reason, REASONS) or "fraudulent"
    call, charge = load_charge(world, key)
    if wanted == WARNING:
        made = fraud_warnings.warn(call, charge) | {"status": "actionable"}
    elif charge.get("disputed"):
        raise RefusedActError(409, f"{charge['id']} is disputed already.")
    else:
        made = disputes.open_dispute(call, charge, wanted)
    world.commit(call.tx)
    return {"id": made["id"], "status": made["status"]}


def load_charge(world: World, key: str) -> tuple[Call, Record]:
    """Return a charge with money in it. Raises RefusedActError."""
    kind = "payment_intents" if key.startswith("pi_") else "charges"
    call = Call(world.store.begin(find_account(world.store, kind, key)), {})
    found = call.tx.get(kind, key) or {}
    charge = call.tx.get("charges", found.get("latest_charge") or "") if kind == "payment_intents" else found
    if not charge or not charge.get("captured") or charge.get("refunded"):
        raise RefusedActError(409, f"{key} holds no captured money that could be disputed.")
    return call, charge


def fail_refund(world: World, key: str) -> dict[str, str]:
    """Have the bank send a refund back, one that is pending or one that had succeeded."""
    call = Call(world.store.begin(find_account(world.store, "refunds", key)), {})
    refund = call.load("refunds", key, "refund")
    if refund["status"] not in ("pending", "succeeded"):
        raise RefusedActError(409, f"{key} is {refund['status']}.")
    call.tx.delete("timers", key)
    refunds.fail_refund(call, refund, call.load("charges", refund["charge"], "charge"))
    world.commit(call.tx)
    return {"id": key, "status": refund["status"]}


def expire(world: World, key: str) -> dict[str, str]:
    """Let the hold of a charge that was not captured run out."""
    call = Call(world.store.begin(find_account(world.store, "charges", key)), {})
    charge = call.load("charges", key, "charge")
    intent = call.tx.get("payment_intents", charge.get("payment_intent") or "")
    if intent is None or intent["status"] != "requires_capture" or intent["latest_charge"] != key:
        raise RefusedActError(409, f"{key} holds no money.")
    captures.expire(call, intent)
    world.commit(call.tx)
    return {"id": key, "status": "canceled"}


def pay_out(world: World, key: str) -> dict[str, str]:
    """Send the balance in the currency of a charge, named as in `dispute`, to its merchant's bank."""
    call, charge = load_charge(world, key)
    made = payouts.pay_out(call, charge["currency"])
    if made is None:
        raise RefusedActError(409, "Nothing is there to be paid out.")
    world.commit(call.tx)
    return {"id": made["id"], "status": made["status"]}


def end_payout(world: World, key: str, arrives: bool) -> dict[str, str]:
    """Let a payout arrive now, or fail."""
    call = Call(world.store.begin(find_account(world.store, "payouts", key)), {})
    call.tx.delete("timers", key)
    status = payouts.end(call, key, "paid" if arrives else "failed")
    world.commit(call.tx)
    return {"id": key, "status": status}


def roll(world: World, key: str, overlap: float) -> dict[str, str]:
    """Give an endpoint a new secret; the old one signs beside it for so many seconds."""
    if not key.startswith("we_"):
        raise RefusedActError(404, f"There is no {key} in the sandbox.")
    call = Call(world.store.begin(find_account(world.store, "webhook_endpoints", key)), {})
    endpoint = call.load("webhook_endpoints", key, "webhook endpoint")
    endpoint |= {
        "_old_secret": {"secret": endpoint["_secret"], "until": call.now + overlap},
        "_secret": new_secret(),
    }
    call.tx.put("webhook_endpoints", endpoint)
    world.commit(call.tx)
    return {"id": key, "secret": endpoint["_secret"]}


def find_last_deliveries(world: World, key: str) -> tuple[Call, list[Record]]:
    """Return the deliveries of the latest event about a charge that was sent to anyone. Raises RefusedActError."""
    call = Call(world.store.begin(find_account(world.store, "charges", key)), {})
    names = {key, (call.tx.get("charges", key) or {}).get("payment_intent")}
    for event in call.tx.newest("events"):
        if names & names_in(event["data"]["object"]):
            deliveries = call.tx.find("deliveries", event["id"])
            if deliveries:
                return call, deliveries
    return call, []


def names_in(shown: dict[str, Any]) -> set[Any]:
    """Return the ids by which an object of an event names a charge."""
    return {shown.get("id"), shown.get("charge"), shown.get("payment_intent")} - {None}
