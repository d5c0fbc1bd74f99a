"""Whose card it is at Square, and keeping one for later."""

from __future__ import annotations

from typing import Any

from square import Square
from square.core.api_error import ApiError

from ballast.processors import square_answers as answers
from ballast.processors.base import Declined, Holder, Removed, SaveCard, SavedCard, Unknown
from ballast.processors.square_client import ONCE, ask


def save_card(client: Square, wanted: SaveCard) -> SavedCard | Declined | Unknown:
    """Keep a card for its holder, who is entered if Square does not know them yet.

    `token` is the browser's, unused, or the id of a payment that was taken with it (a token can be used once only).
    """
    try:
        customer_id = wanted.holder.external_id or _enter_customer(client, wanted.holder, wanted.reference)
        kept: Any = {"customer_id": customer_id, "reference_id": wanted.reference}
        if wanted.holder.name:
            kept["cardholder_name"] = wanted.holder.name[:96]
        card = ask(
            client.cards.create,
            idempotency_key=wanted.reference,
            source_id=wanted.token,
            card=kept,
            request_options=ONCE,
        ).card
    except answers.FAILURES as error:
        return answers.read_failure(error)
    if card is None or not card.id or not customer_id:
        return Unknown("empty_answer")
    return SavedCard(card.id, customer_id, answers.read_card(card))


def forget_card(client: Square, card_id: str) -> Removed | Declined | Unknown:
    """Disable a card, which is all that Square offers: nobody can charge it any more, nor enable it. Once more changes nothing."""
    try:
        ask(client.cards.disable, card_id, request_options=ONCE)
    except answers.FAILURES as error:
        is_gone = isinstance(error, ApiError) and error.status_code == 404
        return Removed() if is_gone else answers.read_failure(error)
    return Removed()


def _enter_customer(client: Square, holder: Holder, reference: str) -> str | None:
    """Make the holder's customer, once. Under the holder's key other details are refused; then a key of this call's own is used."""
    said: dict[str, Any] = {"reference_id": holder.reference}
    if holder.email:
        said["email_address"] = holder.email
    if holder.name or not holder.email:
        said["given_name"] = (holder.name or holder.reference)[:300]

    def enter(key: str) -> str | None:
        made = ask(client.customers.create, idempotency_key=key, **said, request_options=ONCE).customer
        return made.id if made else None

    try:
        return enter(f"{holder.reference}:customer")
    except ApiError as error:
        first = answers.first_error(error)
        if first is None or first.code != "IDEMPOTENCY_KEY_REUSED":
            raise
    return enter(f"{reference}:customer")
