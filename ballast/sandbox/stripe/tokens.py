"""One-time tokens of cards, the older way, and confirmation tokens: a card with everything that is needed to confirm."""

from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.stripe.card_numbers import read_card
from ballast.sandbox.stripe.cards import CARDS
from ballast.sandbox.stripe.errors import refuse_parameter, refuse_state
from ballast.sandbox.stripe.objects import show_payment_method
from ballast.sandbox.stripe.parameters import EXPAND, SHIPPING, filled, integer, one_of, require, text
from ballast.sandbox.stripe.payment_methods import BROWSER, load_payment_method
from ballast.sandbox.stripe.routes import Call, route

LASTS_SECONDS = 12 * 3600
HOLDER = ("name", "address_city", "address_country", "address_line1", "address_line2", "address_state", "address_zip")
CARD = {
    "number": filled,
    "exp_month": integer,
    "exp_year": integer,
    "cvc": text(),
    "currency": text(),
    **dict.fromkeys(HOLDER, text()),
}


@route("POST", "tokens", "tokens.create", {"card": CARD, "expand": EXPAND} | BROWSER, public=True)
def create_token(call: Call) -> dict[str, Any]:
    """Make a token of what a customer typed in the browser; a server may not send numbers."""
    require(call.params, "card")
    if not call.publishable:
        raise refuse_parameter("Make tokens in the browser, with a publishable key.", "card")
    typed = call.params["card"]
    token: Record = {"id": new_id("tok"), "created": call.now, "used": False, "_card": read_card(typed, call.now)}
    token["_holder"] = {name: typed.get(name) for name in HOLDER}
    return show_token(call.tx.put("tokens", token))


@route("GET", "tokens/{}", "tokens.retrieve", {"expand": EXPAND})
def retrieve_token(call: Call, key: str) -> dict[str, Any]:
    """Answer one token."""
    return show_token(call.load("tokens", key, "token"))


def show_token(token: Record) -> dict[str, Any]:
    """Return a `token` with its card."""
    facts = token["_card"]
    card = CARDS[facts["name"]]
    shown = {
        "id": f"card_{token['id'][4:]}",
        "object": "card",
        "brand": card.brand.capitalize(),
        "country": card.country,
        "cvc_check": facts["cvc_check"],
        "exp_month": facts["exp_month"],
        "exp_year": facts["exp_year"],
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "last4": card.last4,
        "metadata": {},
    }
    return {
        "id": token["id"],
        "object": "token",
        "card": shown | token["_holder"],
        "client_ip": None,
        "created": token["created"],
        "livemode": False,
        "type": "card",
        "used": token["used"],
    }


CONFIRMATION = {
    "expand": EXPAND,
    "payment_method": filled,
    "return_url": filled,
    "setup_future_usage": one_of("off_session", "on_session"),
    "shipping": SHIPPING,
} | BROWSER


@route("POST", "test_helpers/confirmation_tokens", "confirmation_tokens.create", CONFIRMATION, public=True)
def create_confirmation_token(call: Call) -> dict[str, Any]:
    """Make a confirmation token; the browser library's own address for it is not documented, this one for tests is."""
    require(call.params, "payment_method")
    method = load_payment_method(call, call.params["payment_method"], "payment_method")
    token: Record = {"id": new_id("ctoken"), "created": call.now, "payment_intent": None, "setup_intent": None}
    token |= {name: call.params.get(name) for name in ("return_url", "setup_future_usage", "shipping")}
    return show_confirmation_token(call, call.tx.put("confirmation_tokens", token | {"_method": method["id"]}))


@route("GET", "confirmation_tokens/{}", "confirmation_tokens.retrieve", {"expand": EXPAND})
def retrieve_confirmation_token(call: Call, key: str) -> dict[str, Any]:
    """Answer one confirmation token."""
    return show_confirmation_token(call, call.load("confirmation_tokens", key, "confirmation token"))


def show_confirmation_token(call: Call, token: Record) -> dict[str, Any]:
    """Return a `confirmation_token` with a preview of its card."""
    method = show_payment_method(call.load("payment_methods", token["_method"], "PaymentMethod"))
    preview = {name: method[name] for name in ("allow_redisplay", "billing_details", "card", "customer", "type")}
    shown = {name: value for name, value in token.items() if not name.startswith("_")}
    return shown | {
        "object": "confirmation_token",
        "expires_at": token["created"] + LASTS_SECONDS,
        "livemode": False,
        "mandate_data": None,
        "payment_method_options": None,
        "payment_method_preview": preview,
        "use_stripe_sdk": True,
    }


def spend(call: Call, intent: Record) -> str:
    """Use a confirmation token up on an intent and return its payment method. Raises 400 for one that is used or too old."""
    token = call.load(
        "confirmation_tokens", call.params["confirmation_token"], "confirmation token", "confirmation_token"
    )
    noun = "payment_intent" if "amount" in intent else "setup_intent"
    if token[noun] not in (None, intent["id"]):
        raise refuse_state("The provided ConfirmationToken has already been used.", param="confirmation_token")
    if call.now > token["created"] + LASTS_SECONDS:
        raise refuse_state("The provided ConfirmationToken has expired.", param="confirmation_token")
    call.tx.put("confirmation_tokens", token | {noun: intent["id"]})
    for name in ("setup_future_usage", "shipping") if noun == "payment_intent" else ():
        if token[name]:
            intent[name] = token[name]
    if token["return_url"]:
        call.params.setdefault("return_url", token["return_url"])
    return str(token["_method"])
