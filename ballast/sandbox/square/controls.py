"""What whoever plays with the sandbox can make happen to a payment of Square's."""

from ballast.sandbox.acts import RefusedActError, find_account, read_reason
from ballast.sandbox.square import disputes, refunds
from ballast.sandbox.square.accounts import Account
from ballast.sandbox.square.known_cards import DISPUTES
from ballast.sandbox.square.routes import Call
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
