"""What of Stripe happens by itself after a while, named by the object it happens to."""

from collections.abc import Callable

from ballast.sandbox.stripe import disputes, fraud_warnings, payouts, refunds
from ballast.sandbox.stripe.cards import CARDS
from ballast.sandbox.stripe.routes import Call


def ring(call: Call, key: str) -> None:
    """Do what a timer stands for, once."""
    call.tx.delete("timers", key)
    RINGS[key.partition("_")[0]](call, key)


def complain(call: Call, charge_id: str) -> None:
    """Let the holder of a card that disputes do so, or its issuer warn."""
    charge = call.tx.get("charges", charge_id)
    reason = CARDS[charge["_card"]["name"]].dispute if charge else None
    if charge is None or reason is None or charge.get("disputed") or charge.get("refunded"):
        return
    if reason == "warning":
        fraud_warnings.warn(call, charge)
    else:
        disputes.open_dispute(call, charge, reason)


RINGS: dict[str, Callable[[Call, str], object]] = {
    "re": refunds.decide_refund,
    "ch": complain,
    "dp": disputes.decide,
    "po": payouts.end,
}
