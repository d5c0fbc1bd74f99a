"""What the browser library asks: a nonce for a typed card, and 3-D Secure for a nonce. JSON, from any origin."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from ballast.sandbox.braintree.accounts import configuration
from ballast.sandbox.braintree.card_numbers import Facts, read_card
from ballast.sandbox.braintree.cards import BY_NUMBER, CARDS, LOOKUPS, authenticated
from ballast.sandbox.braintree.endpoint import mask
from ballast.sandbox.braintree.errors import MESSAGES, Invalid
from ballast.sandbox.braintree.markup import MarkupError, read_json
from ballast.sandbox.braintree.merchants import account_of, default_account, is_ours, load_merchant
from ballast.sandbox.braintree.nonces import make_nonce, show_nonce, show_three_ds
from ballast.sandbox.braintree.routes import Call
from ballast.sandbox.braintree.routes import new_id as new_token
from ballast.sandbox.braintree.transactions import is_true
from ballast.sandbox.braintree.vault import check_duplicate, store_method
from ballast.sandbox.exchanges import Answer, Behavior, Struck, carry_out
from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.wire import Exchange
from ballast.sandbox.world import WORLD, World

TOKENIZATION_KEY = re.compile(r"^sandbox_[a-z0-9]{2,40}_(ballast_[A-Za-z0-9_-]{1,100})$")
TOKEN_LASTS_SECONDS = 86400
HEADERS = {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
HUMP = re.compile(r"_([a-z0-9])")
CHALLENGED = ("asked", "asked_failed")


class RefusedError(Exception):
    """What the browser is told instead of a result."""

    def __init__(self, status: int, message: str, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.errors = errors or []


@dataclass(slots=True)
class Browser:
    """A page that speaks for a merchant, and the merchant account it pays into."""

    call: Call
    account: str
    customer: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


Action = Callable[[Browser], dict[str, Any]]


async def allow(_: web.Request) -> web.Response:
    """Answer the preflight of a page on another origin."""
    asked = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Content-Type"}
    return web.Response(
        status=204, headers={"Access-Control-Allow-Origin": "*", "Access-Control-Max-Age": "86400"} | asked
    )


async def handle(request: web.Request) -> web.StreamResponse:
    """Answer any request below `/merchants/{id}/client_api/v1/`."""
    world = request.app[WORLD]
    body = await request.read()
    text, query = mask(body.decode("utf-8", "replace")), request.rel_url.raw_query_string
    exchange = Exchange("braintree", "client.unknown", request.method, request.path, query, text, None)
    parts = request.match_info["path"].split("/")
    operation, action = find_action(parts)
    exchange.operation = operation
    behavior = Behavior(
        perform=lambda struck: perform(world, request, body, action, struck),
        refuse=lambda status: format_error(RefusedError(status, "Something is wrong")),
        card=lambda: find_last4(body),
    )
    return await carry_out(request, exchange, behavior, world.faults, world.wire)


def find_action(parts: list[str]) -> tuple[str, Action]:
    """Return the operation that a path names, and what does it."""
    match parts:
        case ["configuration"]:
            return "client.configuration", show_configuration
        case ["payment_methods", "credit_cards"]:
            return "client.tokenize", tokenize
        case ["payment_methods", nonce, "three_d_secure", "lookup"]:
            return "client.three_d_secure.lookup", lambda browser: look_up(browser, nonce)
        case ["payment_methods", nonce, "three_d_secure", "authenticate"]:
            return "client.three_d_secure.authenticate", lambda browser: authenticate(browser, nonce)
    return "client.unknown", nowhere


def nowhere(_: Browser) -> dict[str, Any]:
    """Refuse a path that leads nowhere."""
    raise RefusedError(404, "Not found")


def perform(world: World, request: web.Request, body: bytes, action: Action, struck: Struck) -> Answer:
    """Carry the action out in one transaction."""
    try:
        browser = let_in(world, request, body)
        answer = format_json(200 if request.method == "GET" else 201, action(browser))
        world.braintree.commit(browser.call.tx)
    except RefusedError as error:
        answer = format_error(error)
    except Invalid as error:
        answer = format_error(RefusedError(422, "Credit card is invalid", list_faults(error)))
    if "error_after" in struck:
        return format_error(RefusedError(struck["error_after"].status or 500, "Something is wrong"))
    return answer


def let_in(world: World, request: web.Request, body: bytes) -> Browser:
    """Return who speaks, by the client token's fingerprint or a tokenization key. Raises RefusedError."""
    try:
        said = read_json(body) if body else dict(request.query)
    except MarkupError as error:
        raise RefusedError(400, "The body cannot be read") from error
    merchant_id = request.match_info["merchant"]
    tx = world.store.begin(account_of(merchant_id))
    merchant = load_merchant(tx)
    call = Call(tx, merchant, said, base_url=f"{request.scheme}://{request.host}")
    key = TOKENIZATION_KEY.match(str(said.get("tokenization_key") or ""))
    if key and key[1] == merchant_id and is_ours(merchant_id, key[0]):
        return Browser(call, default_account(merchant))
    token = tx.get("client_tokens", str(said.get("authorization_fingerprint") or ""))
    if token is None or time.time() - token["created"] > TOKEN_LASTS_SECONDS:
        raise RefusedError(401, "The client token is unknown or has expired")
    return Browser(call, token["account"], token["customer"], token.get("options") or {})


def show_configuration(browser: Browser) -> dict[str, Any]:
    """Tell a library about the merchant."""
    return configuration(browser.call, browser.account)


def tokenize(browser: Browser) -> dict[str, Any]:
    """Make a nonce of a typed card."""
    typed = browser.call.params.get("credit_card")
    given = typed if isinstance(typed, dict) else {}
    facts = read_card(given, "creditCard")
    customer = browser.customer if is_true((given.get("options") or {}).get("vault")) else None
    token = keep(browser, customer, facts) if customer else None
    nonce = make_nonce(browser.call.tx, facts, token, customer)
    return {"creditCards": [camel(show_nonce(nonce))]}


def keep(browser: Browser, customer: str, facts: Facts) -> str:
    """Store the card for the customer the client token was made for, and return its token. Raises Invalid for one that is there."""
    duplicates = "fail_on_duplicate_payment_method_for_customer"
    fails = is_true(browser.options.get("fail_on_duplicate_payment_method")) or is_true(browser.options.get(duplicates))
    check_duplicate(browser.call, customer, facts, {duplicates: fails}, ("creditCard",))
    options = {"options": {"make_default": is_true(browser.options.get("make_default"))}}
    return str(store_method(browser.call, customer, facts, new_token(6), options)["id"])


def look_up(browser: Browser, key: str) -> dict[str, Any]:
    """Ask the card's bank whether its holder must be asked; if not, answer what it says at once."""
    nonce = load_nonce(browser, key)
    amount = read_amount(browser.call.params.get("amount"))
    challenge = CARDS[nonce["card"]["name"]].challenge
    question: Record = {
        "id": new_id("tds", 10),
        "nonce": key,
        "amount": amount,
        "account": browser.account,
        "state": "open",
        "created": browser.call.now,
    }
    if challenge in CHALLENGED:
        browser.call.tx.put("questions", question)
        merchant_id = browser.call.merchant["merchant_id"]
        url = f"{browser.call.base_url}/braintree/3ds/{question['id']}?merchant={merchant_id}"
        return show_lookup(nonce, url, authenticated("challenge_required", shifted=False, possible=True))
    enriched = enrich(browser.call, nonce, question, LOOKUPS[challenge])
    return show_lookup(enriched, None, LOOKUPS[challenge])


def authenticate(browser: Browser, key: str) -> dict[str, Any]:
    """Answer how the holder answered."""
    nonce = load_nonce(browser, key)
    question = next((one for one in browser.call.tx.newest("questions") if one["nonce"] == key), None)
    if question is None or question["state"] == "open":
        raise RefusedError(422, "The holder has not answered yet")
    if question["state"] == "canceled":
        return {"canceled": True}
    passed = question["state"] == "approved" and CARDS[nonce["card"]["name"]].challenge == "asked"
    facts = LOOKUPS["frictionless" if passed else "failed"]
    return show_lookup(enrich(browser.call, nonce, question, facts), None, facts)


def enrich(call: Call, nonce: Record, question: Record, facts: dict[str, Any]) -> Record:
    """Return a new nonce that carries what the bank said about this amount; the old one is used up."""
    call.tx.put("nonces", nonce | {"consumed": True})
    fresh = make_nonce(call.tx, nonce["card"], nonce["token"], nonce["customer"])
    fresh["three_ds"] = facts | {"amount": question["amount"], "account": question["account"], "id": question["id"]}
    return fresh


def load_nonce(browser: Browser, key: str) -> Record:
    """Return a nonce that is not used up. Raises RefusedError."""
    nonce = browser.call.tx.get("nonces", key)
    if nonce is None or nonce["consumed"]:
        raise RefusedError(422, "The nonce is unknown or used")
    return nonce


def read_amount(value: Any) -> str:
    """Return an amount as text. Raises RefusedError."""
    try:
        fits = Decimal(str(value)) > 0
    except InvalidOperation:
        fits = False
    if not fits:
        raise RefusedError(422, "Amount is invalid")
    return str(value)


def show_lookup(nonce: Record, url: str | None, facts: dict[str, Any]) -> dict[str, Any]:
    """Return a lookup's answer: where the holder is asked, or the enriched nonce."""
    info = camel(show_three_ds(nonce["three_ds"] or facts) or {})
    return {
        "lookup": {"acsUrl": url, "threeDSecureVersion": "2.2.0", "transStatus": "C" if url else "Y"},
        "paymentMethod": camel(show_nonce(nonce)),
        "threeDSecureInfo": info,
    }


def camel(value: Any) -> Any:
    """Return JSON with its keys in camel case."""
    if isinstance(value, dict):
        return {HUMP.sub(lambda found: found[1].upper(), name): camel(one) for name, one in value.items()}
    return value


def list_faults(error: Invalid) -> list[dict[str, Any]]:
    """Return validation errors as the browser library reads them."""
    inner = [{"field": field, "code": code, "message": MESSAGES[code]} for _, field, code in error.faults]
    return [{"field": "creditCard", "fieldErrors": inner}]


def format_json(status: int, value: dict[str, Any]) -> Answer:
    """Return a JSON answer."""
    return Answer(status, json.dumps(value).encode(), dict(HEADERS))


def format_error(error: RefusedError) -> Answer:
    """Return an error's JSON answer."""
    return format_json(error.status, {"error": {"message": str(error)}, "fieldErrors": error.errors})


def find_last4(body: bytes) -> str | None:
    """Return the last four digits of the card that was typed, for the faults that ask."""
    found = re.search(rb'"number"\s*:\s*"([0-9 ]+)"', body)
    known = BY_NUMBER.get(found[1].decode().replace(" ", "")) if found else None
    return known.last4 if known else None
