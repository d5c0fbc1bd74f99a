"""Cards as customers hold them."""

from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.stripe.card_numbers import read_card
from ballast.sandbox.stripe.cards import CARDS, find_card_by_token
from ballast.sandbox.stripe.declines import DECLINES
from ballast.sandbox.stripe.errors import (
    StripeError,
    decline_card,
    refuse_parameter,
    refuse_state,
    report_missing,
)
from ballast.sandbox.stripe.events import emit
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.lists import list_page
from ballast.sandbox.stripe.objects import show_payment_method
from ballast.sandbox.stripe.parameters import (
    BILLING,
    EXPAND,
    PAGE,
    filled,
    integer,
    merge_metadata,
    metadata,
    one_of,
    require,
    text,
)
from ballast.sandbox.stripe.routes import Call, route

CARD = {
    "number": filled,
    "exp_month": integer,
    "exp_year": integer,
    "cvc": text(),
    "token": filled,
    "networks": {"preferred": text()},
}
REDISPLAY = one_of("always", "limited", "unspecified")
DATA = {
    "type": filled,
    "card": CARD,
    "billing_details": BILLING,
    "metadata": metadata,
    "allow_redisplay": REDISPLAY,
}
BROWSER = {"key": filled, "guid": text(), "muid": text(), "sid": text(), "payment_user_agent": text()}


@route("POST", "payment_methods", "payment_methods.create", DATA | BROWSER | {"expand": EXPAND}, public=True)
def create_payment_method(call: Call) -> dict[str, Any]:
    """Make a payment method from what a customer typed in the browser, or from a `tok_…`."""
    return answer(call, make_payment_method(call, call.params))


@route("GET", "payment_methods/{}", "payment_methods.retrieve", {"expand": EXPAND})
def retrieve_payment_method(call: Call, key: str) -> dict[str, Any]:
    """Answer one payment method."""
    return answer(call, load_payment_method(call, key))


UPDATE = {
    "allow_redisplay": REDISPLAY,
    "billing_details": BILLING,
    "card": {"exp_month": integer, "exp_year": integer},
    "expand": EXPAND,
    "metadata": metadata,
}


@route("POST", "payment_methods/{}", "payment_methods.update", UPDATE)
def update_payment_method(call: Call, key: str) -> dict[str, Any]:
    """Change what may be changed of a kept card."""
    method = load_payment_method(call, key)
    if not method.get("customer"):
        raise refuse_state("You must save this PaymentMethod to a customer before you can update it.")
    method["metadata"] = merge_metadata(method.get("metadata", {}), call.params)
    if call.params.get("billing_details"):
        method["billing_details"] = (method.get("billing_details") or {}) | call.params["billing_details"]
    method["_card"] |= call.params.get("card") or {}
    emit(call, "payment_method.updated", show_payment_method(method))
    return answer(call, call.tx.put("payment_methods", method))


@route("POST", "payment_methods/{}/attach", "payment_methods.attach", {"customer": filled, "expand": EXPAND})
def attach_payment_method(call: Call, key: str) -> dict[str, Any]:
    """Keep a card for a customer, unless it declines."""
    require(call.params, "customer")
    method = load_payment_method(call, key)
    customer = call.load("customers", call.params["customer"], "customer", "customer")
    if customer.get("_deleted"):
        raise report_missing("customer", customer["id"], "customer")
    refuse_unusable(method, customer["id"])
    decline = DECLINES["generic_decline"] if call.must_decline else CARDS[method["_card"]["name"]].attach_decline()
    if decline:
        raise decline_card(decline, committed=False)
    attach_to_customer(call, method, customer["id"])
    return answer(call, method)


@route("POST", "payment_methods/{}/detach", "payment_methods.detach", {"expand": EXPAND})
def detach_payment_method(call: Call, key: str) -> dict[str, Any]:
    """Take a card away from its customer, for good."""
    method = load_payment_method(call, key)
    if not method.get("customer"):
        raise refuse_state(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            param="payment_method",
        )
    detach_from_customer(call, method)
    return answer(call, method)


METHODS_PAGE = PAGE | {"customer": filled, "type": one_of("card"), "allow_redisplay": REDISPLAY}


@route("GET", "payment_methods", "payment_methods.list", METHODS_PAGE)
def list_payment_methods(call: Call) -> dict[str, Any]:
    """Answer the cards of a customer, or those that belong to nobody."""
    customer = call.params.get("customer")
    found = call.tx.find("payment_methods", customer) if customer else call.tx.newest("payment_methods")
    return list_page(call, "/v1/payment_methods", found, show_payment_method)


def make_payment_method(call: Call, data: dict[str, Any]) -> Record:
    """Write a new payment method. Raises 402 for a card that cannot be right."""
    require(data, "type")
    if data["type"] != "card":
        raise refuse_parameter(f"The sandbox makes payment methods of type card only, not {data['type']}.", "type")
    card = data.get("card")
    if not card:
        raise refuse_parameter("Missing required param: card.", "card", "parameter_missing")
    if "token" in card:
        facts = facts_of_token(call, card["token"])
    elif call.publishable:
        facts = read_card(card, call.now)
    else:
        raise StripeError(
            402,
            "invalid_request_error",
            "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use test "
            "tokens that map to the test card you are using, see https://stripe.com/docs/testing.",
            executed=False,
        )
    return write_method(call, facts, data)


def facts_of_token(call: Call, token: str) -> Record:
    """Return the facts of the card that a token stands for, a documented one or the browser's. Raises 400."""
    made = call.tx.get("tokens", token)
    if made:
        if made["used"]:
            message = f"You cannot use a Stripe token more than once: {token}."
            raise refuse_state(message, "token_already_used", "card[token]")
        call.tx.put("tokens", made | {"used": True})
        return dict(made["_card"])
    card = find_card_by_token(token)
    if card is None:
        raise report_missing("token", token, "card[token]")
    year = 1970 + call.now // 31_556_952 + 3
    checks = {"cvc_check": card.cvc_check, "zip_check": None, "line1_check": None}
    return {"name": card.name, "exp_month": 12, "exp_year": year} | checks


def write_method(call: Call, facts: Record, data: dict[str, Any]) -> Record:
    """Write a payment method with these facts."""
    billing = data.get("billing_details") or {}
    address = billing.get("address") or {}
    card = CARDS[facts["name"]]
    facts["zip_check"] = card.zip_check if address.get("postal_code") else None
    facts["line1_check"] = card.line1_check if address.get("line1") else None
    method: Record = {"id": new_id("pm"), "created": call.now, "_card": facts}
    method |= {name: data[name] for name in ("billing_details", "allow_redisplay") if data.get(name)}
    method["metadata"] = data.get("metadata") or {}
    return call.tx.put("payment_methods", method)


def load_payment_method(call: Call, key: str, param: str = "id") -> Record:
    """Return a payment method; a documented `pm_card_…` makes a fresh one. Raises `resource_missing`."""
    if key.startswith("pm_card_") and find_card_by_token(key):
        return write_method(call, facts_of_token(call, key), {})
    return call.load("payment_methods", key, "PaymentMethod", param)


def refuse_unusable(method: Record, customer: str | None) -> None:
    """Raise the 400 for a card that is another customer's, or that was used up without being kept."""
    owner = method.get("customer")
    if owner and owner != customer:
        raise refuse_state(
            f"The customer associated with this PaymentMethod does not match: the PaymentMethod {method['id']} belongs "
            "to a Customer, and that Customer must be given together with it.",
            param="payment_method",
        )
    if method.get("_spent") and not owner:
        raise refuse_state(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared "
            "with a connected account without Customer attachment, or was detached from a Customer. It may not be "
            "used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.",
            param="payment_method",
        )


def attach_to_customer(call: Call, method: Record, customer: str) -> None:
    """Keep the card, once."""
    if method.get("customer") == customer:
        return
    method["customer"] = customer
    call.tx.put("payment_methods", method)
    emit(call, "payment_method.attached", show_payment_method(method))


def detach_from_customer(call: Call, method: Record) -> None:
    """Take the card away; it cannot be used again."""
    previous = {"customer": method["customer"]}
    method |= {"customer": None, "_spent": True}
    call.tx.put("payment_methods", method)
    emit(call, "payment_method.detached", show_payment_method(method), previous)


def answer(call: Call, method: Record) -> dict[str, Any]:
    """Return the payment method as asked for."""
    return expand(call.tx, show_payment_method(method), call.params.get("expand", []))
