"""Customers."""

from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.stripe.errors import report_missing
from ballast.sandbox.stripe.events import emit
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.lists import having, list_page
from ballast.sandbox.stripe.objects import show_customer, show_payment_method
from ballast.sandbox.stripe.parameters import (
    ADDRESS,
    EXPAND,
    PAGE,
    SHIPPING,
    filled,
    list_of,
    merge_metadata,
    metadata,
    one_of,
    text,
)
from ballast.sandbox.stripe.payment_methods import detach_from_customer
from ballast.sandbox.stripe.routes import Call, route

FIELDS = {
    "address": ADDRESS,
    "description": text(),
    "email": text(512),
    "expand": EXPAND,
    "invoice_settings": {"default_payment_method": text()},
    "metadata": metadata,
    "name": text(256),
    "phone": text(20),
    "preferred_locales": list_of(filled),
    "shipping": SHIPPING,
    "tax_exempt": one_of("exempt", "none", "reverse"),
}
PLAIN = ("address", "description", "email", "name", "phone", "preferred_locales", "shipping", "tax_exempt")


@route("POST", "customers", "customers.create", FIELDS)
def create_customer(call: Call) -> dict[str, Any]:
    """Make a customer."""
    customer = {"id": new_id("cus", 7), "created": call.now}
    write_fields(customer, call)
    emit(call, "customer.created", show_customer(customer))
    return answer(call, customer)


@route("GET", "customers/{}", "customers.retrieve", {"expand": EXPAND})
def retrieve_customer(call: Call, key: str) -> dict[str, Any]:
    """Answer one customer, also a deleted one."""
    return answer(call, call.load("customers", key, "customer"))


@route("POST", "customers/{}", "customers.update", FIELDS)
def update_customer(call: Call, key: str) -> dict[str, Any]:
    """Change a customer."""
    customer = load_customer(call, key, "customer_id")
    write_fields(customer, call)
    emit(call, "customer.updated", show_customer(customer))
    return answer(call, customer)


@route("DELETE", "customers/{}", "customers.delete", {})
def delete_customer(call: Call, key: str) -> dict[str, Any]:
    """Delete a customer and detach the cards; what was paid stays."""
    customer = load_customer(call, key, "customer_id")
    for method in call.tx.find("payment_methods", key):
        detach_from_customer(call, method)
    emit(call, "customer.deleted", show_customer(customer))
    return show_customer(call.tx.put("customers", customer | {"_deleted": True}))


@route("GET", "customers", "customers.list", PAGE | {"email": filled})
def list_customers(call: Call) -> dict[str, Any]:
    """Answer the customers who were not deleted."""
    return list_page(
        call,
        "/v1/customers",
        call.tx.newest("customers"),
        show_customer,
        having("email", call.params.get("email")),
        lambda customer: not customer.get("_deleted"),
    )


CARDS_PAGE = PAGE | {"type": one_of("card"), "allow_redisplay": one_of("always", "limited", "unspecified")}


@route("GET", "customers/{}/payment_methods", "customers.payment_methods.list", CARDS_PAGE)
def list_cards(call: Call, key: str) -> dict[str, Any]:
    """Answer the cards a customer keeps."""
    load_customer(call, key, "customer_id")
    url = f"/v1/customers/{key}/payment_methods"
    return list_page(call, url, call.tx.find("payment_methods", key), show_payment_method)


@route("GET", "customers/{}/payment_methods/{}", "customers.payment_methods.retrieve", {"expand": EXPAND})
def retrieve_card(call: Call, key: str, method_id: str) -> dict[str, Any]:
    """Answer one of the cards a customer keeps."""
    method = call.load("payment_methods", method_id, "payment_method")
    if method.get("customer") != key:
        raise report_missing("payment_method", method_id, "id")
    return expand(call.tx, show_payment_method(method), call.params.get("expand", []))


def load_customer(call: Call, key: str, param: str = "customer") -> Record:
    """Return a customer who was not deleted. Raises `resource_missing`."""
    customer = call.load("customers", key, "customer", param)
    if customer.get("_deleted"):
        raise report_missing("customer", key, param)
    return customer


def write_fields(customer: Record, call: Call) -> None:
    """Take over the parameters and write the record."""
    params = call.params
    customer.update({name: params[name] for name in PLAIN if name in params})
    customer["metadata"] = merge_metadata(customer.get("metadata", {}), params)
    default = (params.get("invoice_settings") or {}).get("default_payment_method")
    if default:
        method = call.load("payment_methods", default, "payment_method", "invoice_settings[default_payment_method]")
        customer["invoice_settings"] = {
            "custom_fields": None,
            "default_payment_method": method["id"],
            "footer": None,
            "rendering_options": None,
        }
    call.tx.put("customers", customer)


def answer(call: Call, customer: Record) -> dict[str, Any]:
    """Return the customer as asked for."""
    return expand(call.tx, show_customer(customer), call.params.get("expand", []))
