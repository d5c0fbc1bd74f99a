"""The buttons beside a charge, and the same acts for programs: dispute it, fail a refund, settle it."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from ballast.sandbox.acts import RefusedActError
from ballast.sandbox.braintree import controls as braintree
from ballast.sandbox.pages.rendering import answer_json
from ballast.sandbox.square import controls as square
from ballast.sandbox.stripe import controls as stripe
from ballast.sandbox.world import WORLD, World

FORM = "application/x-www-form-urlencoded"
CONTROLS = {"stripe": stripe, "braintree": braintree, "square": square}
SETTLE = {"braintree": braintree.settle}


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


async def fail_refund(request: web.Request) -> web.Response:
    """Have the bank send a refund back."""
    await read_wanted(request)
    return perform(request, lambda world: find(request, CONTROLS).fail_refund(world, request.match_info["id"]))


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
    """Act, and answer JSON; a page is led back to where its button was."""
    try:
        done = act(request.app[WORLD])
    except RefusedActError as error:
        return answer_json({"error": {"message": str(error)}}, error.status)
    if request.content_type == FORM:
        raise web.HTTPSeeOther("/_sandbox/charges")
    return answer_json(done, status)
