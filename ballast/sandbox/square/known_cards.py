"""Square's documented test values: card numbers, payment tokens and cards on file.

Source: developer.squareup.com/docs/devtools/sandbox/payments. A card is known by a name, so that no number is ever written
down.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from ballast.sandbox.square.errors import SquareError, refuse

Authentication = Literal["none", "challenge", "frictionless", "failing", "never"]


@dataclass(frozen=True, slots=True)
class Card:
    """One test card: `declines` a payment, or `on_file` only a payment with the card once it was kept."""

    name: str
    number: str
    brand: str = "VISA"
    declines: str | None = None
    on_file: str | None = None
    authentication: Authentication = "none"
    gift: bool = False

    @property
    def last4(self) -> str:
        """Return the last four digits."""
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        """Return a text that is the same for the same number."""
        return f"sq-1-{hashlib.sha256(self.number.encode()).hexdigest()[:40]}"

    def describe(self) -> dict[str, Any]:
        """Return the fields of Square's `Card` that belong to the number."""
        return {
            "card_brand": self.brand,
            "last_4": self.last4,
            "fingerprint": self.fingerprint,
            "card_type": "CREDIT",
            "prepaid_type": "PREPAID" if self.gift else "NOT_PREPAID",
            "bin": self.number[:6],
        }


TYPED = [
    Card("visa", "4111111111111111"),
    Card("mastercard", "5105105105105100", "MASTERCARD"),
    Card("discover", "6011000000000004", "DISCOVER"),
    Card("diners", "30000000000004", "DISCOVER_DINERS"),
    Card("jcb", "3569990010095841", "JCB"),
    Card("amex", "340000000000009", "AMERICAN_EXPRESS"),
    Card("unionpay", "6222988812340000", "CHINA_UNIONPAY"),
    Card("declined", "4000000000000002", declines="GENERIC_DECLINE"),
    Card("declined_on_file", "4000000000000010", on_file="GENERIC_DECLINE"),
    Card("frictionless_visa", "4800000000000004", authentication="frictionless"),
    Card("frictionless_mastercard", "5222220000000005", "MASTERCARD", authentication="frictionless"),
    Card("frictionless_discover", "6011000000201016", "DISCOVER", authentication="frictionless"),
    Card("challenge_visa", "4310000000201019", authentication="challenge"),
    Card("challenge_mastercard", "5248480000210026", "MASTERCARD", authentication="challenge"),
    Card("challenge_mastercard_eu", "5500000000201016", "MASTERCARD", authentication="challenge"),
    Card("challenge_amex", "370000000201014", "AMERICAN_EXPRESS", authentication="challenge"),
    Card("failing_visa", "4811110000000008", authentication="failing"),
]
GIVEN = [
    Card("ok", "4111111111111111"),
    Card("given_declined", "4000000000000002", declines="GENERIC_DECLINE"),
    Card("rejected_cvv", "4111111111111111", declines="CVV_FAILURE"),
    Card("rejected_postalcode", "4111111111111111", declines="ADDRESS_VERIFICATION_FAILURE"),
    Card("rejected_expiration", "4111111111111111", declines="INVALID_EXPIRATION"),
    Card("requires_verification", "4310000000201019", authentication="never"),
    Card("gift", "7783320000000000", "SQUARE_GIFT_CARD", gift=True),
    Card("gift_insufficient", "7783320000000000", "SQUARE_GIFT_CARD", declines="INSUFFICIENT_FUNDS", gift=True),
]
CARDS = {card.name: card for card in TYPED + GIVEN}
BY_NUMBER = {card.number: card for card in TYPED}

NONCES = {
    "cnon:card-nonce-ok": "ok",
    "cnon:card-nonce-declined": "given_declined",
    "cnon:card-nonce-rejected-cvv": "rejected_cvv",
    "cnon:card-nonce-rejected-postalcode": "rejected_postalcode",
    "cnon:card-nonce-rejected-expiration": "rejected_expiration",
    "cnon:gift-card-nonce-ok": "gift",
    "cnon:gift-card-nonce-insufficient-funds": "gift_insufficient",
}
USED_NONCE = "cnon:card-nonce-already-used"
ON_FILE = {
    "ccof:customer-card-id-ok": "ok",
    "ccof:customer-card-id-declined": "given_declined",
    "ccof:customer-card-id-rejected-postalcode": "rejected_postalcode",
    "ccof:customer-card-id-rejected-expiration": "rejected_expiration",
    "ccof:customer-card-id-requires-verification": "requires_verification",
}
# What is typed beside the number makes any card fail.
TYPED_FAILURES = {
    ("cvc", "911"): "CVV_FAILURE",
    ("postal", "99999"): "ADDRESS_VERIFICATION_FAILURE",
    ("expiry", "1/2040"): "INVALID_EXPIRATION",
}
RISKS = {2222: "MODERATE", 3333: "HIGH"}
DISPUTES = {
    8801: "AMOUNT_DIFFERS",
    8802: "CANCELLED",
    8803: "DUPLICATE",
    8804: "NO_KNOWLEDGE",
    8805: "NOT_AS_DESCRIBED",
    8806: "NOT_RECEIVED",
    8807: "PAID_BY_OTHER_MEANS",
    8808: "CUSTOMER_REQUESTS_CREDIT",
    8809: "EMV_LIABILITY_SHIFT",
}


def find_by_number(typed: str) -> Card:
    """Return the test card with this number. Raises the 400 for any other, as Square's sandbox takes no other."""
    known = BY_NUMBER.get(typed.replace(" ", "").replace("-", ""))
    if known is None:
        raise refuse("INVALID_CARD_DATA", "The sandbox takes Square's test cards only.", "number")
    return known


def refuse_used() -> SquareError:
    """Return the 400 of a payment token that was used before."""
    return refuse("CARD_TOKEN_USED", "Card nonce already used; please request new nonce.", "source_id")
