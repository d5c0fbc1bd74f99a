"""Which of a Braintree merchant's accounts takes which currency, as a setting says it: `USD:acme_usd, EUR:acme_eur`."""

from __future__ import annotations

import re
from typing import Final

# An id is a part of no address, but it is written beside commas and colons.
PAIR: Final = re.compile(r"([A-Z]{3}):([A-Za-z0-9_-]+)")


def read_pairs(text: str) -> tuple[dict[str, str], list[str]]:
    """Currency → merchant account, and what cannot be read or names a currency again. The case of a currency does not matter."""
    found: dict[str, str] = {}
    wrong = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        currency, _, account = (piece.strip() for piece in part.partition(":"))
        if PAIR.fullmatch(f"{currency.upper()}:{account}") and currency.upper() not in found:
            found[currency.upper()] = account
        else:
            wrong.append(part)
    return found, wrong


def write_pairs(pairs: dict[str, str]) -> str:
    """The setting again, in one way of writing."""
    return ", ".join(f"{currency}:{account}" for currency, account in pairs.items())
