"""Capturing and canceling an intent."""

from typing import Any

from ballast.sandbox.store import Record
from ballast.sandbox.stripe.charges import settle_charge
from ballast.sandbox.stripe.errors import refuse_parameter, refuse_state
from ballast.sandbox.stripe.events import emit
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.objects import show_charge, show_payment_intent
from ballast.sandbox.stripe.parameters import EXPAND, boolean, integer, merge_metadata, metadata, one_of, text
from ballast.sandbox.stripe.routes import Call, route

CAPTURE = {
    "amount_to_capture": integer,
    "expand": EXPAND,
    "final_capture": boolean,
    "metadata": metadata,
    "statement_descriptor": text(22),
    "statement_descriptor_suffix": text(22),
}
REASONS = one_of("abandoned", "duplicate", "fraudulent", "requested_by_customer")
CANCELABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")


@route("POST", "payment_intents/{}/capture", "payment_intents.capture", CAPTURE)
def capture_payment_intent(call: Call, key: str) -> dict[str, Any]:
    """Take what was held, or a part of it and let the rest go."""
    intent = call.load("payment_intents", key, "payment_intent", "intent")
    if intent["status"] != "requires_capture":
        raise refuse(intent, "captured", "requires_capture")
    held: int = intent["amount_capturable"]
    amount = int(call.params.get("amount_to_capture", held))
    if not 1 <= amount <= held:
        raise refuse_parameter(
            f"The amount_to_capture must be at least 1 and at most {held}, what is held.",
            "amount_to_capture",
            "amount_too_large" if amount > 0 else "parameter_invalid_integer",
        )
    charge = call.load("charges", intent["latest_charge"], "charge", "charge")
    settle_charge(call, charge, amount)
    call.tx.put("charges", charge)
    emit(call, "charge.captured", show_charge(charge))
    intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
    intent["metadata"] = merge_metadata(intent.get("metadata", {}), call.params)
    call.tx.put("payment_intents", intent)
    emit(call, "payment_intent.succeeded", show_payment_intent(intent))
    return answer(call, intent)


@route(
    "POST", "payment_intents/{}/cancel", "payment_intents.cancel", {"cancellation_reason": REASONS, "expand": EXPAND}
)
def cancel_payment_intent(call: Call, key: str) -> dict[str, Any]:
    """Give up an intent that has not succeeded; a hold on the card is released."""
    intent = call.load("payment_intents", key, "payment_intent", "intent")
    if intent["status"] not in CANCELABLE:
        raise refuse(intent, "canceled", ", ".join(CANCELABLE))
    if intent["status"] == "requires_capture":
        release_charge(call, intent)
    end_intent(call, intent, call.params.get("cancellation_reason"))
    return answer(call, intent)


def end_intent(call: Call, intent: Record, reason: str | None) -> None:
    """Write that an intent is given up."""
    intent |= {
        "status": "canceled",
        "amount_capturable": 0,
        "canceled_at": call.now,
        "cancellation_reason": reason,
        "next_action": None,
    }
    call.tx.put("payment_intents", intent)
    emit(call, "payment_intent.canceled", show_payment_intent(intent))


def expire(call: Call, intent: Record) -> None:
    """Let the time run out in which a hold could have been captured."""
    release_charge(call, intent, "charge.expired")
    end_intent(call, intent, "automatic")


def release_charge(call: Call, intent: Record, kind: str = "charge.refunded") -> None:
    """Let go of a hold, which Stripe writes down as refunded in full."""
    charge = call.load("charges", intent["latest_charge"], "charge", "charge")
    charge |= {"refunded": True, "amount_refunded": charge["amount"], "_released": True}
    call.tx.put("charges", charge)
    emit(call, kind, show_charge(charge), {"amount_refunded": 0, "refunded": False})


def refuse(intent: Record, done: str, needed: str) -> Exception:
    """Return the 400 for an intent in the wrong state."""
    return refuse_state(
        f"This PaymentIntent could not be {done} because it has a status of {intent['status']}. Only a PaymentIntent "
        f"with one of the following statuses may be {done}: {needed}.",
        "payment_intent_unexpected_state",
        payment_intent=show_payment_intent(intent),
    )


def answer(call: Call, intent: Record) -> dict[str, Any]:
    """Return the intent as asked for."""
    return expand(call.tx, show_payment_intent(intent), call.params.get("expand", []))
