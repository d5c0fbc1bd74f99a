"""Payment intents: making, reading, changing, listing and searching them."""

import re
import secrets
from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.stripe.confirmation import confirm_intent, refuse_secret, take_payment_method
from ballast.sandbox.stripe.customers import load_customer
from ballast.sandbox.stripe.errors import refuse_parameter, refuse_state
from ballast.sandbox.stripe.events import emit
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.lists import having, list_page
from ballast.sandbox.stripe.money import check_money
from ballast.sandbox.stripe.objects import PUBLIC_FIELDS, show_payment_intent
from ballast.sandbox.stripe.parameters import (
    EXPAND,
    PAGE,
    SHIPPING,
    boolean,
    filled,
    integer,
    list_of,
    merge_metadata,
    metadata,
    off_session,
    one_of,
    require,
    text,
)
from ballast.sandbox.stripe.payment_methods import BROWSER, DATA
from ballast.sandbox.stripe.routes import Call, route

CAPTURE = one_of("automatic", "automatic_async", "manual")
USAGE = one_of("off_session", "on_session")
OPTIONS = {
    "card": {
        "request_three_d_secure": one_of("any", "automatic", "challenge"),
        "setup_future_usage": one_of("none", "off_session", "on_session"),
        "capture_method": one_of("manual"),
    }
}
MANDATE = {
    "customer_acceptance": {
        "type": one_of("online", "offline"),
        "accepted_at": integer,
        "online": {"ip_address": text(), "user_agent": text()},
        "offline": {},
    }
}
# What can be said on creating and on updating; the second list only while confirming.
SAID = {
    "customer": text(),
    "description": text(1000),
    "expand": EXPAND,
    "metadata": metadata,
    "payment_method": filled,
    "payment_method_data": DATA,
    "payment_method_options": OPTIONS,
    "receipt_email": text(800),
    "setup_future_usage": USAGE,
    "shipping": SHIPPING,
    "statement_descriptor": text(22),
    "statement_descriptor_suffix": text(22),
    "capture_method": CAPTURE,
    "allowed_payment_method_types": list_of(filled),
    "excluded_payment_method_types": list_of(filled),
}
CONFIRMING = {
    "confirmation_token": filled,
    "error_on_requires_action": boolean,
    "mandate_data": MANDATE,
    "off_session": off_session,
    "return_url": filled,
    "use_stripe_sdk": boolean,
}
MONEY = {"amount": integer, "currency": filled}
CREATE = (
    SAID
    | CONFIRMING
    | MONEY
    | {
        "automatic_payment_methods": {"enabled": boolean, "allow_redirects": one_of("always", "never")},
        "confirm": boolean,
        "confirmation_method": one_of("automatic", "manual"),
    }
)
CONFIRM = {name: SAID[name] for name in SAID if name not in ("customer", "description", "metadata")} | CONFIRMING
WITH_SECRET = {"client_secret": filled}
COPIED = (
    "description",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "capture_method",
)


@route("POST", "payment_intents", "payment_intents.create", CREATE)
def create_payment_intent(call: Call) -> dict[str, Any]:
    """Make an intent, and confirm it at once if asked to."""
    params = call.params
    check_creation(params)
    key = new_id("pi")
    intent: Record = {
        "id": key,
        "amount": params["amount"],
        "client_secret": f"{key}_secret_{secrets.token_hex(12)}",
        "created": call.now,
        "currency": params["currency"],
        "status": "requires_payment_method",
        "metadata": merge_metadata({}, params),
        "confirmation_method": params.get("confirmation_method") or "automatic",
        "_key": call.idempotency_key,
    }
    accept_methods(intent, params)
    write_fields(call, intent)
    emit(call, "payment_intent.created", show_payment_intent(intent))
    if params.get("confirm"):
        confirm_intent(call, intent)
    return answer(call, intent)


@route(
    "GET",
    "payment_intents/{}",
    "payment_intents.retrieve",
    {"expand": EXPAND, "key": filled} | WITH_SECRET,
    public=True,
)
def retrieve_payment_intent(call: Call, key: str) -> dict[str, Any]:
    """Answer one intent, to the browser only with its client secret."""
    intent = call.load("payment_intents", key, "payment_intent", "intent")
    refuse_secret(call, intent)
    return answer(call, intent)


@route("POST", "payment_intents/{}", "payment_intents.update", SAID | MONEY)
def update_payment_intent(call: Call, key: str) -> dict[str, Any]:
    """Change an intent that is not final; the amount only before it was confirmed."""
    intent = call.load("payment_intents", key, "payment_intent", "intent")
    params = call.params
    open_for = ("requires_payment_method", "requires_confirmation", "requires_action")
    if intent["status"] not in open_for and set(params) - {"metadata", "description", "receipt_email", "expand"}:
        raise refuse_state(
            f"This PaymentIntent could not be updated because it has a status of {intent['status']}.",
            "payment_intent_unexpected_state",
            payment_intent=show_payment_intent(intent),
        )
    intent |= {name: params[name] for name in MONEY if name in params}
    check_money(intent["amount"], intent["currency"])
    intent["metadata"] = merge_metadata(intent.get("metadata", {}), params)
    write_fields(call, intent)
    return answer(call, intent)


@route(
    "POST",
    "payment_intents/{}/confirm",
    "payment_intents.confirm",
    CONFIRM | BROWSER | WITH_SECRET,
    public=True,
)
def confirm_payment_intent(call: Call, key: str) -> dict[str, Any]:
    """Try the card."""
    intent = call.load("payment_intents", key, "payment_intent", "intent")
    refuse_secret(call, intent)
    write_fields(call, intent)
    confirm_intent(call, intent)
    return answer(call, intent)


@route("GET", "payment_intents", "payment_intents.list", PAGE | {"customer": filled})
def list_payment_intents(call: Call) -> dict[str, Any]:
    """Answer intents."""
    found = call.tx.newest("payment_intents")
    wanted = having("customer", call.params.get("customer"))
    return list_page(call, "/v1/payment_intents", found, show_payment_intent, wanted)


SEARCH = {"query": filled, "limit": PAGE["limit"], "page": filled, "expand": EXPAND}
CLAUSE = re.compile(r"""^(metadata\[(?P<q>['"])(?P<key>.+?)(?P=q)\]|[a-z_]+):(?P<p>['"]?)(?P<value>.*?)(?P=p)$""")


@route("GET", "payment_intents/search", "payment_intents.search", SEARCH)
def search_payment_intents(call: Call) -> dict[str, Any]:
    """Answer the intents whose fields or metadata have the values asked for, joined by AND."""
    require(call.params, "query")
    wanted = [read_clause(clause) for clause in re.split(r"\s+AND\s+", call.params["query"].strip())]

    def matches(intent: Record) -> bool:
        shown = show_payment_intent(intent)
        return all(str((shown["metadata"] if inner else shown).get(name)) == value for inner, name, value in wanted)

    if call.params.get("page"):
        call.params["starting_after"] = call.params["page"]
    found = call.tx.newest("payment_intents")
    page = list_page(call, "/v1/payment_intents/search", found, show_payment_intent, matches)
    last = page["data"][-1]["id"] if page["has_more"] else None
    return page | {"object": "search_result", "next_page": last}


def read_clause(clause: str) -> tuple[bool, str, str]:
    """Read `field:"value"` or `metadata["key"]:"value"`; the first item says whether it is about metadata."""
    found = CLAUSE.match(clause)
    if not found:
        raise refuse_parameter("We were unable to parse your search query.", "query")
    return bool(found["key"]), found["key"] or found[1], found["value"]


def check_creation(params: dict[str, Any]) -> None:
    """Raise the 400 for parameters that are missing or contradict each other."""
    require(params, "amount", "currency")
    params["currency"] = params["currency"].lower()
    check_money(params["amount"], params["currency"])
    if not params.get("confirm"):
        for name in CONFIRMING:
            if params.get(name) is not None and name != "use_stripe_sdk":
                message = f"{name} cannot be passed when creating a PaymentIntent unless confirm is set to true."
                raise refuse_parameter(message, name)
    if params.get("automatic_payment_methods") and params.get("allowed_payment_method_types"):
        raise refuse_parameter(
            "You may only specify one of these parameters: automatic_payment_methods, allowed_payment_method_types.",
            "automatic_payment_methods",
        )


def accept_methods(intent: Record, params: dict[str, Any]) -> None:
    """Note which ways to pay the intent takes: those of the dashboard, unless told otherwise."""
    if params.get("allowed_payment_method_types"):
        intent["payment_method_types"] = params["allowed_payment_method_types"]
        return
    chosen = params.get("automatic_payment_methods") or {"enabled": True}
    if chosen.get("enabled"):
        intent["automatic_payment_methods"] = {
            "allow_redirects": chosen.get("allow_redirects") or "always",
            "enabled": True,
        }


def write_fields(call: Call, intent: Record) -> None:
    """Take over what was said about an intent, its customer and payment method, and write it."""
    params = call.params
    intent |= {name: params[name] for name in COPIED if params.get(name) is not None}
    if params.get("customer"):
        intent["customer"] = load_customer(call, params["customer"])["id"]
    card = (params.get("payment_method_options") or {}).get("card") or {}
    if card.get("request_three_d_secure"):
        intent["_request_three_d_secure"] = card["request_three_d_secure"]
    if card.get("setup_future_usage") in ("off_session", "on_session"):
        intent["setup_future_usage"] = card["setup_future_usage"]
    if card.get("capture_method"):
        intent["capture_method"] = card["capture_method"]
    take_payment_method(call, intent)
    call.tx.put("payment_intents", intent)


def answer(call: Call, intent: Record) -> dict[str, Any]:
    """Return the intent as asked for; the browser sees less of it."""
    shown = expand(call.tx, show_payment_intent(intent), call.params.get("expand", []))
    return {name: shown[name] for name in PUBLIC_FIELDS if name in shown} if call.publishable else shown
