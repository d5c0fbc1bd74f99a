"""`expand[]`: the object itself in place of its id."""

from typing import Any

from ballast.sandbox.store import Transaction
from ballast.sandbox.stripe.errors import refuse_parameter
from ballast.sandbox.stripe.objects import show_by_id

EXPANDABLE = {
    "customer",
    "payment_method",
    "latest_charge",
    "balance_transaction",
    "failure_balance_transaction",
    "charge",
    "payment_intent",
    "source",
    "default_source",
}
MOST_LEVELS = 4


def expand(tx: Transaction, shown: dict[str, Any], paths: list[str]) -> dict[str, Any]:
    """Replace the ids that the paths lead to. Raises 400 for a path that leads nowhere."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > MOST_LEVELS:
            raise refuse_parameter(f"You cannot expand more than {MOST_LEVELS} levels of a property", "expand")
        follow(tx, shown, steps, path)
    return shown


def follow(tx: Transaction, shown: dict[str, Any], steps: list[str], path: str) -> None:
    """Expand one path in place."""
    step, *rest = steps
    if step == "data" and isinstance(shown.get("data"), list) and rest:
        for item in shown["data"]:
            follow(tx, item, rest, path)
        return
    if step not in EXPANDABLE or step not in shown:
        raise refuse_parameter(f"This property cannot be expanded ({path}).", "expand")
    value = shown[step]
    if isinstance(value, str):
        value = shown[step] = show_by_id(tx, value) or value
    if rest and isinstance(value, dict):
        follow(tx, value, rest, path)
