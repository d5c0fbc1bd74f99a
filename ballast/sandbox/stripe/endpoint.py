"""HTTP in front of the operations: keys, versions, idempotency, errors."""

import base64
import logging
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ballast.sandbox.exchanges import Answer, Behavior, Struck, carry_out
from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Store, Transaction, encode
from ballast.sandbox.stripe.cards import BY_NUMBER, CARDS, find_card_by_token
from ballast.sandbox.stripe.errors import StripeError, refuse_parameter
from ballast.sandbox.stripe.events import API_VERSION
from ballast.sandbox.stripe.idempotency import Claim, Kept, fingerprint, keep
from ballast.sandbox.stripe.parameters import check, parse_form
from ballast.sandbox.stripe.routes import Call, Route, find_route
from ballast.sandbox.wire import Exchange, read_header
from ballast.sandbox.world import WORLD, World

log = logging.getLogger(__name__)

KEY = re.compile(r"^(sk|rk|pk)_test_([A-Za-z0-9_]{1,200})$")
TYPES_REMOVED_ON = "2026-09-30"
TYPES_REMOVED_FROM = re.compile(r"^(payment|setup)_intents(/[^/]+(/confirm)?)?$")
TRY_CARDS = ("payment_intents.confirm", "setup_intents.confirm", "payment_methods.attach")
BODY_METHODS = ("POST", "PUT", "PATCH")


@dataclass(slots=True)
class Asked:
    """A request, read but not yet understood."""

    method: str
    path: str
    params: dict[str, Any]
    request_id: str
    account: str
    publishable: bool
    version: str
    base_url: str
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """A request that was understood: the operation it names, the ids in its path, the claim on its key."""

    asked: Asked
    route: Route
    ids: list[str]
    claim: Claim | None


async def handle(request: web.Request) -> web.StreamResponse:
    """Answer any request below `/v1/`."""
    world = request.app[WORLD]
    body = (await request.read()).decode("utf-8", "replace")
    key = read_header(request, "Idempotency-Key") if request.method == "POST" else None
    query = request.rel_url.raw_query_string
    exchange = Exchange("stripe", "unknown", request.method, request.path, query, body, key)
    exchange.version = read_header(request, "Stripe-Version")
    request_id = new_id("req", 7)
    try:
        asked = read_request(request, body, request_id, key)
        return await answer_request(request, world, exchange, asked)
    except StripeError as error:
        return answer_at_once(world, exchange, format_error(error, request_id))
    except Exception:
        log.exception("could not answer %s %s", request.method, request.path)
        fault = StripeError(500, "api_error", "The sandbox has a fault of its own; its log tells more.")
        return answer_at_once(world, exchange, format_error(fault, request_id))


async def answer_request(request: web.Request, world: World, exchange: Exchange, asked: Asked) -> web.StreamResponse:
    """Find the operation, claim the idempotency key or replay its answer, and carry the operation out."""
    route, ids = find_route(asked.method, asked.path)
    exchange.operation = route.operation
    refuse_publishable(asked, route)
    key = asked.idempotency_key
    if not key:
        return await carry_out(
            request, exchange, behave(world, Task(asked, route, ids, None)), world.faults, world.wire
        )
    claim = Claim(asked.account, key, fingerprint(asked.path, asked.params))
    kept = world.idempotency.claim(claim)
    if kept:
        return answer_at_once(world, exchange, replay(kept, key, asked.request_id))
    try:
        behavior = behave(world, Task(asked, route, ids, claim))
        return await carry_out(request, exchange, behavior, world.faults, world.wire)
    finally:
        world.idempotency.release(claim)


def answer_at_once(world: World, exchange: Exchange, answer: Answer) -> web.Response:
    """Answer what no fault can touch."""
    exchange.status, exchange.response = answer.status, answer.body
    world.wire.write(exchange)
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def read_request(request: web.Request, body: str, request_id: str, key: str | None) -> Asked:
    """Read a request. Raises 401 for a key that is none."""
    text = body if request.method in BODY_METHODS else request.rel_url.raw_query_string
    params = parse_form(text)
    kind, account = read_key(request, params)
    return Asked(
        method=request.method,
        path=request.path.removeprefix("/v1/"),
        params=params,
        request_id=request_id,
        account=account,
        publishable=kind == "pk",
        version=read_header(request, "Stripe-Version") or API_VERSION,
        base_url=f"{request.scheme}://{request.host}",
        idempotency_key=key,
    )


def read_key(request: web.Request, params: dict[str, Any]) -> tuple[str, str]:
    """Return the kind of the key and the account it opens. Raises 401; a live key is never accepted."""
    given = read_authorization(read_header(request, "Authorization") or "") or params.get("key") or ""
    if "_live_" in given:
        raise refuse_key("This is a sandbox: it takes no live key. Replace that key now if anyone could have seen it.")
    if not given:
        raise refuse_key(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    found = KEY.match(given)
    if not found:
        raise refuse_key(f"Invalid API Key provided: {given[:8]}{'*' * 8}{given[-4:]}")
    return found[1], found[2]


def read_authorization(header: str) -> str:
    """Return the key of a Bearer or Basic header, or an empty text."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value).decode().partition(":")[0]
    except ValueError:
        return ""


def refuse_key(message: str) -> StripeError:
    """Return the 401."""
    return StripeError(401, "invalid_request_error", message, executed=False)


def refuse_publishable(asked: Asked, route: Route) -> None:
    """Raise the 401 for a browser's key where a secret one is needed."""
    if asked.publishable and not route.public:
        raise StripeError(
            401,
            "invalid_request_error",
            "This API call cannot be made with a publishable API key. Please use a secret API key.",
            code="secret_key_required",
            executed=False,
        )


def behave(world: World, task: Task) -> Behavior:
    """Return what to do with this request, for the faults to interfere with."""
    return Behavior(
        perform=lambda struck: perform(world, task, struck),
        refuse=lambda status: refuse(task.asked, status),
        card=lambda: find_last4(world.store, task.asked, task.ids),
        tries_card=task.route.operation in TRY_CARDS or task.asked.params.get("confirm") == "true",
    )


def refuse(asked: Asked, status: int) -> Answer:
    """Return the answer of an API that will not or cannot begin."""
    if status == 429:
        message = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
        error = StripeError(429, "invalid_request_error", message, code="rate_limit")
    else:
        error = StripeError(status, "api_error", "An unknown error occurred.")
    return format_error(error, asked.request_id)


def perform(world: World, task: Task, struck: Struck) -> Answer:
    """Carry out the operation in one transaction, with the answer its idempotency key will give from now on."""
    asked, claim = task.asked, task.claim
    tx = world.store.begin(asked.account)
    executed = True
    try:
        answer = execute(tx, task, must_decline="decline" in struck)
    except StripeError as error:
        if not error.committed:
            tx.changes.clear()
        executed, answer = error.executed, format_error(error, asked.request_id)
    if "error_after" in struck and answer.status < 500:
        answer = refuse(asked, struck["error_after"].status or 500)
    if claim and executed:
        keep(tx, claim, Kept(answer.status, answer.body, asked.request_id))
        answer.headers["Idempotency-Key"] = claim.key
    answer.headers["Stripe-Version"] = asked.version
    world.commit(tx)
    return answer


def execute(tx: Transaction, task: Task, *, must_decline: bool) -> Answer:
    """Check the parameters and call the operation. Raises StripeError."""
    asked, route = task.asked, task.route
    if asked.version[:10] >= TYPES_REMOVED_ON and TYPES_REMOVED_FROM.match(asked.path) and asked.method == "POST":
        refuse_removed_parameter(asked.params)
    call = Call(
        tx=tx,
        params=check(accept_older(route, asked), asked.params),
        base_url=asked.base_url,
        publishable=asked.publishable,
        idempotency_key=asked.idempotency_key,
        must_decline=must_decline,
        request_id=asked.request_id,
    )
    return format_answer(200, route.handler(call, *task.ids), asked.request_id)


def accept_older(route: Route, asked: Asked) -> dict[str, Any]:
    """Return the operation's parameters, with the one that versions before endive still had."""
    if asked.version[:10] >= TYPES_REMOVED_ON or not TYPES_REMOVED_FROM.match(asked.path):
        return route.schema
    return route.schema | {"payment_method_types": lambda _, value: value}


def refuse_removed_parameter(params: dict[str, Any]) -> None:
    """Raise the 400 that endive gives for `payment_method_types`."""
    if "payment_method_types" in params:
        raise refuse_parameter(
            "The payment_method_types parameter is no longer supported as of version 2026-09-30.endive. Use "
            "automatic_payment_methods or allowed_payment_method_types instead.",
            "payment_method_types",
            "payment_method_types_no_longer_supported",
        )


def replay(kept: Kept, key: str, request_id: str) -> Answer:
    """Return the first answer again."""
    headers = headers_of(request_id) | {
        "Idempotency-Key": key,
        "Idempotent-Replayed": "true",
        "Original-Request": kept.request_id,
    }
    return Answer(kept.status, kept.body, headers)


def format_answer(status: int, shown: dict[str, Any], request_id: str) -> Answer:
    """Return a JSON answer."""
    return Answer(status, encode(shown).encode(), headers_of(request_id))


def format_error(error: StripeError, request_id: str) -> Answer:
    """Return an error's JSON answer."""
    return format_answer(error.status, error.body(request_id), request_id)


def headers_of(request_id: str) -> dict[str, str]:
    """Return the headers every answer has; any page may call, as the keys are what protects."""
    return {
        "Content-Type": "application/json",
        "Request-Id": request_id,
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Request-Id",
        "Cache-Control": "no-cache, no-store",
    }


def find_last4(store: Store, asked: Asked, ids: list[str]) -> str | None:
    """Return the last four digits of the card a request is about, for the faults that ask."""
    tx = store.begin(asked.account)
    data = asked.params.get("payment_method_data") or asked.params
    typed = data.get("card") if isinstance(data, dict) else None
    if isinstance(typed, dict) and typed.get("number"):
        known = BY_NUMBER.get(str(typed["number"]).replace(" ", ""))
        return known.last4 if known else None
    named = asked.params.get("payment_method") or asked.params.get("payment_intent") or asked.params.get("charge")
    for key in (named, *ids):
        found = card_of(tx, key) if isinstance(key, str) else None
        if found:
            return found
    return None


def card_of(tx: Transaction, key: str) -> str | None:
    """Return the last four digits of the card behind an id of any kind."""
    if key.startswith("pm_card_"):
        token = find_card_by_token(key)
        return token.last4 if token else None
    kinds = {
        "pm": "payment_methods",
        "pi": "payment_intents",
        "seti": "setup_intents",
        "ch": "charges",
        "re": "refunds",
        "dp": "disputes",
    }
    record = tx.get(kinds.get(key.partition("_")[0], ""), key)
    if record is None:
        return None
    if "_card" in record:
        return CARDS[record["_card"]["name"]].last4
    behind = record.get("payment_method") or record.get("charge") or record.get("latest_charge")
    return card_of(tx, behind) if behind else None


async def allow_browsers(_: web.Request) -> web.Response:
    """Answer the preflight of a page on another origin."""
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, POST, DELETE",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Stripe-Version",
            "Access-Control-Max-Age": "86400",
        },
    )
