"""Every customer, of every processor, with the cards on file."""

from typing import Any

from aiohttp import web

from ballast.sandbox.pages.charges import REGISTERS
from ballast.sandbox.pages.rendering import answer_json, page, wants_html
from ballast.sandbox.store import Store
from ballast.sandbox.world import WORLD

SHOWN = 200


def list_all_customers(store: Store) -> list[dict[str, Any]]:
    """Return the customers of every processor."""
    return [customer for register in REGISTERS.values() for customer in register.list_customers(store)]


async def show_customers(request: web.Request) -> web.Response:
    """Show the customers, `?processor=` filters; JSON for programs, all of them."""
    processor = request.query.get("processor") or None
    found = [one for one in list_all_customers(request.app[WORLD].store) if processor in (None, one["processor"])]
    if not wants_html(request):
        return answer_json(found)
    newest = sorted(found, key=lambda customer: customer["created"], reverse=True)
    return page("customers", active="customers", customers=newest[:SHOWN], total=len(found), processor=processor)
