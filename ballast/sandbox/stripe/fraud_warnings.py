"""Early fraud warnings: an issuer says that a payment looks fraudulent, before its holder disputes it."""

from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.stripe.dispute_objects import show_fraud_warning
from ballast.sandbox.stripe.events import emit
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.lists import having, list_page
from ballast.sandbox.stripe.parameters import EXPAND, PAGE, filled
from ballast.sandbox.stripe.routes import Call, route


def warn(call: Call, charge: Record) -> Record:
    """Write a warning about a charge."""
    warning: Record = {
        "id": new_id("issfr"),
        "charge": charge["id"],
        "created": call.now,
        "payment_intent": charge.get("payment_intent"),
    }
    call.tx.put("fraud_warnings", warning)
    emit(call, "radar.early_fraud_warning.created", show_fraud_warning(call.tx, warning))
    return warning


@route("GET", "radar/early_fraud_warnings/{}", "radar.early_fraud_warnings.retrieve", {"expand": EXPAND})
def retrieve_fraud_warning(call: Call, key: str) -> dict[str, Any]:
    """Answer one warning."""
    warning = call.load("fraud_warnings", key, "early fraud warning")
    return expand(call.tx, show_fraud_warning(call.tx, warning), call.params.get("expand", []))


@route(
    "GET",
    "radar/early_fraud_warnings",
    "radar.early_fraud_warnings.list",
    PAGE | {"charge": filled, "payment_intent": filled},
)
def list_fraud_warnings(call: Call) -> dict[str, Any]:
    """Answer warnings."""
    return list_page(
        call,
        "/v1/radar/early_fraud_warnings",
        call.tx.newest("fraud_warnings"),
        lambda warning: show_fraud_warning(call.tx, warning),
        having("charge", call.params.get("charge")),
        having("payment_intent", call.params.get("payment_intent")),
    )
