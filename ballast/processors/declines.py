"""The decline taxonomy, as data: what a processor's code means for the next step.

`soft`: later, bounded. `hard`: never this credential again. `authentication`: bring the customer on-session. `fraud`: never, and say
nothing specific. `configuration`: our fault, leave the customer alone. An unknown code is soft (docs/decline-codes.md).
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

CLASSES = {
    "soft": "soft",
    "hard": "hard",
    "auth": "authentication",
    "fraud": "fraud",
    "config": "configuration",
}
ADVICE = {"do_not_try_again": "hard", "try_again_later": "soft", "confirm_card_data": "hard"}

SOFT = "Your bank didn't approve this payment. Nothing was charged. Try another card, or try again later."
HARD = "This card can't be used here. Nothing was charged. Please use another card; your cart is saved."
AUTHENTICATION = "Your bank couldn't confirm it was you. Nothing was charged. Try again, or use another card."
CONFIGURATION = (
    "We couldn't take this payment because of a problem on our side. Nothing was charged. Please try again later."
)
# A token that a browser sent as new, and that names a stored card.
NOT_NEW = "Enter the card details again."
PUBLIC_SENTENCE = {
    "soft": SOFT,
    "hard": HARD,
    "fraud": HARD,
    "authentication": AUTHENTICATION,
    "configuration": CONFIGURATION,
}


@cache
def taxonomy() -> dict[str, Any]:
    """The whole table: processor, kind of code, code, and its class (in the short words of CLASSES)."""
    loaded: dict[str, Any] = json.loads(files("ballast.processors").joinpath("declines.json").read_text())
    return loaded


def classify_stripe(code: str | None, decline_code: str | None, advice_code: str | None = None) -> str:
    """The class of a Stripe decline: the network's advice first, then decline_code, then code; fraud is never softened."""
    table = taxonomy()["stripe"]
    found = table["decline_code"].get(decline_code) or table["code"].get(code)
    by_code = CLASSES[found["class"]] if found else "soft"
    if by_code in {"fraud", "authentication"}:
        return by_code
    return ADVICE.get(advice_code or "", by_code)


SQUARE_OUR_FAULT = ("AUTHENTICATION_ERROR", "INVALID_REQUEST_ERROR", "MERCHANT_SUBSCRIPTION_ERROR")


def classify_square(code: str | None, category: str | None, risk_level: str | None = None) -> str:
    """The class of a Square refusal: its code, then its category. Square masks fraud as a plain decline; a high risk shows it."""
    found = taxonomy()["square"]["code"].get(code)
    by_code = CLASSES[found["class"]] if found else "configuration" if category in SQUARE_OUR_FAULT else "soft"
    return "fraud" if risk_level == "HIGH" and by_code in {"soft", "hard"} else by_code


# Validation errors that are not our fault: the holder did not confirm this charge, or the browser's token was used or is too old.
BRAINTREE_VALIDATION = {
    "81571": "authentication",
    "91568": "authentication",
    "91570": "authentication",
    "91584": "authentication",
    "91585": "authentication",
    "91564": "hard",
    "91565": "hard",
    "91731": "hard",
    "91732": "hard",
    "93107": "hard",
    "93108": "hard",
    "81724": "hard",
}


def classify_braintree(code: str | None, rejection: str | None = None, kind: str | None = None) -> str:
    """The class of a Braintree refusal: why the gateway rejected it, then the processor's code (hard or soft as `kind` says if it is
    not in the list), then the code of a validation error."""
    table = taxonomy()["braintree"]
    if rejection:
        found = table["gateway_rejection_reason"].get(rejection)
        return CLASSES[found["class"]] if found else "soft"
    found = table["processor_response_code"].get(code)
    if found:
        return CLASSES[found["class"]]
    if code and len(code) > 4:
        return BRAINTREE_VALIDATION.get(code, "configuration")
    return "hard" if kind == "hard_declined" else "soft"
