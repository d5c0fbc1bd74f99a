"""Whose card it is at Stripe, and keeping one for later."""

from __future__ import annotations

from typing import Any

import stripe

from ballast.processors import stripe_answers as answers
from ballast.processors.base import (
    ActionRequired,
    Card,
    Charge,
    Declined,
    Holder,
    Removed,
    SaveCard,
    SavedCard,
    Unknown,
)
from ballast.processors.declines import PUBLIC_SENTENCE
from ballast.processors.stripe_answers import CARD, FAILURES, HOLDER

WITH_CARD = ["payment_method"]


def customer_for(client: stripe.StripeClient, charge: Charge) -> str | None:
    """The customer a charge is made for: of a stored card, or of one that is to be stored. Raises StripeError, TooLateError."""
    if charge.holder is None or charge.holder.external_id or not charge.save:
        return charge.holder.external_id if charge.holder else None
    return enter_customer(client, charge.holder, charge.reference)


def is_new(client: stripe.StripeClient, payment_method: str) -> bool:
    """Whether a card is nobody's yet: Stripe charges a customer's for whoever names both. Raises StripeError, TooLateError."""
    return client.v1.payment_methods.retrieve(payment_method).customer is None


def enter_customer(client: stripe.StripeClient, holder: Holder, reference: str) -> str:
    """Make the holder's customer, once. Raises StripeError, TooLateError.

    Stripe answers a key with the same error for a day, and refuses it for other details; then a key of this call's own is used.
    """
    said = {"email": holder.email, "name": holder.name, "metadata": {HOLDER: holder.reference}}
    params: Any = {name: value for name, value in said.items() if value}
    customers = client.v1.customers
    try:
        return customers.create(params, {"idempotency_key": f"{holder.reference}:customer"}).id
    except stripe.StripeError as error:
        is_spent = isinstance(error, stripe.IdempotencyError) or answers.is_replayed(error.headers)
        if not is_spent:
            raise
    return customers.create(params, {"idempotency_key": f"{reference}:customer"}).id


def save_card(client: stripe.StripeClient, wanted: SaveCard) -> SavedCard | Declined | ActionRequired | Unknown:
    """Confirm a SetupIntent for the holder's customer. Asked again under its reference, it tells how that one stands now."""
    try:
        customer = wanted.holder.external_id or enter_customer(client, wanted.holder, wanted.reference)
        return _read(_set_up(client, customer, wanted))
    except FAILURES as error:
        return answers.refused(error) or answers.unknown(error, None)


def identify(client: stripe.StripeClient, payment_method: str) -> Card | None:
    """What a PaymentMethod shows of its card; None without an answer."""
    try:
        return answers.card_of(client.v1.payment_methods.retrieve(payment_method))
    except FAILURES:
        return None


def forget_card(client: stripe.StripeClient, payment_method: str) -> Removed | Declined | Unknown:
    """Detach a card from its customer, for good: Stripe lets nobody charge it then. Looks first, for it detaches no card twice."""
    methods = client.v1.payment_methods
    try:
        if methods.retrieve(payment_method).customer is not None:
            methods.detach(payment_method)
    except FAILURES as error:
        is_gone = isinstance(error, stripe.InvalidRequestError) and error.http_status == 404
        return Removed() if is_gone else answers.refused(error) or answers.unknown(error, None)
    return Removed()


def _set_up(client: stripe.StripeClient, customer: str, wanted: SaveCard) -> Any:
    """The SetupIntent of this reference: made now, or as it has become since Stripe gave its first answer."""
    intents = client.v1.setup_intents
    params: Any = {
        "customer": customer,
        "payment_method": wanted.token,
        "usage": "off_session",
        "confirm": True,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {CARD: wanted.reference},
        "expand": WITH_CARD,
    }
    try:
        made = intents.create(params, {"idempotency_key": wanted.reference})
    except stripe.APIError as error:
        if not answers.is_replayed(error.headers):
            raise
        listed = intents.list({"customer": customer, "limit": 100}).auto_paging_iter()
        mine = (one.id for one in listed if answers.reference_of(one, CARD) == wanted.reference)
        made_before = next(mine, None)
        if made_before is None:
            raise
        return intents.retrieve(made_before, {"expand": WITH_CARD})
    if made.status != "succeeded" and answers.is_replayed(made.last_response.headers if made.last_response else None):
        return intents.retrieve(made.id, {"expand": WITH_CARD})
    return made


def _read(intent: Any) -> SavedCard | Declined | ActionRequired | Unknown:
    """What a SetupIntent's state means. Source: docs.stripe.com/payments/intents (setup)."""
    match getattr(intent, "status", None):
        case "succeeded" if isinstance(intent.payment_method, stripe.PaymentMethod) and intent.customer:
            return SavedCard(intent.payment_method.id, str(intent.customer), answers.card_of(intent.payment_method))
        case "requires_action":
            return ActionRequired(intent.id, None, intent.client_secret)
        case "requires_payment_method" if intent.last_setup_error:
            return answers.declined(intent.last_setup_error.to_dict(), intent.id)
        case "canceled":
            return Declined("soft", "canceled", PUBLIC_SENTENCE["soft"], intent.id)
        case status:
            return Unknown(str(status or "unreadable"), getattr(intent, "id", None))
