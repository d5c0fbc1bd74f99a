"""What it costs to send things, and what was sent."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Select, String, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base, PublicId
from ballast.models.columns import Scoped, created_column, id_column, reference, within

# As many as a checkout offers, or a shop keeps at a time.
MOST_RATES: Final = 50
LONGEST_DELIVERY: Final = 365


class ShippingRate(Scoped, Base):
    """A way to send an order, in minor units. `countries`: where it goes, ISO 3166; none: everywhere. `free_from`: what the things in
    it must come to so that it costs nothing."""

    __tablename__ = "shipping_rates"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_code"),
        CheckConstraint("free_from > 0", name="free_from_positive"),
        CheckConstraint(f"0 <= min_days and min_days <= max_days and max_days <= {LONGEST_DELIVERY}", name="days_sane"),
    )

    id: Mapped[str] = id_column("shr")
    name: Mapped[str]
    amount: Mapped[int]
    currency: Mapped[str]
    countries: Mapped[list[str]] = mapped_column(ARRAY(String), default=list, server_default="{}")
    free_from: Mapped[int | None]
    min_days: Mapped[int]
    max_days: Mapped[int]
    created_at: Mapped[datetime] = created_column()
    archived_at: Mapped[datetime | None]


class Shipment(Scoped, Base):
    """A parcel that was sent."""

    __tablename__ = "shipments"
    __table_args__ = (within("order_id", "orders"), Index("ix_shipments_order", "organization_id", "order_id", "id"))

    id: Mapped[str] = id_column("ship")
    order_id: Mapped[str] = reference("ord")
    carrier: Mapped[str] = mapped_column(default="", server_default="")
    tracking_number: Mapped[str] = mapped_column(default="", server_default="")
    tracking_url: Mapped[str | None]
    created_by: Mapped[str | None] = mapped_column(PublicId("usr"), ForeignKey("users.id"))
    created_at: Mapped[datetime] = created_column()


class ShipmentLine(Scoped, Base):
    """What was in it."""

    __tablename__ = "shipment_lines"
    __table_args__ = (
        within("shipment_id", "shipments"),
        within("order_line_id", "order_lines"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        Index("ix_shipment_lines_shipment", "organization_id", "shipment_id"),
    )

    id: Mapped[str] = id_column("sl")
    shipment_id: Mapped[str] = reference("ship")
    order_line_id: Mapped[str] = reference("ol")
    quantity: Mapped[int]


def rates_of(organization_id: str) -> Select[ShippingRate]:
    """The organization's rates, the cheapest first."""
    found = select(ShippingRate).where(ShippingRate.organization_id == organization_id)
    return found.order_by(ShippingRate.archived_at.is_not(None), ShippingRate.amount, ShippingRate.id)


def shipments_of(organization_id: str, order_ids: list[str]) -> Select[Shipment]:
    """What was sent of these orders, the first parcel first."""
    found = select(Shipment).where(Shipment.organization_id == organization_id, Shipment.order_id.in_(order_ids))
    return found.order_by(Shipment.id)


def lines_of_shipments(organization_id: str, shipment_ids: list[str]) -> Select[ShipmentLine]:
    """What was in these parcels."""
    found = select(ShipmentLine).where(ShipmentLine.organization_id == organization_id)
    return found.where(ShipmentLine.shipment_id.in_(shipment_ids)).order_by(ShipmentLine.id)
