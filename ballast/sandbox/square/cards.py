"""Cards on file."""

from typing import Any

from ballast.sandbox.square import customers
from ballast.sandbox.square.errors import decline, refuse
from ballast.sandbox.square.events import emit
from ballast.sandbox.square.fields import ADDRESS, ORDER, require, text, whole
from ballast.sandbox.square.known_cards import CARDS
from ballast.sandbox.square.lists import list_page
from ballast.sandbox.square.routes import Call, new_key, route
from ballast.sandbox.square.sources import find_verification, open_token, use_up
from ballast.sandbox.store import Record

SAID = {
    "cardholder_name": text(96),
    "billing_address": ADDRESS,
    "customer_id": text(),
    "reference_id": text(128),
    "exp_month": whole,
    "exp_year": whole,
}
CREATE = {
    "idempotency_key": text(None, 1),
    "source_id": text(16384, 1),
    "verification_token": text(),
    "card": SAID,
}
PER_PAGE = 25


@route("POST", "cards", "cards.create", CREATE, keyed=True, tries_card=True)
def create_card(call: Call) -> dict[str, Any]:
    """Keep a card for a customer: out of a payment token, or out of a payment that was taken with one."""
    require(call.params, "idempotency_key", "source_id", "card")
    said = call.params["card"]
    require(said, "customer_id", prefix="card.")
    customers.load(call, said["customer_id"], "card.customer_id")
    source = open_origin(call, call.params["source_id"])
    failure = "GENERIC_DECLINE" if call.must_decline else source.get("_failure") or CARDS[source["_card"]].declines
    if failure:
        raise decline(failure)
    use_up(call, source)
    record = make_record(call, source)
    emit(call, "card.created", "card", show(record))
    return {"card": show(record)}


def open_origin(call: Call, key: str) -> Record:
    """Return where the card comes from. Raises 400 for a gift card, which cannot be kept."""
    payment = call.tx.get("square_payments", key)
    if payment is not None and payment["status"] not in ("APPROVED", "COMPLETED"):
        raise refuse("BAD_REQUEST", "The payment was not taken.", "source_id")
    source = payment["_source"] | {"_failure": None} if payment is not None else open_token(call, key)
    if CARDS[source["_card"]].gift or "card_id" in source or str(source["id"]).startswith("ccof:"):
        raise refuse("INVALID_CARD", "This card cannot be kept on file.", "source_id")
    return dict(source)


def make_record(call: Call, source: Record) -> Record:
    """Write the card; `_kept_confirmed` frees later payments that its holder does not begin."""
    record: Record = {
        "id": f"ccof:CA4SE{new_key(24)}",
        "_moment": call.moment,
        "_card": source["_card"],
        "_kept_confirmed": bool(source.get("_verified") or find_verification(call)),
        "exp_month": source["exp_month"],
        "exp_year": source["exp_year"],
        "merchant_id": call.account.merchant_id,
        "enabled": True,
        "version": 1,
        "created_at": call.now,
    }
    record |= {name: value for name, value in call.params["card"].items() if not name.startswith("exp_")}
    return call.tx.put("square_cards", record)


@route("GET", "cards/{}", "cards.get", {})
def get_card(call: Call, key: str) -> dict[str, Any]:
    """Answer one card."""
    return {"card": show(call.load("square_cards", key, "card"))}


@route(
    "GET",
    "cards",
    "cards.list",
    {
        "cursor": text(),
        "customer_id": text(),
        "include_disabled": text(),
        "reference_id": text(),
        "sort_order": ORDER,
    },
)
def list_cards(call: Call) -> dict[str, Any]:
    """Answer the cards, of one customer or of all; by Square's default the oldest first."""
    wanted = call.params
    call.params = {"sort_order": "ASC"} | call.params
    found = [
        card
        for card in call.tx.newest("square_cards")
        if (card["enabled"] or wanted.get("include_disabled") == "true")
        and all(name not in wanted or card.get(name) == wanted[name] for name in ("customer_id", "reference_id"))
    ]
    return list_page(call, "cards", found, show, PER_PAGE)


@route("POST", "cards/{}/disable", "cards.disable", {})
def disable_card(call: Call, key: str) -> dict[str, Any]:
    """Take a card out of use; once more changes nothing."""
    record = call.load("square_cards", key, "card")
    if record["enabled"]:
        record |= {"enabled": False, "version": record["version"] + 1}
        call.tx.put("square_cards", record)
        emit(call, "card.disabled", "card", show(record))
    return {"card": show(record)}


def show(record: Record) -> dict[str, Any]:
    """Return Square's `Card`; one read from what Square says itself has no private fields."""
    said = {name: value for name, value in record.items() if not name.startswith("_")}
    said.pop("created_at", None)
    return CARDS[record["_card"]].describe() | said
