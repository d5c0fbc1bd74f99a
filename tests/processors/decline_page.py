"""Writes docs/decline-codes.md out of the taxonomy: `python -m tests.processors.decline_page`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ballast.processors.declines import BRAINTREE_VALIDATION, CLASSES, PUBLIC_SENTENCE, taxonomy

PAGE: Final = Path(__file__).parents[2] / "docs" / "decline-codes.md"
TITLES: Final = {
    ("stripe", "decline_code"): "Stripe: `decline_code`",
    ("stripe", "code"): "Stripe: `code`",
    ("braintree", "processor_response_code"): "Braintree: processor response code",
    ("braintree", "gateway_rejection_reason"): "Braintree: gateway rejection reason",
    ("square", "code"): "Square: error code",
}
HEAD: Final = """# Decline codes

A processor says no in its own words; Ballast keeps them (`code`) and sorts them into five classes, which decide what happens next.
The table is data, `ballast/processors/declines.json`; this page is written from it (`python -m tests.processors.decline_page`) and a
test holds the two together.

| Class | What it means | What the shopper reads |
|---|---|---|
"""
MEANINGS: Final = {
    "soft": "May go through later: tried again a bounded number of times.",
    "hard": "Never again with this card: a new or a corrected one is asked for.",
    "authentication": "The bank wants to see its customer: they are brought on-session.",
    "fraud": "Never again, and nothing specific is said.",
    "configuration": "Our fault or the merchant's: staff are told, in the processor's own words; the customer is left alone.",
}
RULES: Final = """
Which word counts, first to last:

* **Stripe**: the network's advice (`do_not_try_again` and `confirm_card_data` are hard, `try_again_later` is soft), then the
  `decline_code`, then the `code`. Advice never softens fraud or authentication.
* **Braintree**: why the gateway rejected it, then the processor's code (of the settlement, where that was declined), then the code
  of a validation error.
* **Square**: the code, then the category. Square hides fraud behind a plain decline; a risk level of `HIGH` shows it.

A code that is not here is **soft**, so that a new word of a bank loses no sale. Two kinds are not: at Braintree one that the processor
itself calls `hard_declined` is hard, and a validation error is our configuration; at Square so is one of a category that names us
(`AUTHENTICATION_ERROR`, `INVALID_REQUEST_ERROR`, `MERCHANT_SUBSCRIPTION_ERROR`).

*fixable*: the customer can correct what was typed. *look first*: the charge may exist already, so it is looked for before anything
else.
"""


def write_page() -> str:
    """The whole page."""
    return "".join(_lines())


def _lines() -> Iterator[str]:
    yield HEAD
    for name, meaning in MEANINGS.items():
        yield f"| {name} | {meaning} | {PUBLIC_SENTENCE[name]} |\n"
    yield RULES
    for (processor, kind), title in TITLES.items():
        yield f"\n## {title}\n\n| Code | Class | |\n|---|---|---|\n"
        for code, found in taxonomy()[processor][kind].items():
            if not code.startswith("_"):
                yield f"| `{code}` | {CLASSES[found['class']]} | {_notes(found)} |\n"
    yield "\n## Braintree: validation errors that are not our fault\n\n| Code | Class |\n|---|---|\n"
    for code, found in BRAINTREE_VALIDATION.items():
        yield f"| `{code}` | {found} |\n"


def _notes(found: dict[str, Any]) -> str:
    said = ("fixable" if found.get("fix") else "", "look first" if found.get("recon") else "")
    return ", ".join(note for note in said if note)


if __name__ == "__main__":
    PAGE.write_text(write_page())
