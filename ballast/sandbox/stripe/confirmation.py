"""Confirming an intent: which card, whether the bank wants to see its holder, and what the issuer says."""

import secrets
from typing import Any
from urllib.parse import urlencode

from ballast.sandbox.store import Record
from ballast.sandbox.stripe import tokens
from ballast.sandbox.stripe.cards import CARDS, Card
from ballast.sandbox.stripe.charges import approve_charge, begin_charge, fail_charge
from ballast.sandbox.stripe.declines import AUTHENTICATION_FAILED, DECLINES, Decline
from ballast.sandbox.stripe.errors import (
    StripeError,
    decline_card,
    describe_decline,
    refuse_parameter,
    refuse_state,
)
from ballast.sandbox.stripe.events import emit
from ballast.sandbox.stripe.objects import PUBLIC_FIELDS, show_payment_intent, show_payment_method
from ballast.sandbox.stripe.payment_methods import (
    attach_to_customer,
    load_payment_method,
    make_payment_method,
    refuse_unusable,
)
from ballast.sandbox.stripe.routes import Call

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
FRICTIONLESS: Record = {"authentication_flow": "frictionless", "electronic_commerce_indicator": "05"}
CHALLENGED: Record = {"authentication_flow": "challenge", "electronic_commerce_indicator": "05"}
AUTHENTICATED: Record = {
    "exemption_indicator": None,
    "exemption_indicator_applied": False,
    "result": "authenticated",
    "result_reason": None,
    "transaction_id": "b6e9a4cf-1d3b-4d1b-9d7e-000000000000",
    "version": "2.2.0",
}


def refuse_secret(call: Call, intent: Record) -> None:
    """Raise the 400 for a client secret that is not the intent's, or none with a publishable key."""
    given = call.params.get("client_secret")
    if given is None and not call.publishable:
        return
    if not secrets.compare_digest((given or "").encode(), intent["client_secret"].encode()):
        message = "The client_secret provided does not match the client_secret associated with this intent."
        raise refuse_parameter(message, "client_secret", "payment_intent_invalid_parameter")


def take_payment_method(call: Call, intent: Record) -> None:
    """Put the payment method of the parameters on an intent that may still change it."""
    given, data = call.params.get("payment_method"), call.params.get("payment_method_data")
    if call.params.get("confirmation_token"):
        given = tokens.spend(call, intent)
    if not given and not data:
        return
    if intent["status"] not in CONFIRMABLE:
        return
    method = load_payment_method(call, given, "payment_method") if given else make_payment_method(call, data or {})
    refuse_unusable(method, intent.get("customer"))
    intent |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}


def confirm_intent(call: Call, intent: Record) -> None:
    """Try the intent's card. Raises 400 in the wrong state and 402 for a decline, whose traces stay written."""
    refuse_wrong_state(call, intent)
    refuse_missing_return_url(call, intent)
    method = call.load("payment_methods", intent["payment_method"], "PaymentMethod", "payment_method")
    refuse_unusable(method, intent.get("customer"))
    card = CARDS[method["_card"]["name"]]
    intent |= {"_key": call.idempotency_key or intent.get("_key"), "last_payment_error": None, "next_action": None}
    if call.must_decline:
        decline_intent(call, intent, method, DECLINES["generic_decline"])
    if not needs_authentication(card, method, intent, bool(call.params.get("off_session"))):
        frictionless = card.authentication in ("frictionless", "lookup_error")
        three_d_secure = FRICTIONLESS | AUTHENTICATED if frictionless else None
        charge_intent(call, intent, method, three_d_secure)
    elif call.params.get("off_session") or call.params.get("error_on_requires_action"):
        decline_intent(call, intent, method, DECLINES["authentication_required"])
    else:
        ask_for_authentication(call, intent)


def refuse_wrong_state(call: Call, intent: Record) -> None:
    """Raise the 400 for an intent that cannot be confirmed."""
    status = intent["status"]
    if status not in CONFIRMABLE:
        told = {
            "succeeded": "it has already succeeded after being previously confirmed",
            "canceled": "it has a status of canceled",
        }
        reason = told.get(status, f"it has a status of {status}")
    elif not intent.get("payment_method"):
        reason = "it's missing a payment method"
    else:
        return
    raise refuse_state(
        f"You cannot confirm this PaymentIntent because {reason}.",
        "payment_intent_unexpected_state",
        payment_intent=show_to(call, intent),
    )


def refuse_missing_return_url(call: Call, intent: Record) -> None:
    """Raise the 400 for an intent that may redirect, confirmed by a server that says not where to come back to."""
    redirects = (intent.get("automatic_payment_methods") or {}).get("allow_redirects") == "always"
    params = call.params
    if redirects and not (call.publishable or any(map(params.get, ("return_url", "off_session", "use_stripe_sdk")))):
        raise refuse_parameter(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. If "
            "you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to "
            "`true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
            "Payment Intents.",
            "return_url",
        )


def needs_authentication(card: Card, method: Record, intent: Record, off_session: bool) -> bool:
    """Tell whether the bank wants to see the holder."""
    match card.authentication:
        case "always":
            return True
        case "unless_set_up":
            return not off_session or not method.get("_set_up")
        case "set_up":
            return not off_session
        case "optional":
            return intent.get("_request_three_d_secure") in ("any", "challenge") and not off_session
    return False


def ask_for_authentication(call: Call, intent: Record) -> None:
    """Leave the intent waiting for its holder, who comes by redirect or by the browser's library."""
    intent |= {"status": "requires_action", "next_action": next_action(call, intent)}
    call.tx.put("payment_intents", intent)
    emit(call, "payment_intent.requires_action", show_payment_intent(intent))


def next_action(call: Call, intent: Record) -> dict[str, Any]:
    """Return what the holder has to do next."""
    return_url = call.params.get("return_url")
    query = urlencode({"client_secret": intent["client_secret"], "account": call.tx.account})
    url = f"{call.base_url}/stripe/3ds/{intent['id']}?{query}"
    if return_url and not call.params.get("use_stripe_sdk") and not call.publishable:
        intent["_return_url"] = return_url
        return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}
    intent["_return_url"] = return_url
    return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url}}


def finish_authentication(call: Call, intent: Record, *, approved: bool) -> None:
    """Go on after the holder has answered the bank. Raises 402 for a decline, as confirming does."""
    method = call.load("payment_methods", intent["payment_method"], "PaymentMethod", "payment_method")
    intent["next_action"] = None
    if not approved:
        decline_intent(call, intent, method, AUTHENTICATION_FAILED, charged=False)
    if intent.get("setup_future_usage"):
        method["_set_up"] = True
        call.tx.put("payment_methods", method)
    charge_intent(call, intent, method, CHALLENGED | AUTHENTICATED)


def charge_intent(call: Call, intent: Record, method: Record, three_d_secure: Record | None) -> None:
    """Let the issuer decide, and write what came of it."""
    decline = CARDS[method["_card"]["name"]].decline()
    if decline:
        decline_intent(call, intent, method, decline, three_d_secure)
    manual = intent.get("capture_method") == "manual"
    charge = begin_charge(call, intent, method, three_d_secure)
    approve_charge(call, charge, capture=not manual)
    intent["latest_charge"] = charge["id"]
    keep_method(call, intent, method)
    if manual:
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        emit(call, "payment_intent.amount_capturable_updated", show_payment_intent(intent))
    else:
        intent |= {"status": "succeeded", "amount_received": intent["amount"]}
        emit(call, "payment_intent.succeeded", show_payment_intent(intent))
    call.tx.put("payment_intents", intent)


def keep_method(call: Call, intent: Record, method: Record) -> None:
    """Keep the card for the customer if it is for future use; one that is nobody's is used up."""
    if intent.get("setup_future_usage") and intent.get("customer"):
        attach_to_customer(call, method, intent["customer"])
    elif not method.get("customer"):
        call.tx.put("payment_methods", method | {"_spent": True})


def decline_intent(
    call: Call,
    intent: Record,
    method: Record,
    decline: Decline,
    three_d_secure: Record | None = None,
    *,
    charged: bool = True,
) -> None:
    """Take the intent back to the start and raise the 402; what is written stays."""
    codes: dict[str, Any] = describe_decline(decline)
    if charged:
        charge = fail_charge(call, begin_charge(call, intent, method, three_d_secure), decline)
        intent["latest_charge"] = codes["charge"] = charge["id"]
    kind = "card_error" if charged else "invalid_request_error"
    shown_method = show_payment_method(method)
    error = codes | {"message": decline.message, "type": kind, "payment_method": shown_method}
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": error}
    call.tx.put("payment_intents", intent)
    emit(call, "payment_intent.payment_failed", show_payment_intent(intent))
    if not charged:
        raise StripeError(402, kind, decline.message, code=decline.code, committed=True)
    more = {"charge": codes["charge"], "payment_method": shown_method}
    raise decline_card(decline, payment_intent=show_to(call, intent), **more)


def show_to(call: Call, intent: Record) -> dict[str, Any]:
    """Return the intent as the caller may see it."""
    shown = show_payment_intent(intent)
    return {name: shown[name] for name in PUBLIC_FIELDS if name in shown} if call.publishable else shown
