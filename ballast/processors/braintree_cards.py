"""Whose card it is at Braintree, and keeping one for later."""

from __future__ import annotations

import hashlib
import re

from ballast.processors import braintree_answers as answers
from ballast.processors.base import Card, Declined, Holder, Removed, SaveCard, SavedCard, Unknown
from ballast.processors.braintree_answers import OpenError, RefusedError, ask, codes_of
from ballast.processors.braintree_merchant import Merchant

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,36}")
ID_IS_TAKEN, TOKEN_IS_TAKEN = "91609", "91719"


def enter_customer(merchant: Merchant, holder: Holder) -> str | Declined:
    """Make the customer under our own id; one that is there already is the same one. Raises OpenError, RefusedError."""
    customer_id = _identifier(holder.reference)
    first, _, last = (holder.name or "").rpartition(" ")
    params = {"id": customer_id, "email": holder.email, "first_name": first or None, "last_name": last or None}
    said = {name: value for name, value in params.items() if value}
    result = ask(lambda: merchant.gateway.customer.create(said))
    codes = codes_of(result)
    return customer_id if result.is_success or ID_IS_TAKEN in codes else answers.invalid(codes, result.message)


def save_card(merchant: Merchant, wanted: SaveCard) -> SavedCard | Declined | Unknown:
    """Store a card whose bank knows it. Its token is our reference, so that asking twice stores it once."""
    try:
        customer = wanted.holder.external_id or enter_customer(merchant, wanted.holder)
        return customer if isinstance(customer, Declined) else _store(merchant, wanted, customer)
    except OpenError as error:
        return answers.unknown(error)
    except RefusedError as error:
        return answers.misconfigured(error.code)


def _store(merchant: Merchant, wanted: SaveCard, customer_id: str) -> SavedCard | Declined:
    token = _identifier(wanted.reference)
    options = {"verify_card": True}
    params = {"customer_id": customer_id, "payment_method_nonce": wanted.token, "token": token, "options": options}
    methods = merchant.gateway.payment_method
    result = ask(lambda: methods.create(params))
    codes = set(codes_of(result))
    if result.is_success:
        return SavedCard(token, customer_id, answers.card(result.payment_method))
    if TOKEN_IS_TAKEN in codes:
        return SavedCard(token, customer_id, answers.card(ask(lambda: methods.find(token))))
    return answers.unverified(result) or answers.invalid(codes, result.message)


def identify(merchant: Merchant, nonce: str) -> Card | None:
    """What a nonce shows of its card; None without an answer."""
    try:
        shown = ask(lambda: merchant.gateway.payment_method_nonce.find(nonce)).details or {}
    except (OpenError, RefusedError):
        return None
    return answers.shown_card(shown)


def forget_card(merchant: Merchant, token: str) -> Removed | Declined | Unknown:
    """Delete a stored card; one that is not there is gone already."""
    try:
        ask(lambda: merchant.gateway.payment_method.delete(token))
    except OpenError as error:
        return answers.unknown(error)
    except RefusedError as error:
        return Removed() if error.code == "not_found" else answers.misconfigured(error.code)
    return Removed()


def _identifier(reference: str) -> str:
    """Our id as Braintree takes it: itself, or its digest where it is too long or has other letters."""
    return reference if IDENTIFIER.fullmatch(reference) else hashlib.sha256(reference.encode()).hexdigest()[:36]
