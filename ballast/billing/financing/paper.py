"""A disclosure as PDF: the same facts as the HTML, drawn by ballast/paper/disclosure.typ. The same facts give the same bytes."""

from __future__ import annotations

import json
from typing import Any

from ballast.billing import paper
from ballast.billing.financing.disclosure import Amount, Disclosure, Payments
from ballast.money import format_money
from ballast.templating import show_date


def draw(disclosure: Disclosure) -> bytes:
    """The disclosure as PDF."""
    return paper.draw(sheet(disclosure))


def sheet(disclosure: Disclosure) -> paper.Sheet:
    """What stands on it, with a fingerprint that changes with any of it."""
    return paper.Sheet(json.dumps(_data(disclosure), ensure_ascii=False, sort_keys=True), "disclosure.typ")


def _data(disclosure: Disclosure) -> dict[str, Any]:
    quote = disclosure.quote

    def money(amount: int) -> str:
        return format_money(amount, quote.currency)

    def shown(parts: tuple[Amount, ...]) -> list[list[str]]:
        return [[part.label, money(part.amount)] for part in parts]

    return {
        "paper": "us-letter" if quote.currency in paper.LETTER else "a4",
        "creditor": disclosure.creditor,
        "reference": disclosure.reference,
        "start": show_date(quote.start),
        "most": [
            ["Annual percentage rate", disclosure.apr, "The cost of your credit as a yearly rate."],
            ["Finance charge", money(quote.finance_charge), "The amount the credit will cost you."],
        ],
        "sums": [[name, money(amount), says] for name, amount, says in disclosure.sums],
        "timing": f"{len(quote.lines)} payments, {disclosure.timing}.",
        "groups": [[str(group.count), money(group.amount), _when(group)] for group in disclosure.payments],
        "lines": [[show_date(line.due_on), money(line.amount)] for line in quote.lines],
        "itemization": [*shown(disclosure.itemization), ["Amount financed", money(quote.amount_financed)]],
        "charges": shown(disclosure.charges),
        "terms": disclosure.sentences,
    }


def _when(group: Payments) -> str:
    first = show_date(group.first_on)
    return first if group.count == 1 else f"{first} to {show_date(group.last_on)}"
