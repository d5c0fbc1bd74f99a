"""Customers as a merchant's program keeps them: made, found, changed. (A checkout makes its own.)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ballast import audit
from ballast.billing import changes, lookup
from ballast.billing.payloads import customer_payload
from ballast.clock import now
from ballast.db import db
from ballast.ids import new_id
from ballast.models import Customer
from ballast.models.customers import customer_of
from ballast.notifications import webhooks


@dataclass(frozen=True)
class NewCustomer:
    """Somebody who pays. `email` in lower case; `country` (ISO 3166) and `region`: where they are taxed."""

    email: str | None = None
    name: str = ""
    country: str = ""
    region: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


def create(organization_id: str, asked: NewCustomer) -> Customer:
    """A new customer; two may share an address. In the caller's transaction."""
    customer = Customer(
        id=new_id("cus"),
        organization_id=organization_id,
        email=asked.email,
        name=asked.name,
        country=asked.country,
        region=asked.region,
        metadata_=dict(asked.metadata),
        created_at=now(),
    )
    db.session.add(customer)
    db.session.flush()
    audit.record(organization_id, "customer.created", "customer", customer.id)
    _tell(customer, "customer.created")
    return customer


def find(organization_id: str, customer_id: str) -> Customer:
    """The customer, unless erased. Raises NotFound."""
    return lookup.find(customer_of(organization_id, customer_id), customer_id, "cus", "customer")


def change(organization_id: str, customer_id: str, wanted: Mapping[str, Any]) -> Customer:
    """Set `name`, `email`, `country` and `region` and merge `metadata`. In the caller's transaction.

    Raises NotFound, InvalidRequest(`metadata_too_large`).
    """
    locked = customer_of(organization_id, customer_id).with_for_update()
    customer = lookup.find(locked.execution_options(populate_existing=True), customer_id, "cus", "customer")
    differences = changes.apply(customer, wanted)
    if differences:
        audit.record(organization_id, "customer.updated", "customer", customer.id, differences)
        _tell(customer, "customer.updated")
    return customer


def _tell(customer: Customer, event_type: str) -> None:
    webhooks.publish(customer.organization_id, event_type, "customer", customer.id, customer_payload(customer))
