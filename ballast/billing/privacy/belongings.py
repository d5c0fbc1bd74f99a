"""Which rows are a customer's: the one place that knows where a person may be found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_, select

from ballast.db import among, db
from ballast.models import (
    Attempt,
    CheckoutSession,
    CreditNote,
    Customer,
    Dispute,
    Email,
    Event,
    FinancingAgreement,
    Invoice,
    Order,
    Payment,
    PaymentMethod,
    Refund,
    Subscription,
)


@dataclass(frozen=True)
class Belongings:
    """Everything of one customer, oldest first."""

    customer: Customer
    cards: list[PaymentMethod]
    orders: list[Order]
    sessions: list[CheckoutSession]
    payments: list[Payment]
    attempts: list[Attempt]
    refunds: list[Refund]
    disputes: list[Dispute]
    subscriptions: list[Subscription]
    invoices: list[Invoice]
    credit_notes: list[CreditNote]
    agreements: list[FinancingAgreement]

    @property
    def ids(self) -> set[str]:
        """The ids that events and mails may be about."""
        kinds: tuple[Iterable[Any], ...] = (
            self.cards,
            self.orders,
            self.sessions,
            self.payments,
            self.refunds,
            self.disputes,
            self.subscriptions,
            self.invoices,
            self.credit_notes,
            self.agreements,
        )
        return {self.customer.id} | {one.id for kind in kinds for one in kind}

    @property
    def addresses(self) -> set[str]:
        """Every mail address they have had here."""
        found = {
            self.customer.email,
            *(one.email for one in self.orders),
            *(one.customer_email for one in self.invoices),
        }
        return {one for one in found | {one.customer_email for one in self.sessions} if one}


def of(customer: Customer) -> Belongings:
    """Read them; a fixed number of statements."""
    theirs = {
        model: _all(customer, model, model.customer_id == customer.id)
        for model in (PaymentMethod, Order, Payment, Subscription, Invoice, FinancingAgreement)
    }
    orders, payments = theirs[Order], {one.id for one in theirs[Payment]}
    bought = or_(
        CheckoutSession.customer_id == customer.id, among(CheckoutSession.order_id, {one.id for one in orders})
    )
    return Belongings(
        customer=customer,
        cards=theirs[PaymentMethod],
        orders=orders,
        sessions=_all(customer, CheckoutSession, bought),
        payments=theirs[Payment],
        attempts=_all(customer, Attempt, among(Attempt.payment_id, payments)),
        refunds=_all(customer, Refund, among(Refund.payment_id, payments)),
        disputes=_all(customer, Dispute, among(Dispute.payment_id, payments)),
        subscriptions=theirs[Subscription],
        invoices=theirs[Invoice],
        credit_notes=_all(customer, CreditNote, among(CreditNote.invoice_id, {one.id for one in theirs[Invoice]})),
        agreements=theirs[FinancingAgreement],
    )


def _all(customer: Customer, model: Any, which: Any) -> list[Any]:
    wanted = select(model).where(model.organization_id == customer.organization_id, which)
    return list(db.session.scalars(wanted.order_by(model.id)))


def mails_of(found: Belongings) -> Select[Email]:
    """Mails about what is theirs, and those to them. One that shares an address with somebody else's keeps that one's."""
    customer = found.customer
    about = among(Email.resource_id, found.ids)
    wanted = select(Email).where(Email.organization_id == customer.organization_id)
    return wanted.where(or_(about, _to_them(found))).order_by(Email.id)


def _to_them(found: Belongings) -> Any:
    """Mails to their addresses, as long as no other customer has the same."""
    customer = found.customer
    others = select(Customer.email).where(
        Customer.organization_id == customer.organization_id,
        Customer.id != customer.id,
        Customer.erased_at.is_(None),
        among(Customer.email, found.addresses),
    )
    return among(Email.recipient, found.addresses - {str(one) for one in db.session.scalars(others)})


def events_of(found: Belongings) -> Select[Event]:
    """What was told of what is theirs."""
    mine = Event.organization_id == found.customer.organization_id
    return select(Event).where(mine, among(Event.resource_id, found.ids)).order_by(Event.id)
