"""The buttons of the pages, and the same acts for programs: dispute a charge, fail a refund, settle, send again, roll a key."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from ballast.sandbox.acts import RefusedActError, find_account
from ballast.sandbox.braintree import controls as braintree
from ballast.sandbox.deliveries import rearm
from ballast.sandbox.pages.rendering import answer_json, page
from ballast.sandbox.resend import webhooks
from ballast.sandbox.square import controls as square
from ballast.sandbox.store import Record, Transaction
from ballast.sandbox.stripe import controls as stripe
from ballast.sandbox.world import WORLD, World

FORM = "application/x-www-form-urlencoded"
CONTROLS = {"stripe": stripe, "braintree": braintree, "square": square}
SETTLE = {"braintree": braintree.settle}
PAY = {"stripe": stripe, "square": square}
DAY_SECONDS = 86400


async def dispute(request: web.Request) -> web.Response:
    """Open a dispute, of the `reason` given or the processor's usual one: 201 with its id and status."""
    wanted = await read_wanted(request)
    key, reason = request.match_info["id"], wanted.get("reason")
    if reason is not None and not isinstance(reason, str):
        return answer_json({"error": {"message": "reason must be a text."}}, 422)
    return perform(request, lambda world: find(request, CONTROLS).dispute(world, key, reason), 201)


async def settle(request: web.Request) -> web.Response:
    """Settle a charge now."""
    await read_wanted(request)
    return perform(request, lambda world: find(request, SETTLE)(world, request.match_info["id"]))


async def expire(request: web.Request) -> web.Response:
    """Let the hold of an authorization run out."""
    await read_wanted(request)
    return perform(request, lambda world: find(request, CONTROLS).expire(world, request.match_info["id"]))


async def pay_out(request: web.Request) -> web.Response:
    """Send the balance of a charge's merchant to the bank: 201 with the payout's id and status."""
    await read_wanted(request)
    return perform(request, lambda world: find(request, PAY).pay_out(world, request.match_info["id"]), 201)


async def end_payout(request: web.Request) -> web.Response:
    """Let a payout arrive at the bank, or fail, as the address says."""
    await read_wanted(request)
    key, arrives = request.match_info["id"], request.match_info["end"] == "arrive"
    return perform(request, lambda world: find(request, PAY).end_payout(world, key, arrives))


async def fail_refund(request: web.Request) -> web.Response:
    """Have the bank send a refund back."""
    await read_wanted(request)
    return perform(request, lambda world: find(request, CONTROLS).fail_refund(world, request.match_info["id"]))


async def send_last_again(request: web.Request) -> web.Response:
    """Send the latest webhook about a charge again."""
    await read_wanted(request)

    def act(world: World) -> dict[str, str]:
        call, deliveries = find(request, CONTROLS).find_last_deliveries(world, request.match_info["id"])
        if not deliveries:
            raise RefusedActError(409, "Nobody has been sent a webhook about it.")
        return send_again(request, world, call.tx, deliveries)

    return perform(request, act)


async def send_one_again(request: web.Request) -> web.Response:
    """Make one delivery again."""
    await read_wanted(request)

    def act(world: World) -> dict[str, str]:
        table, key = find(request, world.sides).deliveries.carrier.table, request.match_info["id"]
        tx = world.store.begin(find_account(world.store, table, key))
        return send_again(request, world, tx, [tx.get(table, key) or {}])

    return perform(request, act)


def send_again(request: web.Request, world: World, tx: Transaction, deliveries: list[Record]) -> dict[str, str]:
    """Have deliveries made again, from the first try on."""
    side = find(request, world.sides)
    for delivery in deliveries:
        rearm(tx, side.deliveries.carrier.table, delivery)
    side.commit(tx)
    return {"id": deliveries[0]["id"], "status": "pending"}


async def roll(request: web.Request) -> web.Response:
    """Give an endpoint a new key, the old one being good for `overlap_seconds` more where the processor has that."""
    wanted = await read_wanted(request)
    try:
        overlap = float(wanted.get("overlap_seconds", DAY_SECONDS))
    except (TypeError, ValueError):
        overlap = -1.0
    if not 0 <= overlap <= DAY_SECONDS:
        message = f"overlap_seconds must be a number from 0 to {DAY_SECONDS}."
        return answer_json({"error": {"message": message}}, 422)
    key = request.match_info["id"]

    def act(world: World) -> dict[str, str]:
        if request.match_info["processor"] == "resend":
            tx = world.store.begin("_sandbox")
            rolled = webhooks.roll(tx, key)
            world.resend.commit(tx)
            return rolled
        return dict(find(request, CONTROLS).roll(world, key, overlap))

    return perform(request, act)


async def read_wanted(request: web.Request) -> dict[str, Any]:
    """Return what the form or the JSON object says. Raises 422."""
    if request.content_type == FORM:
        return {name: str(value) for name, value in (await request.post()).items()}
    try:
        wanted = json.loads(await request.text() or "{}")
    except ValueError as error:
        raise web.HTTPUnprocessableEntity(text="The body is no JSON.") from error
    if not isinstance(wanted, dict):
        raise web.HTTPUnprocessableEntity(text="The body must be a JSON object.")
    return wanted


def find(request: web.Request, offered: dict[str, Any]) -> Any:
    """Return what the processor of the path offers. Raises RefusedActError."""
    name = request.match_info.get("processor", "square")
    if name not in offered:
        raise RefusedActError(404, f"Only {', '.join(offered)} can do that.")
    return offered[name]


def perform(request: web.Request, act: Callable[[World], dict[str, str]], status: int = 200) -> web.Response:
    """Act, and answer JSON; a page is led back to where its button was, or told why it could not be done."""
    from_page = request.content_type == FORM
    back = request.query.get("back", "")
    back = back if back.startswith("/_sandbox/") else "/_sandbox/charges"
    try:
        done = act(request.app[WORLD])
    except RefusedActError as error:
        if from_page:
            return page("refused", status=error.status, active="charges", message=str(error), back=back)
        return answer_json({"error": {"message": str(error)}}, error.status)
    if from_page:
        raise web.HTTPSeeOther(back)
    return answer_json(done, status)
