"""HTTP in front of the operations: keys, XML or JSON in, XML out, errors, faults."""

import base64
import logging
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ballast.sandbox.braintree import keys
from ballast.sandbox.braintree.card_numbers import last4_of
from ballast.sandbox.braintree.cards import BY_NUMBER, CARDS, FAKES
from ballast.sandbox.braintree.errors import BraintreeError, invalid
from ballast.sandbox.braintree.markup import MarkupError, read_body, write
from ballast.sandbox.braintree.merchants import account_of, is_ours, learn_keys, load_merchant
from ballast.sandbox.braintree.parameters import check_body
from ballast.sandbox.braintree.routes import Call, Reply, Route, find_route
from ballast.sandbox.exchanges import Answer, Behavior, Struck, carry_out
from ballast.sandbox.store import Store, Transaction
from ballast.sandbox.wire import Exchange, read_header
from ballast.sandbox.world import WORLD, World

log = logging.getLogger(__name__)

HEADERS = {"Content-Type": "application/xml; charset=utf-8", "Cache-Control": "no-cache"}
NUMBER = re.compile(r"(<number>|\"number\"\s*:\s*\")([0-9 -]{8,19})([0-9]{4})")
SECURITY_CODE = re.compile(r"(<cvv>|\"cvv\"\s*:\s*\")([0-9]{1,4})")


@dataclass(slots=True)
class Asked:
    """A request, read: who asks, what for, and with which body."""

    merchant_id: str
    keys: tuple[str, str]
    method: str
    path: str
    params: dict[str, Any]
    query: dict[str, str]
    base_url: str


@dataclass(frozen=True, slots=True)
class Task:
    """A request that was understood."""

    asked: Asked
    route: Route
    ids: list[str]

    @property
    def inside(self) -> dict[str, Any]:
        """Return what stands inside the root of the body."""
        found = self.asked.params.get(self.route.root)
        return found if isinstance(found, dict) else {}

    @property
    def key(self) -> str | None:
        """Return the api_request_key, if the operation takes one and it was given."""
        given = self.inside.get("api_request_key") if self.route.keyed else None
        return None if given is None else str(given)


async def handle(request: web.Request) -> web.StreamResponse:
    """Answer any request below `/merchants/{id}/`."""
    world = request.app[WORLD]
    body = await request.read()
    text = mask(body.decode("utf-8", "replace"))
    query = request.rel_url.raw_query_string
    exchange = Exchange("braintree", "unknown", request.method, request.path, query, text, None)
    exchange.version = read_header(request, "X-ApiVersion")
    try:
        asked = read_request(request, body)
        route, ids = find_route(asked.method, asked.path)
        exchange.operation = route.operation
        return await answer_task(request, world, exchange, Task(asked, route, ids))
    except BraintreeError as error:
        return answer_at_once(world, exchange, format_error(error))
    except Exception:
        log.exception("could not answer %s %s", request.method, request.path)
        return answer_at_once(world, exchange, format_error(BraintreeError(500, "The sandbox has a fault of its own.")))


async def answer_task(request: web.Request, world: World, exchange: Exchange, task: Task) -> web.StreamResponse:
    """Carry a task out, one at a time for each key."""
    key = exchange.idempotency_key = task.key
    claim = (task.asked.merchant_id, key or "")
    if key and claim in world.braintree.in_flight:
        raise invalid("api_request_key", "915233")
    if key:
        world.braintree.in_flight.add(claim)
    try:
        return await carry_out(request, exchange, behave(world, task), world.faults, world.wire)
    finally:
        world.braintree.in_flight.discard(claim)


def answer_at_once(world: World, exchange: Exchange, answer: Answer) -> web.Response:
    """Answer what no fault can touch."""
    exchange.status, exchange.response = answer.status, answer.body
    world.wire.write(exchange)
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def read_request(request: web.Request, body: bytes) -> Asked:
    """Read a request. Raises 401 for keys that open nothing, 400 for a body that cannot be read."""
    merchant_id = request.match_info["merchant"]
    public_key, private_key = read_authorization(read_header(request, "Authorization") or "")
    if not is_ours(merchant_id, public_key, private_key):
        raise BraintreeError(
            401,
            "This is a sandbox: its merchants are called ballast_…, any pair of keys opens them, and no live one is taken.",
        )
    try:
        params = read_body(body, request.content_type)
    except MarkupError as error:
        raise BraintreeError(400, str(error)) from error
    return Asked(
        merchant_id=merchant_id,
        keys=(public_key, private_key),
        method=request.method,
        path=request.match_info["path"],
        params=params,
        query=dict(request.query),
        base_url=f"{request.scheme}://{request.host}",
    )


def read_authorization(header: str) -> tuple[str, str]:
    """Return the two keys of a Basic header; empty texts if there are none."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        public_key, _, private_key = base64.b64decode(value).decode("ascii").partition(":")
    except ValueError:
        return "", ""
    return public_key, private_key


def behave(world: World, task: Task) -> Behavior:
    """Return what to do with this request, for the faults to interfere with."""
    return Behavior(
        perform=lambda struck: perform(world, task, struck),
        refuse=refuse,
        card=lambda: find_last4(world.store, task),
        tries_card=tries_card(task),
    )


def tries_card(task: Task) -> bool:
    """Tell whether a bank is asked about a card."""
    if task.route.operation == "transactions.create":
        return True
    return task.route.operation in ("payment_methods.create", "customers.create") and "verify_card" in str(task.inside)


def refuse(status: int) -> Answer:
    """Return the answer of an API that will not or cannot begin."""
    return format_error(BraintreeError(status, "Too many requests" if status == 429 else "Something is wrong"))


def perform(world: World, task: Task, struck: Struck) -> Answer:
    """Carry out the operation in one transaction."""
    tx = world.store.begin(account_of(task.asked.merchant_id))
    call = begin(tx, task, must_decline="decline" in struck)
    try:
        answer = format_reply(execute(call, task))
    except BraintreeError as error:
        if not error.committed:
            tx.changes.clear()
        answer = format_error(error)
    learn_keys(tx, load_merchant(tx), *task.asked.keys)
    if "error_after" in struck and answer.status < 500:
        answer = refuse(struck["error_after"].status or 500)
    world.braintree.commit(tx)
    return answer


def begin(tx: Transaction, task: Task, *, must_decline: bool) -> Call:
    """Return the call of a task."""
    return Call(
        tx=tx,
        merchant=load_merchant(tx),
        params=task.inside,
        query=task.asked.query,
        base_url=task.asked.base_url,
        must_decline=must_decline,
    )


def execute(call: Call, task: Task) -> Reply | None:
    """Check the parameters and call the operation, once for each key. Raises BraintreeError."""
    check_body(task.route.root, task.route.schema, task.asked.params)
    if task.key is None:
        return task.route.handler(call, *task.ids)
    request = keys.fingerprint(task.asked.method, task.asked.path, task.inside)
    return keys.run_once(call, task.key, request, lambda: task.route.handler(call, *task.ids))


def format_reply(reply: Reply | None) -> Answer:
    """Return the answer of a success; an empty one is what the SDK takes for done."""
    if reply is None:
        return Answer(200, b"", dict(HEADERS))
    return Answer(reply.status, write(reply.root, reply.value), dict(HEADERS))


def format_error(error: BraintreeError) -> Answer:
    """Return the answer of an error."""
    return Answer(error.status, write("api_error_response", error.body()), dict(HEADERS))


def mask(body: str) -> str:
    """Hide all but the last four digits of a card number, and the whole security code."""
    masked = NUMBER.sub(lambda found: f"{found[1]}{'*' * 12}{found[3]}", body)
    return SECURITY_CODE.sub(lambda found: f"{found[1]}***", masked)


def find_last4(store: Store, task: Task) -> str | None:
    """Return the last four digits of the card a request is about, for the faults that ask."""
    tx = store.begin(account_of(task.asked.merchant_id))
    inside = task.inside
    typed = inside.get("credit_card") or inside
    known = BY_NUMBER.get(str(typed.get("number") or "")) if isinstance(typed, dict) else None
    if known:
        return known.last4
    nonce = inside.get("payment_method_nonce")
    if nonce in FAKES:
        return CARDS[FAKES[str(nonce)].card].last4
    named = [("nonces", nonce), ("payment_methods", inside.get("payment_method_token"))]
    named += [(kind, key) for key in task.ids for kind in ("transactions", "payment_methods")]
    found = (tx.get(kind, str(key)) for kind, key in named if key)
    return next((last4_of(record["card"]) for record in found if record), None)
