"""The bank's page: it asks the holder of a card to approve, and works without scripts."""

import secrets
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from aiohttp import web

from ballast.sandbox.pages.rendering import POLICY, page
from ballast.sandbox.store import Record, Transaction
from ballast.sandbox.stripe import confirmation, setup_intents
from ballast.sandbox.stripe.cards import CARDS
from ballast.sandbox.stripe.errors import StripeError
from ballast.sandbox.stripe.routes import Call
from ballast.sandbox.world import WORLD

DECISIONS = ("approve", "fail", "cancel")


@dataclass(slots=True)
class Challenge:
    """One question of the bank about one intent."""

    tx: Transaction
    intent: Record
    kind: str

    @property
    def is_open(self) -> bool:
        """Tell whether the bank still waits for an answer."""
        return bool(self.intent["status"] == "requires_action")

    @property
    def return_url(self) -> str | None:
        """Return where the holder is sent afterwards, with Stripe's three parameters."""
        url = self.intent.get("_return_url")
        if not url:
            return None
        name = "payment_intent" if self.kind == "payment_intents" else "setup_intent"
        passed = self.intent["status"] in ("succeeded", "requires_capture", "processing")
        told = urlencode(
            {
                name: self.intent["id"],
                f"{name}_client_secret": self.intent["client_secret"],
                "redirect_status": "succeeded" if passed else "failed",
            }
        )
        parts = urlsplit(url)
        return urlunsplit(parts._replace(query=f"{parts.query}&{told}" if parts.query else told))


async def show_challenge(request: web.Request) -> web.Response:
    """Ask."""
    challenge = find_challenge(request)
    if not challenge.is_open:
        return leave(request, challenge)
    return ask(request, challenge)


async def answer_challenge(request: web.Request) -> web.Response:
    """Take the answer, go on with the intent, and send the holder back."""
    challenge = find_challenge(request)
    decision = str((await request.post()).get("decision", ""))
    if challenge.is_open:
        if decision not in DECISIONS:
            raise web.HTTPBadRequest(text="Answer approve, fail or cancel.")
        decide(challenge, request, approved=decision == "approve")
    return leave(request, challenge)


def find_challenge(request: web.Request) -> Challenge:
    """Return the challenge of the path. Raises 404 for an unknown one or a wrong secret."""
    key = request.match_info["intent"]
    kind = "payment_intents" if key.startswith("pi_") else "setup_intents"
    tx = request.app[WORLD].store.begin(request.query.get("account", ""))
    intent = tx.get(kind, key)
    given = request.query.get("client_secret", "")
    if intent is None or not secrets.compare_digest(given.encode(), intent["client_secret"].encode()):
        raise web.HTTPNotFound(text="The bank knows of no such payment.")
    return Challenge(tx, intent, kind)


def decide(challenge: Challenge, request: web.Request, *, approved: bool) -> None:
    """Go on with the intent; a refusal is written down on it, as the holder is told by the shop."""
    call = Call(challenge.tx, {}, idempotency_key=challenge.intent.get("_key"))
    finish = (
        confirmation.finish_authentication
        if challenge.kind == "payment_intents"
        else setup_intents.finish_authentication
    )
    try:
        finish(call, challenge.intent, approved=approved)
    except StripeError as error:
        if not error.committed:
            raise web.HTTPConflict(text=str(error)) from error
    request.app[WORLD].commit(challenge.tx)


def ask(request: web.Request, challenge: Challenge) -> web.Response:
    """Render the question; the policy allows the form to lead back to the shop."""
    method = challenge.tx.get("payment_methods", challenge.intent["payment_method"])
    card = CARDS[method["_card"]["name"]] if method else None
    return page(
        "challenge",
        policy=allow_return(challenge),
        intent=challenge.intent,
        card=card,
        merchant=challenge.tx.account,
        action=request.path_qs,
        embedded="embedded" in request.query,
    )


def leave(request: web.Request, challenge: Challenge) -> web.Response:
    """Send the holder back: by a message if the page stands in a frame, else by a redirect, else with a word."""
    if "embedded" not in request.query and challenge.return_url:
        raise web.HTTPSeeOther(challenge.return_url)
    passed = challenge.intent["status"] in ("succeeded", "requires_capture")
    return page("challenge_done", passed=passed, embedded="embedded" in request.query, done=True)


def allow_return(challenge: Challenge) -> str:
    """Return the page's policy, with the shop's origin as a place a form may lead to."""
    url = urlsplit(challenge.intent.get("_return_url") or "")
    if url.scheme not in ("http", "https") or not all(c.isalnum() or c in "-.:[]" for c in url.netloc):
        return POLICY
    return POLICY.replace("form-action 'self'", f"form-action 'self' {url.scheme}://{url.netloc}")
