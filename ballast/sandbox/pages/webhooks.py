"""Where the processors send their webhooks, and what became of each."""

from typing import Any

from aiohttp import web

from ballast.sandbox.deliveries import is_undelivered
from ballast.sandbox.pages.charges import REGISTERS
from ballast.sandbox.pages.rendering import answer_json, page, wants_html
from ballast.sandbox.resend.webhooks import list_endpoints as list_resend_endpoints
from ballast.sandbox.world import WORLD, World

SHOWN = 100
FIELDS = ("id", "type", "created", "attempts", "due", "state", "answered")


def list_deliveries(world: World) -> list[dict[str, Any]]:
    """Return the deliveries of every processor."""
    return [
        {"processor": processor, "account": name_account(account)} | {name: one[name] for name in FIELDS}
        for processor, side in world.sides.items()
        for account in world.store.accounts(side.deliveries.carrier.table)
        for one in world.store.begin(account).newest(side.deliveries.carrier.table)
    ]


def name_account(account: str) -> str:
    """Return an account as its owner knows it; mail has none."""
    return "resend" if account == "_sandbox" else account.removeprefix("braintree:")


async def show_webhooks(request: web.Request) -> web.Response:
    """Show the addresses and the latest deliveries, `?processor=` filters; JSON for programs, all of them."""
    world, processor = request.app[WORLD], request.query.get("processor") or None
    deliveries = [one for one in list_deliveries(world) if processor in (None, one["processor"])]
    deliveries.sort(key=lambda one: one["created"], reverse=True)
    registers = [register for name, register in REGISTERS.items() if processor in (None, name)]
    endpoints = [endpoint for register in registers for endpoint in register.list_endpoints(world.store)]
    if processor in (None, "resend"):
        endpoints += list_resend_endpoints(world.store)
    if not wants_html(request):
        return answer_json({"endpoints": endpoints, "deliveries": deliveries})
    waiting = [one for one in deliveries if is_undelivered(one)]
    taken = [one for one in deliveries if not is_undelivered(one)]
    return page(
        "webhooks",
        active="webhooks",
        endpoints=endpoints,
        waiting=waiting[:SHOWN],
        taken=taken[:SHOWN],
        processor=processor,
        here=request.path_qs,
    )
