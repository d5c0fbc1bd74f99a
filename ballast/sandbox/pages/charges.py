"""Every charge, of every processor."""

from aiohttp import web

from ballast.sandbox.braintree.money_held import list_money as list_braintree_money
from ballast.sandbox.pages.rendering import answer_json, page, wants_html
from ballast.sandbox.square.money_held import list_money as list_square_money
from ballast.sandbox.stripe.money_held import list_money
from ballast.sandbox.world import WORLD

SHOWN = 200


async def show_charges(request: web.Request) -> web.Response:
    """Show the money that moved or is held; JSON for programs, all of it."""
    charges = list_money(request.app[WORLD].store)
    charges += list_square_money(request.app[WORLD].store)
    charges += list_braintree_money(request.app[WORLD].store)
    if not wants_html(request):
        return answer_json(charges)
    newest = sorted(charges, key=lambda charge: charge["created"], reverse=True)
    return page("charges", active="charges", charges=newest[:SHOWN], total=len(charges))
