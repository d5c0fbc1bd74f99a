"""Every charge, of every processor."""

from typing import Any

from aiohttp import web

from ballast.sandbox.acts import RefusedActError
from ballast.sandbox.braintree import register as braintree
from ballast.sandbox.braintree.money_held import list_money as list_braintree_money
from ballast.sandbox.pages.rendering import answer_json, page, wants_html
from ballast.sandbox.square import register as square
from ballast.sandbox.square.money_held import list_money as list_square_money
from ballast.sandbox.store import Store
from ballast.sandbox.stripe import register as stripe
from ballast.sandbox.stripe.money_held import list_money as list_stripe_money
from ballast.sandbox.world import WORLD

SHOWN = 200
REGISTERS = {"stripe": stripe, "braintree": braintree, "square": square}


def list_all_money(store: Store) -> list[dict[str, Any]]:
    """Return the money that moved or is held at every processor."""
    return list_stripe_money(store) + list_square_money(store) + list_braintree_money(store)


async def show_charges(request: web.Request) -> web.Response:
    """Show the money that moved or is held, `?processor=` filters; JSON for programs, all of it."""
    charges = list_all_money(request.app[WORLD].store)
    processor = request.query.get("processor") or None
    charges = [charge for charge in charges if processor in (None, charge["processor"])]
    if not wants_html(request):
        return answer_json(charges)
    newest = sorted(charges, key=lambda charge: charge["created"], reverse=True)
    return page("charges", active="charges", charges=newest[:SHOWN], total=len(charges), processor=processor)


async def show_charge(request: web.Request) -> web.Response:
    """Show one charge with its refunds and disputes, and what can be done to it."""
    register = REGISTERS.get(request.match_info["processor"])
    try:
        if register is None:
            raise RefusedActError(404, f"There is no processor {request.match_info['processor']}.")
        charge = register.describe_charge(request.app[WORLD].store, request.match_info["id"])
    except RefusedActError as error:
        if wants_html(request):
            return page("refused", status=404, active="charges", message=str(error), back="/_sandbox/charges")
        return answer_json({"error": {"message": str(error)}}, 404)
    if not wants_html(request):
        return answer_json(charge)
    return page("charge", active="charges", charge=charge, here=request.path)
