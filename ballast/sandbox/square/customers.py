"""Customers."""

from typing import Any

from ballast.sandbox.square.errors import refuse
from ballast.sandbox.square.events import emit
from ballast.sandbox.square.fields import ADDRESS, PAGE, email, one_of, text, whole
from ballast.sandbox.square.lists import list_page
from ballast.sandbox.square.routes import Call, new_key, route
from ballast.sandbox.store import Record

SAID = {
    "given_name": text(300),
    "family_name": text(300),
    "company_name": text(500),
    "nickname": text(100),
    "email_address": email,
    "address": ADDRESS,
    "phone_number": text(17),
    "reference_id": text(100),
    "note": text(),
    "birthday": text(),
}
NAMES = ("given_name", "family_name", "company_name", "email_address", "phone_number")


@route("POST", "customers", "customers.create", SAID | {"idempotency_key": text()}, keyed=True)
def create_customer(call: Call) -> dict[str, Any]:
    """Enter a customer, who must have a name or an address of some kind."""
    if not any(call.params.get(name) for name in NAMES):
        message = f"At least one of {', '.join(NAMES)} is required for a customer."
        raise refuse("MISSING_REQUIRED_PARAMETER", message)
    record: Record = {
        "id": new_key(26),
        "created_at": call.now,
        "preferences": {"email_unsubscribed": False},
        "creation_source": "THIRD_PARTY",
        "version": -1,
    }
    write(call, record)
    emit(call, "customer.created", "customer", show(record))
    return {"customer": show(record)}


@route("GET", "customers/{}", "customers.get", {})
def get_customer(call: Call, key: str) -> dict[str, Any]:
    """Answer one customer."""
    return {"customer": show(load(call, key))}


@route("PUT", "customers/{}", "customers.update", SAID | {"version": whole})
def update_customer(call: Call, key: str) -> dict[str, Any]:
    """Change what is said, leave the rest."""
    record = load(call, key)
    call.params.pop("version", None)
    write(call, record)
    emit(call, "customer.updated", "customer", show(record))
    return {"customer": show(record)}


@route("DELETE", "customers/{}", "customers.delete", {"version": text()})
def delete_customer(call: Call, key: str) -> dict[str, Any]:
    """Forget a customer; the cards go with it."""
    record = load(call, key)
    call.tx.delete("square_customers", key)
    emit(call, "customer.deleted", "customer", show(record))
    for card in call.tx.newest("square_cards"):
        if card["customer_id"] == key:
            call.tx.put("square_cards", card | {"enabled": False})
    return {}


@route(
    "GET",
    "customers",
    "customers.list",
    PAGE | {"sort_field": one_of("DEFAULT", "CREATED_AT"), "count": text()},
)
def list_customers(call: Call) -> dict[str, Any]:
    """Answer the customers."""
    return list_page(call, "customers", call.tx.newest("square_customers"), show)


def load(call: Call, key: str, field: str | None = None) -> Record:
    """Return a customer. Raises 404."""
    return call.load("square_customers", key, "customer", field)


def write(call: Call, record: Record) -> None:
    """Take over what was said and write the record."""
    said = {name: value for name, value in call.params.items() if name in SAID}
    record |= said | {"updated_at": call.now, "version": record["version"] + 1}
    call.tx.put("square_customers", record)


def show(record: Record) -> dict[str, Any]:
    """Return Square's `Customer`."""
    return {name: value for name, value in record.items() if not name.startswith("_")}
