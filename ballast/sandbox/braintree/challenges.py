"""The bank's page for 3-D Secure at Braintree: it works without scripts, and stands in a frame of the shop."""

from decimal import Decimal

from aiohttp import web

from ballast.sandbox.braintree.cards import CARDS
from ballast.sandbox.braintree.merchants import account_of, currency_of, load_merchant, places
from ballast.sandbox.pages.rendering import page
from ballast.sandbox.store import Record, Transaction
from ballast.sandbox.world import WORLD

STATES = {"approve": "approved", "fail": "failed", "cancel": "canceled"}


async def show_challenge(request: web.Request) -> web.Response:
    """Ask, or say that it is done."""
    tx, question = find_question(request)
    return ask(request, tx, question) if question["state"] == "open" else leave(question)


async def answer_challenge(request: web.Request) -> web.Response:
    """Take the answer."""
    tx, question = find_question(request)
    decision = str((await request.post()).get("decision", ""))
    if question["state"] == "open":
        if decision not in STATES:
            raise web.HTTPBadRequest(text="Answer approve, fail or cancel.")
        question["state"] = STATES[decision]
        tx.put("questions", question)
        request.app[WORLD].braintree.commit(tx)
    return leave(question)


def find_question(request: web.Request) -> tuple[Transaction, Record]:
    """Return the question of the path, whose id nobody can guess. Raises 404."""
    tx = request.app[WORLD].store.begin(account_of(request.query.get("merchant", "")))
    question = tx.get("questions", request.match_info["question"])
    if question is None:
        raise web.HTTPNotFound(text="The bank knows of no such payment.")
    return tx, question


def ask(request: web.Request, tx: Transaction, question: Record) -> web.Response:
    """Render the question."""
    nonce = tx.get("nonces", question["nonce"])
    currency = currency_of(load_merchant(tx), question["account"]) or "USD"
    amount = int(Decimal(question["amount"]).scaleb(places(currency) or 0))
    return page(
        "challenge",
        intent={"amount": amount, "currency": currency.lower()},
        card=CARDS[nonce["card"]["name"]] if nonce else None,
        merchant=request.query.get("merchant", ""),
        action=request.path_qs,
        embedded=True,
    )


def leave(question: Record) -> web.Response:
    """Tell the shop's page that the answer was given."""
    return page("challenge_done", passed=question["state"] == "approved", embedded=True, done=True)
