"""What a shopper's cards do at each processor: the documented test numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cards:
    """Card numbers of one processor, and how its sandbox calls what charges. `asks_before`: the bank is asked before the charge."""

    approved: str
    declined: str
    challenged: str
    charges: str
    asks_before: bool

    @property
    def last4(self) -> str:
        """Of the card that works."""
        return self.approved[-4:]


_AT_STRIPE = ("4242424242424242", "4000000000000002", "4000002500003155", "payment_intents.confirm")
_AT_BRAINTREE = ("4111111111111111", "4000111111111115", "4000000000002503", "transactions.create")
_AT_SQUARE = ("4111111111111111", "4000000000000002", "4310000000201019", "payments.create")
CARDS = {
    "stripe": Cards(*_AT_STRIPE, asks_before=False),
    "braintree": Cards(*_AT_BRAINTREE, asks_before=True),
    "square": Cards(*_AT_SQUARE, asks_before=True),
}
