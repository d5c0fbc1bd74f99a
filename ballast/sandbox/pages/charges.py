"""Every charge, of every processor."""

from aiohttp import web

from ballast.sandbox.pages.rendering import answer_json, page, wants_html
from ballast.sandbox.stripe.money_held import list_money
from ballast.sandbox.world import WORLD

SHOWN = 200


async def show_charges(request: web.Request) -> web.Response:
    """Show the money that moved or is held; JSON for programs, all of it."""
    charges = list_money(request.app[WORLD].store)
    if not wants_html(request):
        return answer_json(charges)
    newest = sorted(charges, key=lambda charge: charge["created"], reverse=True)
    return page("charges", active="charges", charges=newest[:SHOWN], total=len(charges))
