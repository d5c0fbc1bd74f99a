"""`POST /emails` and `POST /emails/batch`, with Resend's errors and idempotency keys.

Source: resend.com/docs (errors, idempotency keys: 1 to 256 characters, kept for a day, for these two operations only).
"""

import hashlib
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import web

from ballast.sandbox import clock
from ballast.sandbox.exchanges import Answer, Behavior, Struck, carry_out
from ballast.sandbox.resend import webhooks
from ballast.sandbox.resend.answers import RefusedError, answer_error, answer_json
from ballast.sandbox.resend.mails import InvalidMailError, read_mail
from ballast.sandbox.store import Record, Transaction
from ballast.sandbox.wire import Exchange, read_header, read_json
from ballast.sandbox.world import WORLD, World

DAY_SECONDS = 24 * 3600
MOST_IN_BATCH = 100


async def send_email(request: web.Request) -> web.StreamResponse:
    """Send one mail."""
    return await serve(request, "emails.send", lambda tx, body, key: {"id": store_mail(tx, body, key)})


async def send_batch(request: web.Request) -> web.StreamResponse:
    """Send up to a hundred mails: all or none, or with `x-batch-validation: permissive` those that are right."""
    permissive = request.headers.get("x-batch-validation") == "permissive"

    def send_all(tx: Transaction, body: Any, key: str | None) -> dict[str, Any]:
        return store_batch(tx, body, key, permissive=permissive)

    return await serve(request, "emails.batch", send_all)


async def show_email(request: web.Request) -> web.StreamResponse:
    """Answer one mail that was sent."""

    def find(tx: Transaction, _body: Any, _key: str | None) -> dict[str, Any]:
        mail = tx.get("mails", request.match_info["id"])
        if mail is None:
            raise RefusedError(404, "not_found", "Email not found")
        return {"object": "email", "last_event": "delivered"} | {name: mail[name] for name in mail if name != "created"}

    return await serve(request, "emails.get", find, reads=False)


async def serve_webhooks(request: web.Request) -> web.StreamResponse:
    """Register, show, change, forget an address for webhooks, or give it a new secret."""
    key = request.match_info.get("id", "")
    acts: dict[str, Callable[[Transaction, Any, str | None], dict[str, Any]]] = {
        "POST /webhooks": lambda tx, body, _: webhooks.create(tx, body),
        "GET /webhooks": lambda tx, _body, _: webhooks.list_all(tx),
        "GET /webhooks/": lambda tx, _body, _: webhooks.show(webhooks.load(tx, key)),
        "PATCH /webhooks/": lambda tx, body, _: webhooks.update(tx, key, body),
        "DELETE /webhooks/": lambda tx, _body, _: webhooks.remove(tx, key),
        "POST /webhooks/": lambda tx, _body, _: webhooks.rotate(tx, key),
    }
    name = f"{request.method} /webhooks{'/' if key else ''}"
    reads = name in ("POST /webhooks", "PATCH /webhooks/")
    operation = f"webhooks.{'rotate' if name == 'POST /webhooks/' else request.method.lower()}"
    return await serve(request, operation, acts[name], reads=reads)


async def serve(
    request: web.Request,
    operation: str,
    act: Callable[[Transaction, Any, str | None], dict[str, Any]],
    *,
    reads: bool = True,
) -> web.StreamResponse:
    """Answer one request through the faults and into the wire log."""
    world = request.app[WORLD]
    body = (await request.read()).decode("utf-8", "replace")
    key = read_header(request, "Idempotency-Key") if reads else None
    exchange = Exchange("resend", operation, request.method, request.path, request.query_string, body, key)
    authorization = read_header(request, "Authorization") or ""

    def perform(struck: Struck) -> Answer:
        try:
            check_key(authorization)
            answer = perform_once(world, request.path, body, key, act) if reads else act_now(world, None, act)
        except RefusedError as refused:
            return refused.answer
        return (
            answer_error(500, "application_error", "An unexpected error occurred.")
            if "error_after" in struck
            else answer
        )

    return await answer_once(request, exchange, Behavior(perform, refuse), key)


async def answer_once(
    request: web.Request, exchange: Exchange, behavior: Behavior, key: str | None
) -> web.StreamResponse:
    """Carry a request out, one at a time for each key."""
    world = request.app[WORLD]
    if key is None:
        return await carry_out(request, exchange, behavior, world.faults, world.wire)
    if key in world.resend.in_flight:
        message = "Another request with the same idempotency key is being processed."
        busy = answer_error(409, "concurrent_idempotent_requests", message)
        behavior = Behavior(lambda _: busy, refuse)
        return await carry_out(request, exchange, behavior, world.faults, world.wire)
    world.resend.in_flight.add(key)
    try:
        return await carry_out(request, exchange, behavior, world.faults, world.wire)
    finally:
        world.resend.in_flight.discard(key)


def refuse(status: int) -> Answer:
    """Return the answer of an API that will not or cannot begin."""
    if status == 429:
        return answer_error(429, "rate_limit_exceeded", "Too many requests. You can only make 2 requests per second.")
    return answer_error(status, "application_error", "An unexpected error occurred.")


def check_key(authorization: str) -> None:
    """Raise 401 or 403 for a key that is missing or is none."""
    key = authorization.removeprefix("Bearer ").strip()
    if not key:
        raise RefusedError(401, "missing_api_key", "Missing API Key")
    if not key.startswith("re_"):
        raise RefusedError(403, "invalid_api_key", "API key is invalid")


def perform_once(
    world: World, path: str, body: str, key: str | None, act: Callable[[Transaction, Any, str | None], dict[str, Any]]
) -> Answer:
    """Act, or give the first answer to the same key again. Raises 409 where the key came with another body."""
    parsed = parse(body)
    if key is None:
        return act_now(world, parsed, act)
    if not 1 <= len(key) <= 256:
        raise RefusedError(400, "invalid_idempotency_key", "The idempotency key must be between 1 and 256 characters.")
    tx = world.store.begin("_sandbox")
    digest = hashlib.sha256(f"{path} {body}".encode()).hexdigest()
    record_id = hashlib.sha256(key.encode()).hexdigest()
    kept = tx.get("idempotency", record_id)
    if kept and clock.now() - kept["created"] < DAY_SECONDS:
        if kept["fingerprint"] != digest:
            message = "This idempotency key has already been used with a different payload."
            raise RefusedError(409, "invalid_idempotent_request", message)
        return answer_json(200, kept["answer"])
    answer = act(tx, parsed, key)
    record = {"id": record_id, "created": tx.now, "fingerprint": digest, "answer": answer}
    tx.put("idempotency", record)
    world.resend.commit(tx)
    return answer_json(200, answer)


def act_now(
    world: World, parsed: Any, act: Callable[[Transaction, Any, str | None], dict[str, Any]], key: str | None = None
) -> Answer:
    """Act in a transaction of its own."""
    tx = world.store.begin("_sandbox")
    answer = act(tx, parsed, key)
    world.resend.commit(tx)
    return answer_json(200, answer)


def parse(body: str) -> Any:
    """Parse the body. Raises 400."""
    try:
        return read_json(body)
    except ValueError as error:
        raise RefusedError(400, "validation_error", "The request body is not valid JSON.") from error


def store_mail(tx: Transaction, wanted: Any, key: str | None) -> str:
    """Put one mail in the mailbox and return its id. Raises 422."""
    try:
        mail: Record = read_mail(wanted)
    except InvalidMailError as error:
        raise RefusedError(422, error.name, str(error)) from error
    mail |= {"id": str(uuid.uuid4()), "created": clock.now(), "idempotency_key": key}
    webhooks.tell(tx, mail)
    return str(tx.put("mails", mail)["id"])


def store_batch(tx: Transaction, wanted: Any, key: str | None, *, permissive: bool) -> dict[str, Any]:
    """Put several mails in the mailbox. Raises 422."""
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= MOST_IN_BATCH:
        raise RefusedError(422, "validation_error", f"The body must be an array of 1 to {MOST_IN_BATCH} emails.")
    data, errors = [], []
    for place, one in enumerate(wanted):
        try:
            data.append({"id": store_mail(tx, one, key)})
        except RefusedError as refused:
            if not permissive:
                raise
            errors.append({"index": place, "message": str(refused)})
    return {"data": data, "errors": errors} if permissive else {"data": data}
