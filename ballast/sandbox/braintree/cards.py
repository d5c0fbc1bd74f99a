"""Braintree's test cards and test nonces, and what each of them does.

Sources: developer.paypal.com/braintree/docs/reference/general/testing, braintree/test/nonces.py and credit_card_numbers.py of the SDK.
A card is known by a name, so that no number is ever written down.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

Challenge = Literal["none", "frictionless", "failed", "attempted", "unable", "asked", "asked_failed", "lookup_error"]


@dataclass(frozen=True, slots=True)
class Card:
    """One test card. `declines` is the code every charge and verification gets, `rejects` why the gateway stops it."""

    name: str
    number: str
    brand: str = "Visa"
    declines: str | None = None
    rejects: str | None = None
    challenge: Challenge = "none"
    disputed: bool = False
    debit: str = "Unknown"
    prepaid: str = "No"

    @property
    def last4(self) -> str:
        """Return the last four digits."""
        return self.number[-4:]

    @property
    def bin(self) -> str:
        """Return the first six digits."""
        return self.number[:6]

    @property
    def fingerprint(self) -> str:
        """Return 32 characters that are the same for the same number."""
        return hashlib.sha256(self.number.encode()).hexdigest()[:32]


ALL = [
    Card("visa", "4111111111111111"),
    Card("visa_2", "4005519200000004"),
    Card("visa_3", "4009348888881881"),
    Card("visa_4", "4012000033330026"),
    Card("visa_5", "4012000077777777"),
    Card("visa_6", "4012888888881881"),
    Card("visa_7", "4217651111111119"),
    Card("visa_prepaid", "4500600000000061", prepaid="Yes"),
    Card("visa_8", "4000111111111511"),
    Card("mastercard", "5555555555554444", "MasterCard"),
    Card("mastercard_2", "2223000048400011", "MasterCard"),
    Card("amex", "378282246310005", "American Express"),
    Card("amex_2", "371449635398431", "American Express"),
    Card("discover", "6011111111111117", "Discover"),
    Card("jcb", "3530111333300000", "JCB"),
    Card("dinersclub", "36259600000004", "Diners Club"),
    Card("maestro", "6304000000000000", "Maestro"),
    Card("debit", "4117101010101010", debit="Yes"),
    Card("prepaid", "4111111111111210", prepaid="Yes"),
    Card("visa_declined", "4000111111111115", declines="2000"),
    Card("mastercard_declined", "5105105105105100", "MasterCard", declines="2000"),
    Card("amex_declined", "378734493671000", "American Express", declines="2000"),
    Card("discover_declined", "6011000990139424", "Discover", declines="2000"),
    Card("jcb_failed", "3566002020360505", "JCB", declines="3000"),
    Card("disputed", "4023898493988028", disputed=True),
    Card("frictionless", "4000000000002701", challenge="frictionless"),
    Card("frictionless_2", "4000000000001000", challenge="frictionless"),
    Card("frictionless_failed", "4000000000002925", challenge="failed"),
    Card("attempted", "4000000000002719", challenge="attempted"),
    Card("unable", "4000000000002313", challenge="unable"),
    Card("asked", "4000000000002503", challenge="asked"),
    Card("asked_2", "4000000000001091", challenge="asked"),
    Card("asked_failed", "4000000000002370", challenge="asked_failed"),
    Card("lookup_error", "4000000000001034", challenge="lookup_error"),
    Card("fraud", "4000111111111149", rejects="fraud"),
    Card("risk", "4000111111111156", rejects="risk_threshold"),
]
CARDS = {card.name: card for card in ALL}
BY_NUMBER = {card.number: card for card in reversed(ALL)}


@dataclass(frozen=True, slots=True)
class Fake:
    """What a documented test nonce stands for; it can be used any number of times."""

    card: str = "visa"
    consumed: bool = False
    luhn: bool = False
    three_ds: dict[str, Any] | None = field(default=None)


def authenticated(status: str, *, shifted: bool, possible: bool, enrolled: str = "Y") -> dict[str, Any]:
    """Return the 3-D Secure facts a nonce carries."""
    return {"status": status, "shifted": shifted, "possible": possible, "enrolled": enrolled}


THREE_DS = "fake-three-d-secure-visa-"
THREE_DS_2 = "fake-three-d-secure-two-visa-"
FAKES = {
    "fake-valid-nonce": Fake(),
    "fake-valid-visa-nonce": Fake(),
    "fake-valid-no-indicators-nonce": Fake(),
    "fake-valid-unknown-indicators-nonce": Fake(),
    "fake-valid-amex-nonce": Fake("amex"),
    "fake-valid-mastercard-nonce": Fake("mastercard"),
    "fake-valid-discover-nonce": Fake("discover"),
    "fake-valid-jcb-nonce": Fake("jcb"),
    "fake-valid-dinersclub-nonce": Fake("dinersclub"),
    "fake-valid-maestro-nonce": Fake("maestro"),
    "fake-valid-debit-nonce": Fake("debit"),
    "fake-valid-prepaid-nonce": Fake("prepaid"),
    "fake-processor-declined-visa-nonce": Fake("visa_declined"),
    "fake-processor-declined-mastercard-nonce": Fake("mastercard_declined"),
    "fake-processor-declined-amex-nonce": Fake("amex_declined"),
    "fake-processor-declined-discover-nonce": Fake("discover_declined"),
    "fake-processor-failure-jcb-nonce": Fake("jcb_failed"),
    "fake-gateway-rejected-fraud-nonce": Fake("fraud"),
    "fake-gateway-rejected-risk-thresholds-nonce": Fake("risk"),
    "fake-consumed-nonce": Fake(consumed=True),
    "fake-luhn-invalid-nonce": Fake(luhn=True),
}
AUTHENTICATIONS = {
    f"{THREE_DS}full-authentication-nonce": authenticated("authenticate_successful", shifted=True, possible=True),
    f"{THREE_DS}not-enrolled-nonce": authenticated("lookup_not_enrolled", shifted=True, possible=True, enrolled="N"),
    f"{THREE_DS}attempts-non-participating-nonce": authenticated(
        "authenticate_attempt_successful", shifted=True, possible=True
    ),
    f"{THREE_DS}failed-authentication-nonce": authenticated("authenticate_failed", shifted=False, possible=True),
    f"{THREE_DS}failed-signature-nonce": authenticated(
        "authenticate_signature_verification_failed", shifted=False, possible=True
    ),
    f"{THREE_DS}authentication-unavailable-nonce": authenticated(
        "authenticate_unable_to_authenticate", shifted=False, possible=True
    ),
    f"{THREE_DS}mpi-authenticate-error-nonce": authenticated("authenticate_error", shifted=False, possible=True),
    f"{THREE_DS}unavailable-nonce": authenticated(
        "authentication_unavailable", shifted=False, possible=False, enrolled="U"
    ),
    f"{THREE_DS}lookup-timeout-nonce": authenticated("lookup_error", shifted=False, possible=False, enrolled="U"),
    f"{THREE_DS}mpi-lookup-error-nonce": authenticated("lookup_error", shifted=False, possible=False, enrolled="U"),
    f"{THREE_DS}bypassed-authentication-nonce": authenticated(
        "lookup_bypassed", shifted=False, possible=False, enrolled="B"
    ),
    f"{THREE_DS_2}successful-frictionless-authentication-nonce": authenticated(
        "authenticate_successful", shifted=True, possible=True
    ),
    f"{THREE_DS_2}successful-step-up-authentication-nonce": authenticated(
        "challenge_required", shifted=False, possible=True
    ),
    f"{THREE_DS_2}error-on-lookup-nonce": authenticated("lookup_error", shifted=False, possible=False, enrolled="U"),
    f"{THREE_DS_2}timeout-on-lookup-nonce": authenticated("lookup_error", shifted=False, possible=False, enrolled="U"),
}
FAKES |= {name: Fake("frictionless", three_ds=facts) for name, facts in AUTHENTICATIONS.items()}

# What the bank said without asking the holder, by the card's kind; `asked` ones are asked first.
LOOKUPS: dict[Challenge, dict[str, Any]] = {
    "none": authenticated("lookup_not_enrolled", shifted=False, possible=False, enrolled="N"),
    "frictionless": authenticated("authenticate_successful", shifted=True, possible=True),
    "failed": authenticated("authenticate_failed", shifted=False, possible=True),
    "attempted": authenticated("authenticate_attempt_successful", shifted=True, possible=True),
    "unable": authenticated("authenticate_unable_to_authenticate", shifted=False, possible=True),
    "lookup_error": authenticated("lookup_error", shifted=False, possible=False, enrolled="U"),
}


def is_luhn_valid(number: str) -> bool:
    """Tell whether the check digit of a card number is right."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
