"""Everything that happened to one payment, read for a person: a fixed number of statements, however much there is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import aliased

from ballast.billing.financing import settled
from ballast.billing.financing.settled import Settled
from ballast.db import db
from ballast.errors import NotFound
from ballast.ids import to_uuid
from ballast.models import (
    Attempt,
    Customer,
    Dispute,
    Email,
    Event,
    InboxEvent,
    LedgerAccount,
    LedgerTransfer,
    Order,
    OrderLine,
    Payment,
    PaymentMethod,
    Refund,
    WebhookDelivery,
    WebhookEndpoint,
)
from ballast.models.disputes import LOST
from ballast.models.outbox import deliveries_of
from ballast.models.payments import attempts_of, refunds_of

SHOWN = 200


@dataclass(frozen=True)
class Entry:
    """One moment: `kind` says what `item` is (attempt, refund, event)."""

    at: datetime
    kind: str
    item: Attempt | Refund | Event


@dataclass(frozen=True)
class Transfer:
    """A ledger transfer with the codes of its accounts."""

    transfer: LedgerTransfer
    debit: str
    credit: str


@dataclass(frozen=True)
class Delivery:
    """A delivery with what it carries and where to."""

    delivery: WebhookDelivery
    event: Event
    endpoint: WebhookEndpoint


@dataclass
class History:
    """A payment and all that belongs to it."""

    payment: Payment
    customer: Customer | None
    order: Order | None
    attempts: list[Attempt]
    refunds: list[Refund]
    events: list[Event]
    transfers: list[Transfer]
    deliveries: list[Delivery]
    emails: list[Email]
    inbox: list[InboxEvent]
    disputes: list[Dispute]
    lines: list[OrderLine] = field(default_factory=list)
    stored_card: PaymentMethod | None = None
    settles: list[Settled] = field(default_factory=list)

    @property
    def entries(self) -> list[Entry]:
        """Attempts, refunds and events, newest first."""
        moments = [Entry(attempt.finished_at or attempt.created_at, "attempt", attempt) for attempt in self.attempts]
        moments += [Entry(refund.created_at, "refund", refund) for refund in self.refunds]
        moments += [Entry(event.created_at, "event", event) for event in self.events]
        return sorted(moments, key=lambda entry: (entry.at, entry.item.id), reverse=True)

    @property
    def lost(self) -> int:
        """Minor units of what paid it that stay with the card's holder after a dispute."""
        paid = {attempt.id for attempt in self.attempts if attempt.status == "approved"}
        return sum(one.amount for one in self.disputes if one.status in LOST and one.attempt_id in paid)

    @property
    def pending(self) -> bool:
        """Whether something is still on its way, so that it pays to look again."""
        return (
            any(attempt.is_open for attempt in self.attempts)
            or any(refund.status not in ("succeeded", "failed", "canceled") for refund in self.refunds)
            or any(row.delivery.status == "pending" for row in self.deliveries)
            or any(email.status == "pending" for email in self.emails)
            or any(dispute.action for dispute in self.disputes)
            or (self.stored_card is not None and self.stored_card.status == "pending")
        )


def read(organization_id: str, payment_id: str) -> History:
    """The history of a payment. Raises NotFound."""
    payment, customer, order, stored_card, disputes, lines = _head(organization_id, payment_id)
    attempts = list(db.session.scalars(attempts_of(organization_id, payment_id)))
    return History(
        payment=payment,
        customer=customer,
        order=order,
        attempts=attempts,
        refunds=list(db.session.scalars(refunds_of(organization_id, payment_id))),
        events=_events(organization_id, payment_id),
        transfers=_transfers(organization_id, payment_id),
        deliveries=[Delivery(*row) for row in db.session.execute(deliveries_of(organization_id, payment_id))],
        emails=_emails(organization_id, payment_id),
        inbox=_inbox(organization_id, [attempt.external_id for attempt in attempts if attempt.external_id]),
        disputes=disputes,
        lines=lines,
        stored_card=stored_card,
        settles=settled.by(payment),
    )


Head = tuple[Payment, Customer | None, Order | None, PaymentMethod | None, list[Dispute], list[OrderLine]]


def _head(organization_id: str, payment_id: str) -> Head:
    """In one statement the payment, the rows beside it (at most one each), its few disputes and the lines it pays for."""
    rows = db.session.execute(_beside(organization_id, payment_id)).all() if to_uuid(payment_id, "pay") else []
    if not rows:
        raise NotFound("payment")
    payment, customer, order, card, _, _ = rows[0]
    disputes = {row[4].id: row[4] for row in rows if row[4]}
    lines = {row[5].id: row[5] for row in rows if row[5]}
    return payment, customer, order, card, list(disputes.values()), list(lines.values())


def _beside(
    organization_id: str, payment_id: str
) -> Select[Payment, Customer, Order, PaymentMethod, Dispute, OrderLine]:
    def ours(model: Any, to: Any) -> Any:
        return and_(model.organization_id == Payment.organization_id, to)

    # The stored card it charged, or else the one that was, or is to be, stored from it.
    kept = aliased(PaymentMethod)
    from_it = select(kept.id).where(ours(kept, kept.payment_id == Payment.id)).limit(1).correlate(Payment)
    its_card = PaymentMethod.id == func.coalesce(Payment.payment_method_id, from_it.scalar_subquery())
    return (
        select(Payment, Customer, Order, PaymentMethod, Dispute, OrderLine)
        .outerjoin(Customer, ours(Customer, Customer.id == Payment.customer_id))
        .outerjoin(Order, ours(Order, Order.id == Payment.order_id))
        .outerjoin(PaymentMethod, ours(PaymentMethod, its_card))
        .outerjoin(Dispute, ours(Dispute, Dispute.payment_id == Payment.id))
        .outerjoin(OrderLine, ours(OrderLine, OrderLine.order_id == Payment.order_id))
        .where(Payment.organization_id == organization_id, Payment.id == payment_id)
        .order_by(Dispute.id, OrderLine.position)
    )


def _events(organization_id: str, payment_id: str) -> list[Event]:
    wanted = select(Event).where(Event.organization_id == organization_id, Event.resource_id == payment_id)
    return list(db.session.scalars(wanted.order_by(Event.id.desc()).limit(SHOWN)))


def _transfers(organization_id: str, payment_id: str) -> list[Transfer]:
    debit, credit = aliased(LedgerAccount), aliased(LedgerAccount)
    wanted = (
        select(LedgerTransfer, debit.code, credit.code)
        .join(
            debit,
            (debit.organization_id == LedgerTransfer.organization_id) & (debit.id == LedgerTransfer.debit_account_id),
        )
        .join(
            credit,
            (credit.organization_id == LedgerTransfer.organization_id)
            & (credit.id == LedgerTransfer.credit_account_id),
        )
        .where(LedgerTransfer.organization_id == organization_id, LedgerTransfer.payment_id == payment_id)
        .order_by(LedgerTransfer.id)
    )
    return [Transfer(*row) for row in db.session.execute(wanted)]


def _emails(organization_id: str, payment_id: str) -> list[Email]:
    wanted = select(Email).where(Email.organization_id == organization_id, Email.resource_id == payment_id)
    return list(db.session.scalars(wanted.order_by(Email.id.desc()).limit(SHOWN)))


def _inbox(organization_id: str, subjects: list[str]) -> list[InboxEvent]:
    if not subjects:
        return []
    wanted = select(InboxEvent).where(
        InboxEvent.organization_id == organization_id, InboxEvent.subject_id.in_(subjects)
    )
    return list(db.session.scalars(wanted.order_by(InboxEvent.id.desc()).limit(SHOWN)))
