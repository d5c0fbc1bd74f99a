"""Merchants: their keys, their accounts in currencies, and how the sandbox is set for them.

A merchant is made by being named. What is set stays through a reset, for which its record lies in the table `webhook_endpoints`,
under the account `braintree:<merchant id>`.
"""

import hmac
import re
from typing import Any

from iso4217 import Currency

from ballast.sandbox.store import Record, Transaction

PREFIX = "braintree:"
MERCHANT = re.compile(r"^ballast_[A-Za-z0-9_-]{1,100}$")
LIVE = ("live", "production")
LISTED = ("USD", "EUR", "GBP", "INR", "JPY", "KWD", "CAD", "AUD", "CHF", "SEK", "SGD", "MXN")
DEFAULTS: dict[str, Any] = {
    "url": None,
    "verified": False,
    "keys": {},
    "currency": "USD",
    "settle_after": 20.0,
    "api_request_keys": True,
    "partial_settlements": True,
    "duplicate_seconds": 30,
    "search_lag": 0.0,
    "rejects": [],
}
KEPT_KEYS = 3

Merchant = Record


def account_of(merchant_id: str) -> str:
    """Return the name of a merchant's tables."""
    return PREFIX + merchant_id


def id_of(account: str) -> str:
    """Return the merchant whose tables these are."""
    return account.removeprefix(PREFIX)


def load_merchant(tx: Transaction) -> Merchant:
    """Return the merchant of a transaction's account, as set or as all are."""
    named = {"id": "merchant", "merchant_id": id_of(tx.account)}
    return DEFAULTS | (tx.get("webhook_endpoints", "merchant") or {}) | named


def save_merchant(tx: Transaction, merchant: Merchant) -> None:
    """Write what is set."""
    tx.put("webhook_endpoints", merchant)


def is_ours(merchant_id: str, *keys: str) -> bool:
    """Tell a sandbox merchant from what could be a real one: ids begin with `ballast_`, and no key says it is live."""
    return bool(MERCHANT.match(merchant_id)) and all(
        key and not any(word in key.lower() for word in LIVE) for key in keys
    )


def learn_keys(tx: Transaction, merchant: Merchant, public_key: str, private_key: str) -> None:
    """Remember the pair a merchant signs in with: it is what notifications are signed with."""
    known = merchant["keys"].get(public_key)
    if known is not None and hmac.compare_digest(known.encode(), private_key.encode()):
        return
    kept = [pair for pair in merchant["keys"].items() if pair[0] != public_key][-(KEPT_KEYS - 1) :]
    merchant["keys"] = dict(kept) | {public_key: private_key}
    save_merchant(tx, merchant)


def currency_of(merchant: Merchant, account_id: str | None) -> str | None:
    """Return the currency of a merchant account: its id is the code, or ends in it; None if there is no such account."""
    if not account_id:
        return str(merchant["currency"])
    code = account_id.rpartition("_")[2].upper()
    return code if places(code) is not None else None


def places(currency: str) -> int | None:
    """Return how many decimals a currency has, None if it is none."""
    try:
        return Currency(currency).exponent
    except ValueError:
        return None


def default_account(merchant: Merchant) -> str:
    """Return the id of the merchant account that is used where none is named."""
    return str(merchant["currency"]).lower()
