"""Customers over the API: create, list, get, change."""

from __future__ import annotations

from functools import partial
from operator import eq

from flask import Response, g

from ballast.billing import customers
from ballast.billing.payloads import customer_payload
from ballast.blueprints.api.answers import Done, json_answer, key_of_request, list_answer, once, where_given
from ballast.blueprints.api.people import (
    CustomerCreate,
    CustomerList,
    CustomerOut,
    CustomerPatch,
    CustomerPath,
    CustomerQuery,
)
from ballast.blueprints.api.setup import TAKES_KEY, make_blueprint
from ballast.db import end_reading, transaction
from ballast.models import Customer
from ballast.models.customers import customers_of

blueprint = make_blueprint(
    "api_customers", "Customers", "Somebody who pays you.", read="customers:read", write="customers:write"
)


@blueprint.post("/customers", summary="Create a customer", responses={201: CustomerOut}, openapi_extensions=TAKES_KEY)
def create(body: CustomerCreate) -> Response:
    """Two customers may share an address: look first if they should not."""

    def begin() -> Done:
        asked = customers.NewCustomer(**body.model_dump() | {"country": body.country or ""})
        return Done(customers.create(g.organization_id, asked).id)

    return once(key_of_request(), begin, partial(_show, 201))


@blueprint.patch("/customers/<customer_id>", summary="Change a customer", responses={200: CustomerOut})
def update(path: CustomerPath, body: CustomerPatch) -> Response:
    """`name`, `email`, where they are taxed, and `metadata`, which is merged into what is there."""
    end_reading()
    with transaction():
        wanted = body.model_dump(exclude_unset=True)
        if "country" in wanted:
            wanted["country"] = wanted["country"] or ""
        changed = customers.change(g.organization_id, path.customer_id, wanted)
        return json_answer(200, customer_payload(changed))


@blueprint.get("/customers/<customer_id>", summary="Get a customer", responses={200: CustomerOut})
def get(path: CustomerPath) -> Response:
    """One customer, as they are now."""
    return _show(200, path.customer_id)


@blueprint.get("/customers", summary="List customers", responses={200: CustomerList})
def list_(query: CustomerQuery) -> Response:
    """Newest first; with `email`, those who have it."""
    email = query.email.lower() if query.email is not None else None
    wanted = where_given(customers_of(g.organization_id), (Customer.email, eq, email))
    return list_answer(wanted, Customer, "cus", query, lambda rows: [customer_payload(row[0]) for row in rows])


def _show(status: int, customer_id: str) -> Response:
    return json_answer(status, customer_payload(customers.find(g.organization_id, customer_id)))
