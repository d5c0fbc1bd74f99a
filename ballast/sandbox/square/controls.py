"""What whoever plays with the sandbox can make happen: a dispute over a payment, a refund that fails."""

from aiohttp import web

from ballast.sandbox.pages.rendering import answer_json, wants_html
from ballast.sandbox.square import disputes, refunds
from ballast.sandbox.square.accounts import Account
from ballast.sandbox.square.routes import Call
from ballast.sandbox.world import WORLD


async def open_dispute(request: web.Request) -> web.Response:
    """Open a dispute over a completed payment: 201 with it, 409 if there can be none."""
    call = begin(request)
    made = disputes.open_dispute(call, request.match_info["id"], request.query.get("reason"))
    request.app[WORLD].square.commit(call.tx)
    if wants_html(request):
        raise web.HTTPSeeOther("/_sandbox/charges")
    return answer_json(disputes.show(made), 201) if made else answer_json({"error": {"message": "No."}}, 409)


async def reject_refund(request: web.Request) -> web.Response:
    """Have a pending refund rejected: 200, or 409 if it is decided."""
    call = begin(request)
    done = refunds.decide(call, request.match_info["id"], "REJECTED")
    request.app[WORLD].square.commit(call.tx)
    if wants_html(request):
        raise web.HTTPSeeOther("/_sandbox/charges")
    return answer_json({"status": "REJECTED"}) if done else answer_json({"error": {"message": "Decided."}}, 409)


def begin(request: web.Request) -> Call:
    """Return a call on the account of the path."""
    account = Account(request.match_info["account"])
    return Call(request.app[WORLD].store.begin(account.name), account)
