"""`expand[]`: the object itself in place of its id."""

from collections.abc import Callable
from typing import Any

from ballast.sandbox.store import Record, Transaction
from ballast.sandbox.stripe.dispute_objects import show_dispute
from ballast.sandbox.stripe.errors import refuse_parameter
from ballast.sandbox.stripe.objects import (
    Shown,
    show_balance_transaction,
    show_charge,
    show_customer,
    show_payment_intent,
    show_payment_method,
    show_refund,
    show_setup_intent,
    show_webhook_endpoint,
)

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
# By the prefix of an id: the table of the record and how it is shown.
SHOWN_BY_PREFIX: dict[str, tuple[str, Callable[[Record], Shown]]] = {
    "cus": ("customers", show_customer),
    "pm": ("payment_methods", show_payment_method),
    "pi": ("payment_intents", show_payment_intent),
    "seti": ("setup_intents", show_setup_intent),
    "ch": ("charges", show_charge),
    "re": ("refunds", show_refund),
    "txn": ("balance_transactions", show_balance_transaction),
    "we": ("webhook_endpoints", show_webhook_endpoint),
}


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


def show_by_id(tx: Transaction, key: str) -> Shown | None:
    """Return the object with this id, or None."""
    prefix = key.partition("_")[0]
    if prefix == "dp":
        dispute = tx.get("disputes", key)
        return show_dispute(tx, dispute) if dispute else None
    kind, renderer = SHOWN_BY_PREFIX.get(prefix, ("", show_refund))
    record = tx.get(kind, key) if kind else None
    return renderer(record) if record else None
