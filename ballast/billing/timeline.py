"""Everything that happened to one payment, read for a person: a fixed number of statements, however much there is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased

from ballast.billing import cards
from ballast.billing.financing import settled
from ballast.billing.financing.settled import Settled
from ballast.db import db
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
from ballast.models.disputes import LOST, disputes_of
from ballast.models.orders import lines_of_order
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
        """Minor units that stay with the card's holder after a dispute."""
        return sum(dispute.amount for dispute in self.disputes if dispute.status in LOST)

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


def read(payment: Payment) -> History:
    """The history of a payment."""
    organization_id, payment_id = payment.organization_id, payment.id
    attempts = list(db.session.scalars(attempts_of(organization_id, payment_id)))
    order = _one(Order, organization_id, payment.order_id)
    return History(
        payment=payment,
        customer=_one(Customer, organization_id, payment.customer_id),
        order=order,
        attempts=attempts,
        refunds=list(db.session.scalars(refunds_of(organization_id, payment_id))),
        events=_events(organization_id, payment_id),
        transfers=_transfers(organization_id, payment_id),
        deliveries=[Delivery(*row) for row in db.session.execute(deliveries_of(organization_id, payment_id))],
        emails=_emails(organization_id, payment_id),
        inbox=_inbox(organization_id, [attempt.external_id for attempt in attempts if attempt.external_id]),
        disputes=list(db.session.scalars(disputes_of(organization_id, payment_id))),
        lines=list(db.session.scalars(lines_of_order(organization_id, order.id))) if order else [],
        stored_card=cards.of_payment(payment),
        settles=settled.by(payment),
    )


def _one(model: Any, organization_id: str, row_id: str | None) -> Any:
    if row_id is None:
        return None
    return db.session.scalars(select(model).where(model.organization_id == organization_id, model.id == row_id)).first()


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
