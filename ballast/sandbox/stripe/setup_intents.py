"""Setup intents: keeping a card without charging it."""

import secrets
from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.stripe.cards import CARDS
from ballast.sandbox.stripe.confirmation import (
    CONFIRMABLE,
    next_action,
    refuse_missing_return_url,
    refuse_secret,
    take_payment_method,
)
from ballast.sandbox.stripe.customers import load_customer
from ballast.sandbox.stripe.declines import DECLINES, SETUP_AUTHENTICATION_FAILED, Decline
from ballast.sandbox.stripe.errors import StripeError, describe_decline, refuse_state
from ballast.sandbox.stripe.events import emit
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.lists import having, list_page
from ballast.sandbox.stripe.objects import PUBLIC_FIELDS, show_payment_method, show_setup_intent
from ballast.sandbox.stripe.parameters import (
    EXPAND,
    PAGE,
    boolean,
    filled,
    list_of,
    merge_metadata,
    metadata,
    one_of,
    text,
)
from ballast.sandbox.stripe.payment_intents import MANDATE, OPTIONS, accept_methods
from ballast.sandbox.stripe.payment_methods import BROWSER, DATA, attach_to_customer, refuse_unusable
from ballast.sandbox.stripe.routes import Call, route

CARD_OPTIONS = {"card": {"request_three_d_secure": OPTIONS["card"]["request_three_d_secure"]}}
SAID = {
    "customer": text(),
    "description": text(1000),
    "expand": EXPAND,
    "metadata": metadata,
    "payment_method": filled,
    "payment_method_data": DATA,
    "payment_method_options": CARD_OPTIONS,
    "allowed_payment_method_types": list_of(filled),
    "excluded_payment_method_types": list_of(filled),
}
CONFIRMING = {"confirmation_token": filled, "mandate_data": MANDATE, "return_url": filled, "use_stripe_sdk": boolean}
CREATE = (
    SAID
    | CONFIRMING
    | {
        "automatic_payment_methods": {"enabled": boolean, "allow_redirects": one_of("always", "never")},
        "confirm": boolean,
        "usage": one_of("off_session", "on_session"),
    }
)
CONFIRM = {name: SAID[name] for name in ("expand", "payment_method", "payment_method_data", "payment_method_options")}
ALWAYS_ASKS = ("always", "unless_set_up")


@route("POST", "setup_intents", "setup_intents.create", CREATE)
def create_setup_intent(call: Call) -> dict[str, Any]:
    """Make a setup intent, and confirm it at once if asked to."""
    key = new_id("seti")
    intent: Record = {
        "id": key,
        "client_secret": f"{key}_secret_{secrets.token_hex(12)}",
        "created": call.now,
        "status": "requires_payment_method",
        "usage": call.params.get("usage") or "off_session",
    }
    accept_methods(intent, call.params)
    write_fields(call, intent)
    emit(call, "setup_intent.created", show_setup_intent(intent))
    if call.params.get("confirm"):
        confirm(call, intent)
    return answer(call, intent)


READ = {"expand": EXPAND, "client_secret": filled, "key": filled}


@route("GET", "setup_intents/{}", "setup_intents.retrieve", READ, public=True)
def retrieve_setup_intent(call: Call, key: str) -> dict[str, Any]:
    """Answer one setup intent, to the browser only with its client secret."""
    intent = call.load("setup_intents", key, "setupintent", "intent")
    refuse_secret(call, intent)
    return answer(call, intent)


@route("POST", "setup_intents/{}", "setup_intents.update", SAID)
def update_setup_intent(call: Call, key: str) -> dict[str, Any]:
    """Change a setup intent."""
    intent = call.load("setup_intents", key, "setupintent", "intent")
    refuse_final(intent, "updated")
    write_fields(call, intent)
    return answer(call, intent)


@route(
    "POST",
    "setup_intents/{}/confirm",
    "setup_intents.confirm",
    CONFIRM | CONFIRMING | BROWSER | {"client_secret": filled},
    public=True,
)
def confirm_setup_intent(call: Call, key: str) -> dict[str, Any]:
    """Try the card."""
    intent = call.load("setup_intents", key, "setupintent", "intent")
    refuse_secret(call, intent)
    write_fields(call, intent)
    confirm(call, intent)
    return answer(call, intent)


CANCEL = {"cancellation_reason": one_of("abandoned", "duplicate", "requested_by_customer"), "expand": EXPAND}


@route("POST", "setup_intents/{}/cancel", "setup_intents.cancel", CANCEL)
def cancel_setup_intent(call: Call, key: str) -> dict[str, Any]:
    """Give up a setup intent that has not succeeded."""
    intent = call.load("setup_intents", key, "setupintent", "intent")
    refuse_final(intent, "canceled")
    reason = call.params.get("cancellation_reason")
    intent |= {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    emit(call, "setup_intent.canceled", show_setup_intent(intent))
    return answer(call, call.tx.put("setup_intents", intent))


LIST = PAGE | {"customer": filled, "payment_method": filled}


@route("GET", "setup_intents", "setup_intents.list", LIST)
def list_setup_intents(call: Call) -> dict[str, Any]:
    """Answer setup intents."""
    filters = (having(name, call.params.get(name)) for name in ("customer", "payment_method"))
    return list_page(call, "/v1/setup_intents", call.tx.newest("setup_intents"), show_setup_intent, *filters)


def write_fields(call: Call, intent: Record) -> None:
    """Take over what was said about a setup intent and write it."""
    params = call.params
    if params.get("description"):
        intent["description"] = params["description"]
    intent["metadata"] = merge_metadata(intent.get("metadata", {}), params)
    if params.get("customer"):
        intent["customer"] = load_customer(call, params["customer"])["id"]
    take_payment_method(call, intent)
    call.tx.put("setup_intents", intent)


def confirm(call: Call, intent: Record) -> None:
    """Try the card of a setup intent. Raises 402 for a decline, whose traces stay written."""
    refuse_final(intent, "confirmed")
    if not intent.get("payment_method"):
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise refuse_state(message, "setup_intent_unexpected_state", setup_intent=show_setup_intent(intent))
    refuse_missing_return_url(call, intent)
    method = call.load("payment_methods", intent["payment_method"], "PaymentMethod", "payment_method")
    refuse_unusable(method, intent.get("customer"))
    card = CARDS[method["_card"]["name"]]
    decline = DECLINES["generic_decline"] if call.must_decline else card.attach_decline()
    intent |= {"last_setup_error": None, "next_action": None}
    if decline:
        fail(call, intent, method, decline, "card_error")
    if card.authentication in ALWAYS_ASKS and not method.get("_set_up"):
        intent |= {"status": "requires_action", "next_action": next_action(call, intent)}
        call.tx.put("setup_intents", intent)
        emit(call, "setup_intent.requires_action", show_setup_intent(intent))
    else:
        succeed(call, intent, method)


def finish_authentication(call: Call, intent: Record, *, approved: bool) -> None:
    """Go on after the holder has answered the bank. Raises 402 where the answer was no."""
    method = call.load("payment_methods", intent["payment_method"], "PaymentMethod", "payment_method")
    intent["next_action"] = None
    if not approved:
        fail(call, intent, method, SETUP_AUTHENTICATION_FAILED, "invalid_request_error")
    succeed(call, intent, method | {"_set_up": True})


def succeed(call: Call, intent: Record, method: Record) -> None:
    """Write that the card is ready for later use."""
    call.tx.put("payment_methods", method)
    if intent.get("customer"):
        attach_to_customer(call, method, intent["customer"])
    intent["status"] = "succeeded"
    call.tx.put("setup_intents", intent)
    emit(call, "setup_intent.succeeded", show_setup_intent(intent))


def fail(call: Call, intent: Record, method: Record, decline: Decline, kind: str) -> None:
    """Take the setup intent back to the start and raise the 402."""
    codes: dict[str, Any] = describe_decline(decline)
    error = codes | {"message": decline.message, "type": kind, "payment_method": show_payment_method(method)}
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": error}
    call.tx.put("setup_intents", intent)
    emit(call, "setup_intent.setup_failed", show_setup_intent(intent))
    more = codes | {"setup_intent": answer(call, intent), "payment_method": error["payment_method"]}
    raise StripeError(402, kind, decline.message, committed=True, **more)


def refuse_final(intent: Record, done: str) -> None:
    """Raise the 400 for a setup intent that is over."""
    if intent["status"] not in CONFIRMABLE:
        raise refuse_state(
            f"This SetupIntent could not be {done} because it has a status of {intent['status']}.",
            "setup_intent_unexpected_state",
            setup_intent=show_setup_intent(intent),
        )


def answer(call: Call, intent: Record) -> dict[str, Any]:
    """Return the setup intent as asked for; the browser sees less of it."""
    shown = expand(call.tx, show_setup_intent(intent), call.params.get("expand", []))
    return {name: shown[name] for name in PUBLIC_FIELDS if name in shown} if call.publishable else shown
