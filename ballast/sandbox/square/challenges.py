"""The bank's page: it asks the holder of a card to approve, and works without scripts."""

from aiohttp import web

from ballast.sandbox.pages.rendering import page
from ballast.sandbox.square.accounts import Account
from ballast.sandbox.square.known_cards import CARDS
from ballast.sandbox.square.routes import Call
from ballast.sandbox.square.tokens import load_challenge, make
from ballast.sandbox.store import Record
from ballast.sandbox.world import WORLD

DECISIONS = {"approve": "approved", "fail": "failed", "cancel": "canceled"}


async def show_challenge(request: web.Request) -> web.Response:
    """Ask."""
    account = Account(request.query.get("account", ""))
    challenge = load_challenge(request, account)
    return ask(request, account, challenge) if challenge["state"] == "open" else leave(request, challenge)


async def answer_challenge(request: web.Request) -> web.Response:
    """Take the answer; an approved challenge has its payment token from then on."""
    account = Account(request.query.get("account", ""))
    challenge = load_challenge(request, account)
    decision = str((await request.post()).get("decision", ""))
    if challenge["state"] == "open":
        if decision not in DECISIONS:
            raise web.HTTPBadRequest(text="Answer approve, fail or cancel.")
        decide(request, account, challenge, DECISIONS[decision])
    return leave(request, challenge)


def decide(request: web.Request, account: Account, challenge: Record, state: str) -> None:
    """Write the answer down."""
    world = request.app[WORLD]
    call = Call(world.store.begin(account.name), account)
    challenge["state"] = state
    if state == "approved":
        challenge["token"] = make(call, challenge["token"], challenge["wanted"])
    call.tx.put("square_challenges", challenge)
    world.square.commit(call.tx)


def ask(request: web.Request, account: Account, challenge: Record) -> web.Response:
    """Render the question."""
    wanted, card = challenge["wanted"], CARDS[challenge["token"]["_card"]]
    intent = {"amount": wanted["amount"], "currency": wanted["currency"].lower()} if "amount" in wanted else {}
    return page(
        "challenge",
        intent=intent,
        card={"brand": card.brand.replace("_", " "), "last4": card.last4},
        merchant=account.name,
        action=request.path_qs,
        embedded="embedded" in request.query,
    )


def leave(request: web.Request, challenge: Record) -> web.Response:
    """Say that it is done; the page tells whoever holds it in a frame."""
    passed = challenge["state"] == "approved"
    return page("challenge_done", passed=passed, embedded="embedded" in request.query, done=True)
