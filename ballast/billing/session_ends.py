"""How a checkout session ends: complete with its order, or expired with it. Whoever calls holds the order's lock."""

from __future__ import annotations

from sqlalchemy import select

from ballast import audit
from ballast.billing import redemptions, stock
from ballast.billing.session_payloads import payload_of
from ballast.clock import now
from ballast.db import db
from ballast.models import CheckoutSession, Order
from ballast.models.states import may_move, move
from ballast.notifications import webhooks


def of_order(order: Order) -> CheckoutSession | None:
    """The session that led to the order, as it is now; None for an order of the shop."""
    wanted = select(CheckoutSession).where(
        CheckoutSession.organization_id == order.organization_id, CheckoutSession.order_id == order.id
    )
    return db.session.scalars(wanted.execution_options(populate_existing=True)).first()


def complete(order: Order) -> None:
    """The order is paid: so is the session it belongs to, if it does. In the transaction that records the payment."""
    session = of_order(order)
    if session is None or not may_move(session.machine, session.status, "complete"):
        return
    move(session, "complete")
    session.completed_at = now()
    _tell(session, "checkout_session.completed")


def expire(session: CheckoutSession, order: Order) -> None:
    """Nobody pays here any more. In the caller's transaction, with order and payment locked and the payment closed."""
    move(order, "canceled")
    stock.give_back(order)
    redemptions.give_back(order)
    move(session, "expired")
    session.expired_at = now()
    audit.record(session.organization_id, "checkout_session.expired", "checkout_session", session.id)
    _tell(session, "checkout_session.expired")


def _tell(session: CheckoutSession, event_type: str) -> None:
    db.session.flush()
    webhooks.publish(session.organization_id, event_type, "checkout_session", session.id, payload_of(session))
