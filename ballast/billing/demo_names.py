"""Who buys what in the history that is seeded, and at which accounts: each row ends with its weight, where some are likelier."""

from __future__ import annotations

from typing import Final

GOODS: Final = (
    ("Espresso machine", 64_000, 3),
    ("Grinder", 24_000, 5),
    ("Kettle", 9_000, 8),
    ("Beans, 500 g", 1_800, 20),
    ("Beans, 1 kg", 3_600, 12),
    ("Kettle and beans", 10_800, 5),
)
FIRST: Final = (
    "Ada",
    "Ben",
    "Chloe",
    "Dev",
    "Elif",
    "Femi",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kira",
    "Luca",
    "Mei",
    "Noah",
)
LAST: Final = (
    "Adler",
    "Bauer",
    "Costa",
    "Diaz",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jensen",
    "Khan",
    "Novak",
)
CARDS: Final = (("visa", "4242", 12), ("mastercard", "4444", 8), ("amex", "0005", 3), ("discover", "1117", 1))
DECLINES: Final = (
    (
        "insufficient_funds",
        "soft",
        "Your bank didn't approve this payment. Nothing was charged. Try another card, or try again later.",
    ),
    ("expired_card", "hard", "This card has expired. Nothing was charged. Try another card."),
    (
        "generic_decline",
        "soft",
        "Your bank didn't approve this payment. Nothing was charged. Try another card, or try again later.",
    ),
)
ACCOUNTS: Final = {
    "stripe": {
        "publishable_key": "pk_test_history_{slug}",
        "secret_key": "sk_test_history",
        "webhook_secret": "whsec_history",
    },
    "braintree": {"merchant_id": "history_{slug}", "public_key": "history", "secret_key": "history"},
    "square": {
        "publishable_key": "sandbox-sq0idb-history",
        "secret_key": "EAAAhistory",
        "location_id": "Lhistory{slug}",
        "webhook_secret": "history",
    },
}
