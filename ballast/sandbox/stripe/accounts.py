"""The merchant's own account: what a key belongs to."""

from typing import Any

from ballast.sandbox.stripe.parameters import EXPAND
from ballast.sandbox.stripe.routes import Call, route

OPENED_AT = 1_700_000_000
SETTINGS: dict[str, Any] = {
    "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
    "card_payments": {
        "statement_descriptor_prefix": "BALLAST",
        "statement_descriptor_prefix_kana": None,
        "statement_descriptor_prefix_kanji": None,
    },
    "payments": {
        "statement_descriptor": "BALLAST SANDBOX",
        "statement_descriptor_kana": None,
        "statement_descriptor_kanji": None,
    },
}


@route("GET", "account", "accounts.retrieve_current", {"expand": EXPAND})
def retrieve_account(call: Call) -> dict[str, Any]:
    """Answer the account that the key opens: any two keys with the same ending open the same one."""
    name = call.tx.account
    return {
        "id": f"acct_{name}",
        "object": "account",
        "business_profile": {"mcc": "5814", "name": name_business(name), "support_email": None, "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "US",
        "created": OPENED_AT,
        "default_currency": "usd",
        "details_submitted": True,
        "email": f"{name}@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": SETTINGS | {"dashboard": {"display_name": name_business(name), "timezone": "Etc/UTC"}},
        "type": "standard",
    }


def name_business(account: str) -> str:
    """Return a name for people, out of the account's."""
    return f"{account.replace('_', ' ').strip().capitalize()} (sandbox)"
