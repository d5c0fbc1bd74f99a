"""Write docs/test-cards.md from what the sandbox knows: `python -m scripts.write_test_cards`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ballast.sandbox.braintree import cards as braintree
from ballast.sandbox.square import known_cards as square
from ballast.sandbox.stripe import cards as stripe

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "test-cards.md"
HEAD: Final = """\
# Test cards

What the sandbox knows of each processor's documented test cards, written from its own tables by `python -m scripts.write_test_cards`;
a test holds the two together. Type a number in the checkout's card field, with any date to come and any security code, or send a token
over the API. Numbers that are not here are refused. What else can be made happen (amounts that decline, evidence that wins, faults) is
in [sandbox](sandbox.md).

A card number in a field of the API is refused (`card_number_refused`): there, only tokens.
"""
ASKS: Final = {
    "unless_set_up": "asks the bank until it is set up",
    "set_up": "asks the bank only when its holder is away and it is not set up",
    "always": "asks the bank each time",
    "frictionless": "authenticated without a question",
    "optional": "may be asked, need not",
    "lookup_error": "asking the bank fails",
    "asked": "asks the bank",
    "asked_failed": "asks the bank, and it fails",
    "failed": "fails without a question",
    "attempted": "the bank takes no part; pays",
    "unable": "the bank cannot tell",
    "challenge": "asks the bank",
    "failing": "fails without a question",
    "never": "needs a verification that it cannot get",
}


def page() -> str:
    """The page."""
    parts = [
        HEAD,
        "## Stripe\n",
        table(("number", "token", "what happens"), stripe_rows()),
        "\n## Braintree\n",
        table(("number", "what happens"), braintree_rows()),
        "",
        table(("nonce", "what happens"), braintree_nonces()),
        "\n## Square\n",
        table(("number", "what happens"), square_rows()),
        "",
        table(("token", "what happens"), square_tokens()),
    ]
    return "\n".join(parts) + "\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(digits: str) -> str:
    """As it is printed on a card."""
    return f"`{' '.join(digits[start : start + 4] for start in range(0, len(digits), 4))}`"


def told(*facts: str | None) -> str:
    """What happens, in a line."""
    return "; ".join(fact for fact in facts if fact) or "pays"


def stripe_rows() -> list[tuple[str, ...]]:
    """Every card of Stripe's."""
    return [(number(card.number), f"`pm_card_{card.name}`", _stripe(card)) for card in stripe.CARDS.values()]


def _stripe(card: stripe.Card) -> str:
    refund = {"pending": "refunds wait for two seconds", "fails": "refunds come back after two seconds"}
    checks = {"security code": card.cvc_check, "postal code": card.zip_check, "address": card.line1_check}
    failed = [f"{name} {word}" for name, word in checks.items() if word != "pass" and not card.declines]
    return told(
        ASKS.get(card.authentication),
        f"declined: `{card.declines}`" if card.declines else None,
        "can be stored all the same" if card.declines and card.attaches else None,
        f"risk {card.risk}" if card.risk != "normal" else None,
        ", ".join(failed) or None,
        f"pays, disputed a second later: {card.dispute}" if card.dispute else None,
        refund.get(card.refund),
    )


def braintree_rows() -> list[tuple[str, ...]]:
    """Every card of Braintree's."""
    return [(number(card.number), _braintree(card)) for card in braintree.ALL]


def _braintree(card: braintree.Card) -> str:
    return told(
        f"declined: `{card.declines}`" if card.declines else None,
        f"rejected by the gateway: {card.rejects}" if card.rejects else None,
        ASKS.get(card.challenge),
        "pays, disputed once settled" if card.disputed else None,
    )


def braintree_nonces() -> list[tuple[str, ...]]:
    """Every nonce of Braintree's."""
    return [(f"`{name}`", _nonce(fake)) for name, fake in braintree.FAKES.items()]


def _nonce(fake: braintree.Fake) -> str:
    if fake.consumed:
        return "refused as used before"
    if fake.luhn:
        return "refused as mistyped"
    status = f"3-D Secure: `{fake.three_ds['status']}`" if fake.three_ds else None
    return told(_braintree(braintree.CARDS[fake.card]) if fake.card != "visa" else None, status)


def square_rows() -> list[tuple[str, ...]]:
    """Every card of Square's that can be typed."""
    return [(number(card.number), _square(card)) for card in square.TYPED]


def _square(card: square.Card) -> str:
    asked = ASKS.get(card.authentication)
    on_file = f"pays, and declines once it is on file: `{card.on_file}`" if card.on_file else None
    declined = f"declined: `{card.declines}`" if card.declines else None
    return told(declined, on_file, asked, "a gift card" if card.gift else None)


def square_tokens() -> list[tuple[str, ...]]:
    """Every token of Square's."""
    found = [(f"`{name}`", _square(square.CARDS[card])) for name, card in {**square.NONCES, **square.ON_FILE}.items()]
    return [*found, (f"`{square.USED_NONCE}`", "refused as used before")]


if __name__ == "__main__":
    PAGE.write_text(page())
