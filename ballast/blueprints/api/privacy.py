"""What is known of a customer over the API: all of it, and none of it any more."""

from __future__ import annotations

from typing import Any, Literal

from flask import Response, g
from pydantic import BaseModel, Field

from ballast.billing.privacy import erasing, exporting
from ballast.blueprints.api.answers import Done, json_answer, key_of_request, once
from ballast.blueprints.api.fields import Strict, example
from ballast.blueprints.api.people import CREATED, CUSTOMER, CUSTOMER_ID, CustomerOut, CustomerPath
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint

blueprint = make_blueprint(
    "api_privacy",
    "Privacy",
    "What is known of a customer, handed out or removed.",
    read="customers:read",
    write="customers:write",
    permission="privacy",
)

ERASED = {"id": CUSTOMER_ID, "object": "customer", "erased": True}
KINDS = ("cards", "orders", "payments", "refunds", "disputes", "subscriptions", "invoices", "agreements", "mails")
EXPORT = {
    "object": "customer_export",
    "exported_at": CREATED,
    "customer": CUSTOMER,
    "credit": [{"currency": "USD", "amount": 500}],
    **{kind: [] for kind in KINDS},
}


class CustomerErased(BaseModel):
    """A customer of whom nothing is known any more."""

    model_config = example(ERASED)

    id: str
    object: Literal["customer"]
    erased: Literal[True]


class CustomerExport(BaseModel):
    """Everything known of a customer, oldest first. Payments and the like look as they do in their own lists."""

    model_config = example(EXPORT)

    object: Literal["customer_export"]
    exported_at: str = Field(description="ISO 8601, UTC")
    customer: CustomerOut
    credit: list[dict[str, Any]] = Field(description="What you owe them, by currency; minor units.")
    cards: list[dict[str, Any]] = Field(description="Stored now or before; never a number.")
    orders: list[dict[str, Any]] = Field(description="With address, lines and the terms they agreed to.")
    payments: list[dict[str, Any]]
    refunds: list[dict[str, Any]]
    disputes: list[dict[str, Any]]
    subscriptions: list[dict[str, Any]]
    invoices: list[dict[str, Any]]
    agreements: list[dict[str, Any]]
    mails: list[dict[str, Any]] = Field(description="What was written to them.")


class CustomerErase(Strict):
    """Nothing to say."""

    model_config = example({}, "forbid")


@blueprint.get("/customers/<customer_id>/export", summary="Export a customer", responses={200: CustomerExport})
def export(path: CustomerPath) -> Response:
    """All that is kept of them, for whoever asks what there is."""
    return json_answer(200, exporting.export(g.organization_id, path.customer_id))


@blueprint.post(
    "/customers/<customer_id>/erase",
    summary="Erase a customer",
    responses={200: CustomerErased},
    openapi_extensions=TAKES_KEY,
)
def erase(path: CustomerPath, body: CustomerErase) -> Response:  # noqa: ARG001 (it may hold nothing)
    """Remove who they are from rows, mails and events, for good; ids, amounts and the ledger stay. Refused while money is open."""

    def begin() -> Done:
        return Done(erasing.erase(g.organization_id, path.customer_id).id)

    return once(key_of_request(), begin, lambda erased: json_answer(200, ERASED | {"id": erased}))
