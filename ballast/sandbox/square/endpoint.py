"""HTTP in front of the operations: access tokens, versions, idempotency, errors."""

import logging
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ballast.sandbox.exchanges import Answer, Behavior, Struck, carry_out
from ballast.sandbox.square.accounts import Account, read_token
from ballast.sandbox.square.errors import API, SquareError, refuse
from ballast.sandbox.square.fields import check
from ballast.sandbox.square.idempotency import Claim, find_answer, fingerprint, keep
from ballast.sandbox.square.routes import Call, Route, find_route
from ballast.sandbox.square.sources import find_last4
from ballast.sandbox.store import Transaction, encode
from ballast.sandbox.wire import Exchange, read_header, read_json
from ballast.sandbox.world import WORLD, World

log = logging.getLogger(__name__)

VERSION = re.compile(r"^\d{4}-\d{2}-\d{2}$")
BODY_METHODS = ("POST", "PUT")
NAMING_CARDS = ("source_id", "payment_id")


@dataclass(frozen=True, slots=True)
class Task:
    """A request that was understood: who asks, the operation, the ids in its path, what was said, the claim on its key."""

    account: Account
    route: Route
    ids: list[str]
    said: dict[str, Any]
    claim: Claim | None


async def handle(request: web.Request) -> web.StreamResponse:
    """Answer any request below `/v2/`."""
    world = request.app[WORLD]
    body = (await request.read()).decode("utf-8", "replace")
    query = request.rel_url.raw_query_string
    exchange = Exchange("square", "unknown", request.method, request.path, query, body, None)
    exchange.version = read_header(request, "Square-Version")
    try:
        task = read_request(request, exchange)
        return await carry_out(request, exchange, behave(world, task), world.faults, world.wire)
    except SquareError as error:
        return answer_at_once(world, exchange, format_error(error))
    except Exception:
        log.exception("could not answer %s %s", request.method, request.path)
        fault = SquareError(
            500, API, "INTERNAL_SERVER_ERROR", "The sandbox has a fault of its own; its log tells more."
        )
        return answer_at_once(world, exchange, format_error(fault))


def answer_at_once(world: World, exchange: Exchange, answer: Answer) -> web.Response:
    """Answer what no fault can touch."""
    exchange.status, exchange.response = answer.status, answer.body
    world.wire.write(exchange)
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def read_request(request: web.Request, exchange: Exchange) -> Task:
    """Read a request. Raises 401 for a token that is none, 404 for an unknown address, 400 for what is no JSON."""
    account = read_token(read_header(request, "Authorization") or "")
    if exchange.version is not None and not VERSION.match(exchange.version):
        raise refuse("INVALID_SQUARE_VERSION_FORMAT", "The Square-Version must be a date like 2025-08-20.")
    route, ids = find_route(request.method, request.path.removeprefix("/v2/"))
    exchange.operation = route.operation
    said = read_body(request, exchange.body) if request.method in BODY_METHODS else dict(request.query)
    key = said.get("idempotency_key") if route.keyed else None
    exchange.idempotency_key = key if isinstance(key, str) else None
    claim = None
    if exchange.idempotency_key:
        claim = Claim(route.operation, exchange.idempotency_key, fingerprint(request.path, said))
    return Task(account, route, ids, said, claim)


def read_body(request: web.Request, body: str) -> dict[str, Any]:
    """Return the JSON object of a body; none at all counts as an empty one. Raises 400."""
    if not body:
        return {}
    if request.content_type != "application/json":
        raise refuse("INVALID_CONTENT_TYPE", "The body must be application/json.")
    try:
        said = read_json(body)
    except ValueError as error:
        raise refuse("EXPECTED_JSON_BODY", "Expected a JSON body.") from error
    if not isinstance(said, dict):
        raise refuse("EXPECTED_OBJECT", "Expected an object value.")
    return said


def behave(world: World, task: Task) -> Behavior:
    """Return what to do with this request, for the faults to interfere with."""
    return Behavior(
        perform=lambda struck: perform(world, task, struck),
        refuse=refuse_all,
        card=lambda: find_card(world, task),
        tries_card=task.route.tries_card,
    )


def refuse_all(status: int) -> Answer:
    """Return the answer of an API that will not or cannot begin."""
    if status == 429:
        return format_error(SquareError(429, "RATE_LIMIT_ERROR", "RATE_LIMITED", "Too many requests."))
    code = {503: "SERVICE_UNAVAILABLE", 502: "BAD_GATEWAY", 504: "GATEWAY_TIMEOUT"}.get(status, "INTERNAL_SERVER_ERROR")
    return format_error(SquareError(status, API, code, "An internal error has occurred."))


def perform(world: World, task: Task, struck: Struck) -> Answer:
    """Carry out the operation in one transaction, with the answer its idempotency key will give from now on."""
    tx = world.store.begin(task.account.name)
    try:
        kept = find_answer(tx, task.claim) if task.claim else None
        answer = format_body(*kept) if kept else execute(tx, task, must_decline="decline" in struck)
    except SquareError as error:
        tx.changes.clear()
        answer = format_error(error)
    world.square.commit(tx)
    if "error_after" in struck and answer.status < 500:
        return refuse_all(struck["error_after"].status or 500)
    return answer


def execute(tx: Transaction, task: Task, *, must_decline: bool) -> Answer:
    """Check the fields and call the operation. Raises SquareError for what leaves no trace."""
    call = Call(tx, task.account, check(task.route.schema, task.said), must_decline=must_decline)
    try:
        answer = format_body(200, encode(task.route.handler(call, *task.ids)).encode())
    except SquareError as error:
        if not error.kept:
            raise
        answer = format_error(error)
    if task.claim:
        keep(tx, task.claim, answer.status, answer.body, call.payment_id)
    return answer


def format_error(error: SquareError) -> Answer:
    """Return an error's JSON answer."""
    return format_body(error.status, encode(error.body()).encode())


def format_body(status: int, body: bytes) -> Answer:
    """Return a JSON answer."""
    headers = {"Content-Type": "application/json", "Cache-Control": "no-cache", "Square-Version": "2025-08-20"}
    return Answer(status, body, headers)


def find_card(world: World, task: Task) -> str | None:
    """Return the last four digits of the card a request is about, for the faults that ask."""
    tx = world.store.begin(task.account.name)
    for key in (*(task.said.get(name) for name in NAMING_CARDS), *task.ids):
        found = find_last4(tx, key) if isinstance(key, str) else None
        if found:
            return found
    return None
