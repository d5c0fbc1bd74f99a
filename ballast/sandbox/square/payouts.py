"""Payouts, of which the sandbox makes none."""

from typing import Any

from ballast.sandbox.square.errors import report_missing
from ballast.sandbox.square.fields import WINDOW, one_of
from ballast.sandbox.square.routes import Call, route

LIST = WINDOW | {"status": one_of("SENT", "FAILED", "PAID")}


@route("GET", "payouts", "payouts.list", LIST)
def list_payouts(_call: Call) -> dict[str, Any]:
    """Answer an empty list."""
    return {}


@route("GET", "payouts/{}", "payouts.get", {})
def get_payout(_call: Call, key: str) -> dict[str, Any]:
    """Answer 404."""
    raise report_missing("payout", key)
