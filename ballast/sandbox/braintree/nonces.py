"""One-time tokens: made in the browser or from a stored card, used once, perhaps after 3-D Secure."""

import uuid
from typing import Any

from ballast.sandbox.braintree.card_numbers import Facts, facts_of
from ballast.sandbox.braintree.cards import CARDS, FAKES, Fake
from ballast.sandbox.braintree.errors import invalid
from ballast.sandbox.braintree.objects import show_bin_data
from ballast.sandbox.braintree.parameters import keys
from ballast.sandbox.braintree.routes import Call, Reply, route
from ballast.sandbox.store import Record, Transaction

LASTS_SECONDS = 3 * 3600
# The codes for a nonce that was used, and for one nobody knows, where a charge or a vault call names it.
IN_TRANSACTION = ("91564", "91565")
IN_PAYMENT_METHOD = ("93107", "93108")


def make_nonce(tx: Transaction, facts: Facts, token: str | None = None, customer: str | None = None) -> Record:
    """Write a fresh nonce."""
    nonce = {
        "id": str(uuid.uuid4()),
        "card": facts,
        "token": token,
        "customer": customer,
        "three_ds": None,
        "consumed": False,
        "created": tx.now,
    }
    return tx.put("nonces", nonce)


def consume(call: Call, given: Any, codes: tuple[str, str], *place: str) -> Record:
    """Return a nonce and use it up. Raises Invalid for one that is used, unknown or too old."""
    used, unknown = codes
    nonce = find_nonce(call, str(given), *place)
    if nonce is None or call.now - nonce["created"] > LASTS_SECONDS:
        raise invalid("payment_method_nonce", unknown, *place)
    if nonce["consumed"]:
        raise invalid("payment_method_nonce", used, *place)
    if not nonce["id"].startswith("fake-"):
        call.tx.put("nonces", nonce | {"consumed": True})
    return nonce


def find_nonce(call: Call, key: str, *place: str) -> Record | None:
    """Return a nonce, a documented test nonce included. Raises Invalid for the test nonce of a mistyped card."""
    fake = FAKES.get(key)
    if fake is None:
        return call.tx.get("nonces", key)
    if fake.luhn:
        raise invalid("number", "81715", *(place or ("transaction",)), "credit_card")
    return fake_nonce(key, fake, call.now)


def fake_nonce(key: str, fake: Fake, now: int) -> Record:
    """Return what a documented test nonce stands for."""
    facts = facts_of(CARDS[fake.card], 12, 2030)
    three_ds = dict(fake.three_ds, amount=None) if fake.three_ds else None
    return {
        "id": key,
        "card": facts,
        "token": None,
        "customer": None,
        "three_ds": three_ds,
        "consumed": fake.consumed,
        "created": now,
    }


def show_three_ds(facts: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return `three-d-secure-info`."""
    if facts is None:
        return None
    passed = facts["shifted"]
    return {
        "enrolled": facts["enrolled"],
        "liability_shifted": passed,
        "liability_shift_possible": facts["possible"],
        "status": facts["status"],
        "cavv": "AAABAWFlmQAAAABjRWWZEEFgFz8=" if passed else None,
        "xid": None,
        "eci_flag": "05" if passed else "07",
        "ds_transaction_id": "c5b808e7-1de1-4069-a17b-f70d3b3b1645",
        "three_d_secure_version": "2.2.0",
        "three_d_secure_authentication_id": facts.get("id"),
        "acs_transaction_id": None,
        "pares_status": "Y" if passed else "N",
    }


def show_nonce(nonce: Record) -> dict[str, Any]:
    """Return `payment-method-nonce`."""
    card = CARDS[nonce["card"]["name"]]
    return {
        "nonce": nonce["id"],
        "type": "CreditCard",
        "is_locked": False,
        "consumed": nonce["consumed"],
        "default": False,
        "details": {
            "bin": card.bin,
            "card_type": card.brand,
            "last_two": card.last4[2:],
            "last_four": card.last4,
            "expiration_month": nonce["card"]["month"],
            "expiration_year": nonce["card"]["year"],
            "cardholder_name": nonce["card"]["holder"],
        },
        "bin_data": show_bin_data(card),
        "three_d_secure_info": show_three_ds(nonce["three_ds"]),
        "security_questions": None,
        "description": f"ending in {card.last4[2:]}",
    }


@route("GET", "payment_method_nonces/{}", "payment_method_nonces.find")
def find(call: Call, key: str) -> Reply:
    """Answer what a nonce carries; reading does not use it up."""
    nonce = find_nonce(call, key, "payment_method_nonce")
    return Reply("payment_method_nonce", show_nonce(nonce or call.load("nonces", key, "nonce")))


@route(
    "POST",
    "payment_methods/{}/nonces",
    "payment_method_nonces.create",
    "payment_method_nonce",
    keys("merchant_account_id authentication_insight authentication_insight_options"),
)
def create(call: Call, token: str) -> Reply:
    """Make a nonce of a stored card, for 3-D Secure."""
    method = call.load("payment_methods", token, "payment method")
    nonce = make_nonce(call.tx, method["card"], token, method["customer"])
    return Reply("payment_method_nonce", show_nonce(nonce), 201)
