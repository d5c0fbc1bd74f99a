"""Making the sandbox misbehave."""

import json
from dataclasses import asdict
from typing import Any

from aiohttp import web

from ballast.sandbox.braintree.routes import ROUTES as BRAINTREE_ROUTES
from ballast.sandbox.faults import (
    PROCESSORS,
    REQUEST_KINDS,
    WEBHOOK_KINDS,
    InvalidRuleError,
)
from ballast.sandbox.pages.rendering import answer_json, page, wants_html
from ballast.sandbox.resend.webhooks import KINDS
from ballast.sandbox.square.routes import ROUTES as SQUARE_ROUTES
from ballast.sandbox.stripe.routes import ROUTES
from ballast.sandbox.world import WORLD

NUMBERS = ("share", "seconds")
WHOLE = ("count", "status")


async def show_faults(request: web.Request) -> web.Response:
    """Show the rules in force."""
    rules = [asdict(rule) for rule in request.app[WORLD].faults.rules]
    return show_page(request) if wants_html(request) else answer_json(rules)


async def add_fault(request: web.Request) -> web.Response:
    """Put a rule in force, from JSON or from the page's form."""
    faults = request.app[WORLD].faults
    from_form = request.content_type == "application/x-www-form-urlencoded"
    try:
        wanted = read_form(dict(await request.post())) if from_form else await read_json(request)
        rule = faults.add(wanted)
    except InvalidRuleError as error:
        if from_form:
            return show_page(request, str(error), 422)
        return answer_json({"error": {"message": str(error)}}, 422)
    if from_form:
        raise web.HTTPSeeOther("/_sandbox/faults")
    return answer_json(asdict(rule), 201)


async def clear_faults(request: web.Request) -> web.Response:
    """Lift every rule."""
    request.app[WORLD].faults.clear()
    if request.method == "POST":
        raise web.HTTPSeeOther("/_sandbox/faults")
    return web.Response(status=204)


async def remove_fault(request: web.Request) -> web.Response:
    """Lift one rule."""
    found = request.app[WORLD].faults.remove(request.match_info["id"])
    if request.method == "POST":
        raise web.HTTPSeeOther("/_sandbox/faults")
    return web.Response(status=204) if found else answer_json({"error": {"message": "No such rule."}}, 404)


async def read_json(request: web.Request) -> dict[str, Any]:
    """Return the object in the body. Raises InvalidRuleError."""
    try:
        wanted = json.loads(await request.text())
    except ValueError as error:
        raise InvalidRuleError("The body is no JSON.") from error
    if not isinstance(wanted, dict):
        raise InvalidRuleError("The body must be a JSON object.")
    return wanted


def read_form(form: dict[str, Any]) -> dict[str, Any]:
    """Return what the form says, with its numbers; what was left empty is not said."""
    said = {name: str(value).strip() for name, value in form.items() if str(value).strip()}
    wanted: dict[str, Any] = dict(said)
    try:
        wanted |= {name: float(said[name]) for name in NUMBERS if name in said}
        wanted |= {name: int(said[name]) for name in WHOLE if name in said}
    except ValueError as error:
        raise InvalidRuleError("Share and seconds are numbers, count and status whole numbers.") from error
    return wanted


def show_page(request: web.Request, error: str | None = None, status: int = 200) -> web.Response:
    """Render the rules and the form."""
    operations = sorted(
        {route.operation for route in ROUTES.values()} | {"emails.send", "emails.batch", "webhook"} | set(KINDS)
    )
    operations += sorted({route.operation for route in SQUARE_ROUTES.values()} - set(operations))
    operations += sorted({route.operation for route in BRAINTREE_ROUTES.values()} - set(operations))
    return page(
        "faults",
        status=status,
        active="faults",
        rules=request.app[WORLD].faults.rules,
        request_kinds=REQUEST_KINDS,
        webhook_kinds=WEBHOOK_KINDS,
        processors=PROCESSORS,
        operations=operations,
        error=error,
    )
