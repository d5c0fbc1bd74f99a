"""Sending what was bought: parcels of a paid order, until all of it that is sent by post is on its way.

A parcel is one commit, with the order locked: its lines count what was sent, and the database refuses more than was bought.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Select, select

from ballast import audit, config
from ballast.billing import branding, lookup, order_payloads
from ballast.clock import now
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id
from ballast.models import Order, OrderLine, Organization, Shipment, ShipmentLine
from ballast.models.orders import lines_of_order
from ballast.models.shipping import lines_of_shipments, shipments_of
from ballast.models.states import turn_fulfillment
from ballast.notifications import emails, webhooks

# Where a parcel of theirs is looked up; others are typed.
TRACKED_AT: Final = {
    "UPS": "https://www.ups.com/track?tracknum={}",
    "FedEx": "https://www.fedex.com/fedextrack/?trknbr={}",
    "USPS": "https://tools.usps.com/go/TrackConfirmAction?tLabels={}",
    "DHL": "https://www.dhl.com/global-en/home/tracking.html?tracking-id={}",
}
LONGEST_NUMBER: Final = 60
LONGEST_ADDRESS: Final = 500


@dataclass(frozen=True)
class Parcel:
    """A parcel as it is sent. `quantities`: by order line; None: all that is left."""

    quantities: Mapping[str, int] | None = None
    carrier: str = ""
    tracking_number: str = ""
    tracking_url: str | None = None


@dataclass(frozen=True)
class Sent:
    """A parcel as a page shows it: its lines as (name, quantity)."""

    shipment: Shipment
    lines: list[tuple[str, int]]


def find(organization_id: str, order_id: str) -> Order:
    """An order. Raises NotFound."""
    return lookup.find(_of(organization_id, order_id), order_id, "ord", "order")


def _of(organization_id: str, order_id: str) -> Select[Order]:
    return select(Order).where(Order.organization_id == organization_id, Order.id == order_id)


def left(lines: Sequence[OrderLine]) -> list[OrderLine]:
    """Lines of which something is still to be sent."""
    return [line for line in lines if line.shippable and line.fulfilled < line.quantity]


def send(organization_id: str, order_id: str, parcel: Parcel) -> Shipment:
    """Note that a parcel has left, and tell the customer by mail. In the caller's transaction.

    Raises NotFound, Conflict(`order_not_paid`, `order_fulfilled`), InvalidRequest(`lines_invalid`, `quantity_invalid`,
    `parameter_invalid`).
    """
    url = _tracking_url(parcel)
    find(organization_id, order_id)
    order = db.session.scalars(_of(organization_id, order_id).with_for_update()).one()
    if order.status != "paid":
        raise Conflict("order_not_paid", f"Only a paid order is sent; this one is {order.status}.")
    lines = {line.id: line for line in left(list(db.session.scalars(lines_of_order(organization_id, order_id))))}
    if order.fulfillment is None or not lines:
        raise Conflict("order_fulfilled", "Nothing of this order is left to send.")
    quantities = _read(lines, parcel.quantities)
    shipment = Shipment(
        organization_id=organization_id,
        id=new_id("ship"),
        order_id=order_id,
        carrier=parcel.carrier.strip(),
        tracking_number=parcel.tracking_number.strip(),
        tracking_url=url,
        created_by=_person(),
        created_at=now(),
    )
    db.session.add(shipment)
    db.session.flush()
    _pack(shipment, lines, quantities)
    _tell(order, shipment, [(lines[line_id].name, quantity) for line_id, quantity in quantities.items()])
    return shipment


def _person() -> str | None:
    """Who acts, where it is a person and no program."""
    actor = audit.actor().id
    return actor if actor and actor.startswith("usr_") else None


def _tracking_url(parcel: Parcel) -> str | None:
    """The address that was typed, or the carrier's own. Raises InvalidRequest(`parameter_invalid`)."""
    if len(parcel.carrier) > LONGEST_NUMBER or len(parcel.tracking_number) > LONGEST_NUMBER:
        said = f"Use at most {LONGEST_NUMBER} characters."
        raise InvalidRequest("parameter_invalid", said, param="tracking_number")
    given = (parcel.tracking_url or "").strip()
    if not given:
        known, number = TRACKED_AT.get(parcel.carrier.strip()), parcel.tracking_number.strip()
        return known.format(number) if known and number.isalnum() else None
    if len(given) > LONGEST_ADDRESS or not _is_https(given):
        raise InvalidRequest("parameter_invalid", "Enter an address that begins with https://.", param="tracking_url")
    return given


def _is_https(given: str) -> bool:
    try:
        parts = urlsplit(given)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and given.isprintable() and " " not in given


def _read(lines: Mapping[str, OrderLine], asked: Mapping[str, int] | None) -> dict[str, int]:
    """How many of which lines, none of them more than are left."""
    if asked is None:
        return {line.id: line.quantity - line.fulfilled for line in lines.values()}
    wanted = {line_id: quantity for line_id, quantity in asked.items() if quantity != 0}
    if not wanted or any(line_id not in lines for line_id in wanted):
        raise InvalidRequest("lines_invalid", "Choose what is in the parcel, of what is left to send.", param="lines")
    for line_id, quantity in wanted.items():
        still = lines[line_id].quantity - lines[line_id].fulfilled
        if not 0 < quantity <= still:
            raise InvalidRequest(
                "quantity_invalid", f"{still} of {lines[line_id].name} are left to send.", param="lines"
            )
    return wanted


def _pack(shipment: Shipment, lines: Mapping[str, OrderLine], quantities: Mapping[str, int]) -> None:
    for line_id, quantity in quantities.items():
        lines[line_id].fulfilled += quantity
        db.session.add(
            ShipmentLine(
                organization_id=shipment.organization_id,
                shipment_id=shipment.id,
                order_line_id=line_id,
                quantity=quantity,
            )
        )
    db.session.flush()


def _tell(order: Order, shipment: Shipment, sent: list[tuple[str, int]]) -> None:
    still = left(list(db.session.scalars(lines_of_order(order.organization_id, order.id))))
    after = "partially_fulfilled" if still else "fulfilled"
    before = order.fulfillment
    if before != after:
        turn_fulfillment(order, after)
    changes = audit.differences({"fulfillment": before}, {"fulfillment": after}) | {"shipment": shipment.id}
    audit.record(order.organization_id, "order.sent", "order", order.id, changes)
    db.session.flush()
    if after == "fulfilled":
        webhooks.publish(order.organization_id, "order.fulfilled", "order", order.id, order_payloads.payload_of(order))
    _write(order, shipment, sent, is_all=not still)


def _write(order: Order, shipment: Shipment, sent: list[tuple[str, int]], *, is_all: bool) -> None:
    """The mail "on its way", once for each parcel."""
    if not order.email:
        return
    shop = db.session.scalars(select(Organization).where(Organization.id == order.organization_id)).one()
    brand = branding.of(shop)
    context = {
        "organization": shop,
        "brand": brand,
        "order": order,
        "shipment": shipment,
        "words": ", ".join(f"{quantity} × {name}" if quantity > 1 else name for name, quantity in sent),
        "is_all": is_all,
        "order_url": f"{config.current().public_url}/checkout/{order.token}/receipt",
    }
    subject = f"Your order {order.number} from {brand.name} is on its way"
    emails.compose(order.organization_id, "on_its_way", order.email, subject, f"sent/{shipment.id}", order.id, context)


def parcels(order: Order) -> list[Sent]:
    """What was sent of an order, in three statements at most."""
    if order.fulfillment in (None, "unfulfilled"):
        return []
    shipments = list(db.session.scalars(shipments_of(order.organization_id, [order.id])))
    names = {line.id: line.name for line in db.session.scalars(lines_of_order(order.organization_id, order.id))}
    packed: dict[str, list[tuple[str, int]]] = {shipment.id: [] for shipment in shipments}
    for one in db.session.scalars(lines_of_shipments(order.organization_id, [*packed])):
        packed[one.shipment_id].append((names[one.order_line_id], one.quantity))
    return [Sent(shipment, packed[shipment.id]) for shipment in shipments]
