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


CARDS = {
    "stripe": Cards(
        approved="4242424242424242",
        declined="4000000000000002",
        challenged="4000002500003155",
        charges="payment_intents.confirm",
        asks_before=False,
    ),
    "braintree": Cards(
        approved="4111111111111111",
        declined="4000111111111115",
        challenged="4000000000002503",
        charges="transactions.create",
        asks_before=True,
    ),
    "square": Cards(
        approved="4111111111111111",
        declined="4000000000000002",
        challenged="4310000000201019",
        charges="payments.create",
        asks_before=True,
    ),
}
