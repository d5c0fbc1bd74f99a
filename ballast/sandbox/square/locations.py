"""Where a seller sells: here always one place, with one currency."""

from typing import Any

from ballast.sandbox.square.accounts import Account
from ballast.sandbox.square.errors import report_missing
from ballast.sandbox.square.money import COUNTRIES
from ballast.sandbox.square.routes import Call, route


@route("GET", "locations", "locations.list", {})
def list_locations(call: Call) -> dict[str, Any]:
    """Answer the locations."""
    return {"locations": [show(call.account)]}


@route("GET", "locations/{}", "locations.get", {})
def get_location(call: Call, key: str) -> dict[str, Any]:
    """Answer one location; `main` is an alias of the main one."""
    check_location(call.account, "main" if key == "main" else key)
    return {"location": show(call.account)}


def check_location(account: Account, key: str) -> None:
    """Raise the 404 for a location that is not this seller's."""
    if key not in ("main", account.location_id):
        raise report_missing("location", key, "location_id")


def show(account: Account) -> dict[str, Any]:
    """Return Square's `Location`."""
    return {
        "id": account.location_id,
        "name": "Default Test Account",
        "timezone": "UTC",
        "capabilities": ["CREDIT_CARD_PROCESSING", "AUTOMATIC_TRANSFERS"],
        "status": "ACTIVE",
        "created_at": "2026-01-01T00:00:00Z",
        "merchant_id": account.merchant_id,
        "country": COUNTRIES.get(account.currency, "US"),
        "language_code": "en-US",
        "currency": account.currency,
        "business_name": "Default Test Account",
        "type": "PHYSICAL",
        "mcc": "7299",
    }
