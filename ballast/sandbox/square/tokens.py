"""What the browser's library asks for: payment tokens, and the holder's confirmation before one is given.

The library's own wire is not documented; this one is the sandbox's. A card that the bank wants confirmed gets its token only
after the challenge, and the token then holds for the amount that was confirmed, and for no other.
"""

import json
import secrets
import time
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from ballast.sandbox.square.accounts import Account, read_application
from ballast.sandbox.square.errors import SquareError, decline, refuse
from ballast.sandbox.square.known_cards import CARDS, TYPED_FAILURES, Card, find_by_number
from ballast.sandbox.square.routes import Call, new_key
from ballast.sandbox.square.sources import open_source
from ballast.sandbox.store import Record
from ballast.sandbox.stripe.money import decimals
from ballast.sandbox.stripe.parameters import parse_form
from ballast.sandbox.wire import Exchange, read_header
from ballast.sandbox.world import WORLD

INTENTS = ("CHARGE", "CHARGE_AND_STORE", "STORE")
OPEN_TO_ALL = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Cache-Control": "no-store",
}


async def create_token(request: web.Request) -> web.Response:
    """Answer `{token, details}`, `{challenge}` with the address of the bank's question, or `{errors}`."""
    body = (await request.read()).decode("utf-8", "replace")
    exchange = Exchange("square-js", "tokens.create", "POST", request.path, "", body, None)
    world = request.app[WORLD]
    try:
        account = read_application(read_header(request, "Authorization") or "")
        call = Call(world.store.begin(account.name), account)
        shown = tokenize(call, parse_form(body))
        world.square.commit(call.tx)
        exchange.status = 200
    except SquareError as error:
        shown, exchange.status = error.body(), error.status
    exchange.response = json.dumps(shown).encode()
    world.wire.write(exchange)
    return web.json_response(shown, status=exchange.status, headers=OPEN_TO_ALL)


async def show_token(request: web.Request) -> web.Response:
    """Answer how a challenge ended: `{status}` with the token if it was passed."""
    account = Account(request.query.get("account", ""))
    challenge = load_challenge(request, account)
    shown: dict[str, Any] = {"status": challenge["state"]}
    if challenge["state"] == "approved":
        shown |= {"token": challenge["token"]["id"], "details": describe(challenge["token"])}
    return web.json_response(shown, headers=OPEN_TO_ALL)


async def allow_browsers(_: web.Request) -> web.Response:
    """Answer the preflight of a page on another origin."""
    return web.Response(status=204, headers=OPEN_TO_ALL | {"Access-Control-Allow-Methods": "GET, POST"})


def tokenize(call: Call, form: dict[str, Any]) -> dict[str, Any]:
    """Make a token of what was typed or of a card on file; ask the holder first where the bank wants that."""
    if form.get("location") != call.account.location_id:
        raise refuse("INVALID_LOCATION", "The location does not belong to this application.", "locationId")
    token = read_draft(call, form)
    details = form.get("verification")
    wanted = read_verification(details) if isinstance(details, dict) else None
    card = CARDS[token["_card"]]
    if wanted is not None and must_ask(card, form):
        if card.authentication == "failing":
            raise decline("CARD_DECLINED_VERIFICATION_REQUIRED", "The buyer could not be verified.")
        return {"challenge": open_challenge(call, token, wanted)}
    return give(call, token, wanted)


def read_draft(call: Call, form: dict[str, Any]) -> Record:
    """Return what the token will stand for: a card on file, a confirmation of another token, or what was typed."""
    if form.get("card_id"):
        return read_kept(call, form["card_id"])
    if form.get("verify"):
        return open_source(call, form["verify"], None) | {"verification": True}
    return read_typed(call, form)


def must_ask(card: Card, form: dict[str, Any]) -> bool:
    """Tell whether the bank wants to be asked: for its cards, and only while the holder is there."""
    holder_begins = form["verification"].get("customerInitiated", "true") != "false"
    return holder_begins and card.authentication in ("challenge", "failing", "never")


def read_typed(call: Call, form: dict[str, Any]) -> Record:
    """Return a token for what was typed. Raises 400 for a number that is not a test card, or a date that is over."""
    typed = form.get("card")
    if not isinstance(typed, dict):
        raise refuse("MISSING_REQUIRED_PARAMETER", "Missing required parameter.", "card")
    card = find_by_number(str(typed.get("number", "")))
    said_date = (str(typed.get(name, "")) for name in ("exp_month", "exp_year"))
    month, year = (int(text) if text.isascii() and text.isdigit() else 0 for text in said_date)
    today = time.gmtime(call.moment)
    if not 1 <= month <= 12 or (year, month) < (today.tm_year, today.tm_mon) or year > today.tm_year + 50:
        raise refuse("INVALID_EXPIRATION", "The expiration date is not valid.", "expirationDate")
    said = (("cvc", typed.get("cvc")), ("postal", form.get("postal")), ("expiry", f"{month}/{year}"))
    failures = [TYPED_FAILURES[one] for one in said if one in TYPED_FAILURES]
    return {
        "_card": card.name,
        "exp_month": month,
        "exp_year": year,
        "_failure": failures[0] if failures else None,
        "_postal": form.get("postal"),
    }


def read_kept(call: Call, key: str) -> Record:
    """Return a token that stands for a card on file. Raises 404."""
    kept = call.load("square_cards", key, "card", "card_id")
    return {name: kept[name] for name in ("_card", "exp_month", "exp_year")} | {"card_id": key, "_failure": None}


def read_verification(details: dict[str, Any]) -> dict[str, Any]:
    """Return what the holder is to confirm: the amount in minor units, unless the card is only kept. Raises 400."""
    intent = details.get("intent")
    if intent not in INTENTS:
        raise refuse("INVALID_ENUM_VALUE", "intent must be CHARGE, CHARGE_AND_STORE or STORE.", "intent")
    if intent == "STORE":
        return {"intent": intent}
    currency = str(details.get("currencyCode", ""))
    try:
        amount = Decimal(str(details.get("amount", ""))).scaleb(decimals(currency.lower()))
    except InvalidOperation:
        amount = Decimal("0.5")
    if len(currency) != 3 or amount != amount.to_integral_value() or amount <= 0:
        raise refuse("INVALID_VALUE", "amount must be a decimal text such as 10.00, with a currencyCode.", "amount")
    return {"intent": intent, "amount": int(amount), "currency": currency}


def give(call: Call, token: Record, verified: dict[str, Any] | None) -> dict[str, Any]:
    """Write the token and answer it."""
    made = make(call, token, verified)
    return {"token": made["id"], "details": describe(made)}


def make(call: Call, token: Record, verified: dict[str, Any] | None) -> Record:
    """Write the token; a later payment finds it, once."""
    record = {
        "id": f"{'verf' if token.get('verification') else 'cnon'}:CBASE{new_key(28)}",
        "_moment": call.moment,
        "used": False,
        "_verified": verified,
    }
    return call.tx.put("square_tokens", token | record)


def open_challenge(call: Call, token: Record, wanted: dict[str, Any]) -> dict[str, str]:
    """Write the bank's question and answer where it is asked and how it is followed."""
    record = {
        "id": f"sqc_{new_key(20)}",
        "secret": secrets.token_urlsafe(24),
        "state": "open",
        "token": token,
        "wanted": wanted,
    }
    call.tx.put("square_challenges", record)
    told = f"?account={call.account.name}&secret={record['secret']}"
    return {"url": f"/square/3ds/{record['id']}{told}", "result": f"/square/challenges/{record['id']}{told}"}


def load_challenge(request: web.Request, account: Account) -> Record:
    """Return the challenge of the path. Raises 404 for an unknown one or a wrong secret."""
    record = request.app[WORLD].store.begin(account.name).get("square_challenges", request.match_info["id"])
    given = request.query.get("secret", "")
    if record is None or not secrets.compare_digest(given.encode(), record["secret"].encode()):
        raise web.HTTPNotFound(text="The bank knows of no such payment.")
    return record


def describe(token: Record) -> dict[str, Any]:
    """Return the `details` of the library's TokenResult."""
    card = CARDS[token["_card"]]
    shown = {"brand": card.brand, "last4": card.last4, "expMonth": token["exp_month"], "expYear": token["exp_year"]}
    method = "Card on File" if "card_id" in token else "Card"
    return {
        "method": method,
        "card": shown,
        "billing": {"postalCode": token["_postal"]} if token.get("_postal") else {},
    }
