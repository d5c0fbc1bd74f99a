"""The front page, health and the reset."""

from aiohttp import web

from ballast.sandbox.braintree.money_held import list_money as list_braintree_money
from ballast.sandbox.pages.rendering import answer_json, page, wants_html
from ballast.sandbox.square.money_held import list_money as list_square_money
from ballast.sandbox.stripe.money_held import list_money
from ballast.sandbox.world import WORLD


async def show_overview(request: web.Request) -> web.Response:
    """Say what this is and what is in it."""
    world = request.app[WORLD]
    sandbox = world.store.begin("_sandbox")
    counts = {
        "charges": len(list_money(world.store)) + len(list_square_money(world.store)),
        "mails": sum(1 for _ in sandbox.newest("mails")),
        "receipts": sum(1 for _ in sandbox.newest("receipts")),
        "faults": len(world.faults.rules),
        "exchanges": len(world.wire.recent),
    }
    counts["charges"] += len(list_braintree_money(world.store))
    return page("overview", active="overview", counts=counts, base_url=f"{request.scheme}://{request.host}")


async def show_health(_: web.Request) -> web.Response:
    """Answer that the sandbox is up."""
    return answer_json({"status": "ok"})


async def reset(request: web.Request) -> web.Response:
    """Forget what happened."""
    request.app[WORLD].reset()
    if wants_html(request):
        raise web.HTTPSeeOther("/")
    return answer_json({"status": "ok"})
