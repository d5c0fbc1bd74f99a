"""Stripe's documented test cards and what each of them does.

Source: docs.stripe.com/testing. A card is known by a name, so that no number is ever written down.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from ballast.sandbox.stripe.declines import DECLINES, Decline

Authentication = Literal["none", "optional", "unless_set_up", "set_up", "always", "frictionless", "lookup_error"]


@dataclass(frozen=True, slots=True)
class Card:
    """One test card. `declines` names why a charge fails, `attaches` whether a customer may keep it all the same."""

    name: str
    number: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    declines: str | None = None
    attaches: bool | None = None
    authentication: Authentication = "none"
    risk: Literal["normal", "elevated", "highest"] = "normal"
    cvc_check: str = "pass"
    zip_check: str = "pass"
    line1_check: str = "pass"
    refund: Literal["succeeds", "pending", "fails"] = "succeeds"
    dispute: str | None = None

    @property
    def last4(self) -> str:
        """Return the last four digits."""
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        """Return sixteen characters that are the same for the same number."""
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]

    def decline(self) -> Decline | None:
        """Return how a charge is refused."""
        return DECLINES[self.declines] if self.declines else None

    def attach_decline(self) -> Decline | None:
        """Return how keeping the card for a customer is refused: a declining card cannot be kept."""
        return None if self.attaches else self.decline()


PLAIN = [
    Card("visa", "4242424242424242"),
    Card("visa_debit", "4000056655665556", funding="debit"),
    Card("mastercard", "5555555555554444", "mastercard"),
    Card("mastercard_2series", "2223003122003222", "mastercard"),
    Card("mastercard_debit", "5200828282828210", "mastercard", "debit"),
    Card("mastercard_prepaid", "5105105105105100", "mastercard", "prepaid"),
    Card("amex", "378282246310005", "amex"),
    Card("amex_2", "371449635398431", "amex"),
    Card("discover", "6011111111111117", "discover"),
    Card("discover_2", "6011000990139424", "discover"),
    Card("diners", "3056930009020004", "diners"),
    Card("jcb", "3566002020360505", "jcb"),
    Card("unionpay", "6200000000000005", "unionpay"),
    Card("us", "4242424242424242"),
    Card("ca", "4000001240000000", country="CA"),
    Card("mx", "4000004840008001", country="MX"),
    Card("br", "4000000760000002", country="BR"),
    Card("gb", "4000008260000000", country="GB"),
    Card("gb_debit", "4000058260000005", funding="debit", country="GB"),
    Card("de", "4000002760000016", country="DE"),
    Card("fr", "4000002500000003", country="FR"),
    Card("in", "4000003560000008", country="IN"),
    Card("au", "4000000360000006", country="AU"),
    Card("jp", "4000003920000003", country="JP"),
    Card("sg", "4000007020000003", country="SG"),
]

DECLINING = [
    Card("chargeDeclined", "4000000000000002", declines="generic_decline"),
    Card("chargeDeclinedInsufficientFunds", "4000000000009995", declines="insufficient_funds"),
    Card("chargeDeclinedLostCard", "4000000000009987", declines="lost_card"),
    Card("chargeDeclinedStolenCard", "4000000000009979", declines="stolen_card"),
    Card("chargeDeclinedExpiredCard", "4000000000000069", declines="expired_card"),
    Card("chargeDeclinedIncorrectCvc", "4000000000000127", declines="incorrect_cvc", cvc_check="fail"),
    Card("chargeDeclinedProcessingError", "4000000000000119", declines="processing_error"),
    Card("chargeDeclinedVelocityLimitExceeded", "4000000000006975", declines="card_velocity_exceeded"),
    Card("chargeCustomerFail", "4000000000000341", declines="generic_decline", attaches=True),
]

CHECKED = [
    Card("radarBlock", "4100000000000019", declines="fraudulent", risk="highest"),
    Card("riskLevelHighest", "4000000000004954", declines="fraudulent", risk="highest"),
    Card("riskLevelElevated", "4000000000009235", risk="elevated"),
    Card("cvcCheckFail", "4000000000000101", cvc_check="fail"),
    Card("avsZipFail", "4000000000000036", zip_check="fail"),
    Card("avsLine1Fail", "4000000000000028", line1_check="fail"),
    Card("avsFail", "4000000000000010", zip_check="fail", line1_check="fail"),
    Card("avsUnchecked", "4000000000000044", zip_check="unavailable", line1_check="unavailable"),
]

AUTHENTICATED = [
    Card("authenticationRequiredOnSetup", "4000002500003155", authentication="unless_set_up"),
    Card("authenticationRequired", "4000002760003184", authentication="always"),
    Card("authenticationRequiredSetupForOffSession", "4000003800000446", authentication="set_up"),
    Card(
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        "4000008260003178",
        declines="insufficient_funds",
        attaches=True,
        authentication="unless_set_up",
    ),
    Card("threeDSecure2Required", "4000000000003220", authentication="always"),
    Card(
        "threeDSecureRequiredChargeDeclined",
        "4000008400001629",
        declines="generic_decline",
        attaches=True,
        authentication="always",
    ),
    Card(
        "threeDSecureRequiredProcessingError",
        "4000008400001280",
        declines="lookup_error",
        attaches=True,
        authentication="lookup_error",
    ),
    Card("threeDSecureOptional", "4000000000003055", authentication="optional"),
    Card("threeDSecureFrictionless", "4000000032200000", authentication="frictionless"),
]

LATER = [
    Card("createDispute", "4000000000000259", dispute="fraudulent"),
    Card("createDisputeProductNotReceived", "4000000000002685", dispute="product_not_received"),
    Card("createDisputeInquiry", "4000000000001976", dispute="inquiry"),
    Card("createIssuerFraudRecord", "4000000000005423", dispute="warning"),
    Card("pendingRefund", "4000000000007726", refund="pending"),
    Card("refundFail", "4000000000005126", refund="fails"),
    Card("bypassPending", "4000000000000077"),
]

CARDS = {card.name: card for card in PLAIN + DECLINING + CHECKED + AUTHENTICATED + LATER}
BY_NUMBER = {card.number: card for card in reversed(CARDS.values())}
ALIASES = {
    "threeDSecureRequired": "threeDSecure2Required",
    "createDisputeProductNotReceived1": "createDisputeProductNotReceived",
    "disputed": "createDispute",
}

# Numbers refused while they are typed, and why; every other unknown number is refused as not a test card.
INCORRECT_NUMBERS = {"4242424242424241"}


def find_card_by_token(token: str) -> Card | None:
    """Return the card a documented `pm_card_…` or `tok_…` token stands for; `pm_card_visa_…` is an alias of most."""
    name = token.removeprefix("pm_card_").removeprefix("tok_")
    for candidate in (name, name.removeprefix("visa_")):
        known = CARDS.get(ALIASES.get(candidate, candidate))
        if known:
            return known
    return None


def is_luhn_valid(number: str) -> bool:
    """Tell whether the check digit of a card number is right."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
