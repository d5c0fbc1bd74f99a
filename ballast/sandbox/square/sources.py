"""What a payment is taken from: a payment token, or a card on file; and what the bank thinks of it.

A record of a token or a kept card: `_card` is the name of the test card, `_failure` a code that what was typed beside the
number calls for, `_verified` what its holder confirmed: {amount, currency, intent}, without an amount when the card is only
kept.
"""

from typing import Any

from ballast.sandbox.square.errors import SquareError, decline, refuse, report_missing
from ballast.sandbox.square.known_cards import CARDS, NONCES, ON_FILE, USED_NONCE, Card, refuse_used
from ballast.sandbox.square.routes import Call
from ballast.sandbox.store import Record, Transaction

EXPIRES = {"exp_month": 11, "exp_year": 2034}
ON_FILE_PREFIX = "ccof:"
# A token of the browser lives for a day. Source: developer.squareup.com/docs/web-payments/overview.
TOKEN_SECONDS = 24 * 3600


def open_source(call: Call, key: str, customer_id: str | None) -> Record:
    """Return the source of a payment. Raises what Square answers for one that is unknown, used up or someone else's."""
    if key.startswith(ON_FILE_PREFIX):
        return open_kept_card(call, key, customer_id)
    return open_token(call, key)


def open_token(call: Call, key: str) -> Record:
    """Return a payment token. Raises 400 and 404."""
    if key in NONCES:
        return {"id": key, "_card": NONCES[key], **EXPIRES}
    if key == USED_NONCE:
        raise refuse_used()
    token = call.tx.get("square_tokens", key)
    if token is None:
        raise SquareError(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", "Card nonce not found", field="source_id")
    if token["used"]:
        raise refuse_used()
    if call.moment - token["_moment"] > TOKEN_SECONDS:
        raise refuse("CARD_TOKEN_EXPIRED", "The provided card token has expired.", "source_id")
    if "card_id" in token:
        kept = call.load("square_cards", token["card_id"], "card", "source_id")
        return kept | {"_token": key, "_verified": token["_verified"]}
    return token


def open_kept_card(call: Call, key: str, customer_id: str | None) -> Record:
    """Return a card on file. Raises the 400 for one without its customer."""
    if key in ON_FILE:
        return {"id": key, "_card": ON_FILE[key], **EXPIRES}
    card = call.tx.get("square_cards", key)
    if card is None:
        raise report_missing("card", key, "source_id")
    if not card["enabled"]:
        raise refuse("INVALID_CARD", "The card on file is disabled.", "source_id")
    if not customer_id:
        message = "Customer ID is required when charging a card on file."
        raise refuse("MISSING_REQUIRED_PARAMETER", message, "customer_id")
    if card["customer_id"] != customer_id:
        raise refuse("INVALID_VALUE", "The card on file is not of this customer.", "customer_id")
    return card


def use_up(call: Call, source: Record) -> None:
    """Write that a token was used; a documented one and a kept card can be used for ever."""
    key = source.get("_token") or source["id"]
    token = call.tx.get("square_tokens", key)
    if token is not None:
        call.tx.put("square_tokens", token | {"used": True})


def is_kept(source: Record) -> bool:
    """Tell a card on file from a token."""
    return str(source["id"]).startswith(ON_FILE_PREFIX)


def ask_bank(call: Call, source: Record, amount: dict[str, Any]) -> None:
    """Raise the decline of a card that is refused for this amount."""
    card = CARDS[source["_card"]]
    failure = source.get("_failure") or card.declines or (card.on_file if is_kept(source) else None)
    if call.must_decline:
        raise decline("GENERIC_DECLINE")
    if needs_holder(call, source, card, amount):
        raise decline("CARD_DECLINED_VERIFICATION_REQUIRED")
    if failure:
        raise decline(failure)


def needs_holder(call: Call, source: Record, card: Card, amount: dict[str, Any]) -> bool:
    """Tell whether the bank wants a confirmation of this very amount that it has not got.

    A payment its holder does not begin is free of it if the card was kept with a confirmation.
    """
    if card.authentication in ("none", "frictionless"):
        return False
    if is_confirmed(source.get("_verified"), amount) or is_confirmed(find_verification(call), amount):
        return False
    holder_begins = call.params.get("customer_details", {}).get("customer_initiated", True)
    return bool(holder_begins or not is_kept(source) or not source.get("_kept_confirmed"))


def is_confirmed(verified: dict[str, Any] | None, amount: dict[str, Any]) -> bool:
    """Tell whether a confirmation covers this amount: another amount, another confirmation."""
    return bool(verified) and all(verified.get(name) == amount[name] for name in ("amount", "currency"))  # type: ignore[union-attr]


def find_verification(call: Call) -> dict[str, Any] | None:
    """Return what a `verification_token` says, the older way of confirming. Raises 400 for an unknown one."""
    key = call.params.get("verification_token")
    if not key:
        return None
    record = call.tx.get("square_tokens", key)
    if record is None or "verification" not in record:
        raise refuse("INVALID_VALUE", "The verification token is not valid.", "verification_token")
    verified: dict[str, Any] = record["_verified"]
    return verified


def show_card(source: Record) -> dict[str, Any]:
    """Return Square's `Card` as a payment carries it."""
    shown = CARDS[source["_card"]].describe() | {name: source[name] for name in ("exp_month", "exp_year")}
    return shown | ({"id": source["id"], "enabled": True} if is_kept(source) else {})


def find_last4(tx: Transaction, key: str) -> str | None:
    """Return the last four digits of the card behind a token, a card on file, a payment or a refund."""
    name = NONCES.get(key) or ON_FILE.get(key)
    for kind in ("square_tokens", "square_cards", "square_payments", "square_refunds"):
        record = None if name else tx.get(kind, key)
        if record is None:
            continue
        if "_card" in record:
            name = record["_card"]
        else:
            return find_last4(tx, record.get("card_id") or record.get("payment_id") or "")
    return CARDS[name].last4 if name else None
