"""What is held of a counted product while its order is being paid. How many are left stands on the product."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Exists, Index, Select, exists, select
from sqlalchemy.orm import Mapped, mapped_column

from ballast.db import Base
from ballast.models.checkout_sessions import IN_FLIGHT
from ballast.models.columns import Scoped, created_column, id_column, one_of, reference, within
from ballast.models.payments import Payment
from ballast.models.states import STOCK_HOLD


class StockHold(Scoped, Base):
    """So many of a product are an order's, until it is paid or given up.

    `expires_at` is real time: a hold is a lease. While a payment of the order is under way it does not end.
    """

    __tablename__ = "stock_holds"
    __table_args__ = (
        within("order_id", "orders"),
        within("product_id", "products"),
        one_of("status", STOCK_HOLD),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        Index("ix_stock_holds_order", "organization_id", "order_id"),
        Index(
            "uq_stock_holds_held",
            "organization_id",
            "order_id",
            "product_id",
            unique=True,
            postgresql_where="status in ('held', 'sold')",
        ),
        Index("ix_stock_holds_due", "expires_at", postgresql_where="status = 'held'"),
    )
    machine = "stock_hold"

    id: Mapped[str] = id_column("hold")
    order_id: Mapped[str] = reference("ord")
    product_id: Mapped[str] = reference("prod")
    quantity: Mapped[int]
    status: Mapped[str] = mapped_column(default="held", server_default="held")
    created_at: Mapped[datetime] = created_column()
    expires_at: Mapped[datetime] = mapped_column(doc="real time")


def holds_of(organization_id: str, order_id: str, *statuses: str) -> Select[StockHold]:
    """An order's holds in these states, product by product: the order in which products are locked."""
    found = select(StockHold).where(StockHold.organization_id == organization_id, StockHold.order_id == order_id)
    return found.where(StockHold.status.in_(statuses)).order_by(StockHold.product_id)


def being_paid() -> Exists:
    """Whether a payment of the hold's order may still take money."""
    return exists().where(
        Payment.organization_id == StockHold.organization_id,
        Payment.order_id == StockHold.order_id,
        Payment.status.in_(IN_FLIGHT),
    )


def due_holds(as_of: datetime) -> Select[str, str]:
    """(organization_id, order_id) whose holds are over and that nobody is paying, the oldest first."""
    return (
        select(StockHold.organization_id, StockHold.order_id)
        .where(StockHold.status == "held", StockHold.expires_at <= as_of, ~being_paid())
        .order_by(StockHold.expires_at)
    )
