"""Which rows are a customer's: the one place that knows where a person may be found."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
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


class Belongings:
    """Everything of one customer, oldest first; each kind is read when it is first asked for."""

    def __init__(self, customer: Customer) -> None:
        self.customer = customer

    def _mine(self, model: Any) -> list[Any]:
        return self._all(model, model.customer_id == self.customer.id)

    def _all(self, model: Any, which: Any) -> list[Any]:
        wanted = select(model).where(model.organization_id == self.customer.organization_id, which)
        return list(db.session.scalars(wanted.order_by(model.id)))

    @cached_property
    def cards(self) -> list[PaymentMethod]:
        return self._mine(PaymentMethod)

    @cached_property
    def orders(self) -> list[Order]:
        return self._mine(Order)

    @cached_property
    def payments(self) -> list[Payment]:
        return self._mine(Payment)

    @cached_property
    def subscriptions(self) -> list[Subscription]:
        return self._mine(Subscription)

    @cached_property
    def invoices(self) -> list[Invoice]:
        return self._mine(Invoice)

    @cached_property
    def agreements(self) -> list[FinancingAgreement]:
        return self._mine(FinancingAgreement)

    @cached_property
    def sessions(self) -> list[CheckoutSession]:
        bought = among(CheckoutSession.order_id, {one.id for one in self.orders})
        return self._all(CheckoutSession, or_(CheckoutSession.customer_id == self.customer.id, bought))

    @cached_property
    def attempts(self) -> list[Attempt]:
        return self._all(Attempt, among(Attempt.payment_id, {one.id for one in self.payments}))

    @cached_property
    def refunds(self) -> list[Refund]:
        return self._all(Refund, among(Refund.payment_id, {one.id for one in self.payments}))

    @cached_property
    def disputes(self) -> list[Dispute]:
        return self._all(Dispute, among(Dispute.payment_id, {one.id for one in self.payments}))

    @cached_property
    def credit_notes(self) -> list[CreditNote]:
        return self._all(CreditNote, among(CreditNote.invoice_id, {one.id for one in self.invoices}))

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
    """A customer's; read kind by kind, a fixed number of statements however much there is."""
    return Belongings(customer)


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
