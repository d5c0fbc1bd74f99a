"""What the subscription tests do again and again: plans, customers with cards, a clock that moves, the nightly run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from ballast import clock
from ballast.billing import payments, resolver
from ballast.billing.subscriptions import charging, rows, starting
from ballast.db import db, organization, set_organization, transaction
from ballast.ids import new_id
from ballast.models import Customer, Email, Event, Invoice, InvoiceLine, PaymentMethod, Price, Product, Subscription
from tests.world import World

START = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)


class Desk:
    """Somebody at Acme who sells subscriptions, in a time of their own."""

    def __init__(self, world: World, at: datetime = START) -> None:
        self.world = world
        self.at = at

    @contextmanager
    def clocked(self) -> Iterator[None]:
        """Acme's context, at this desk's time."""
        db.session.rollback()
        with organization(self.world.acme.id), clock.at(self.at):
            yield
        db.session.rollback()

    def price(self, amount: int = 2000, interval: str = "month", currency: str = "USD", **fields: Any) -> str:
        """A recurring price of a product of its own."""
        with self.clocked(), transaction() as session:
            product = Product(
                id=new_id("prod"),
                organization_id=self.world.acme.id,
                name=fields.pop("name", "Club"),
                slug=new_id("prod"),
            )
            session.add(product)
            session.flush()
            price = Price(
                id=new_id("price"),
                organization_id=self.world.acme.id,
                product_id=product.id,
                kind="recurring",
                amount=amount,
                currency=currency,
                interval=interval,
                **fields,
            )
            session.add(price)
            return price.id

    def customer(self, **fields: Any) -> str:
        """Ada, unless told otherwise."""
        with self.clocked(), transaction() as session:
            given = {"email": "ada@example.com", "name": "Ada Lovelace", **fields}
            customer = Customer(id=new_id("cus"), organization_id=self.world.acme.id, **given)
            session.add(customer)
            return customer.id

    def start(self, price_id: str, customer_id: str, card: str = "pm_card_visa", **wanted: Any) -> str:
        """A subscription, its first payment tried; answers its id."""
        with self.clocked():
            with transaction():
                asked = starting.Wanted(customer_id, price_id, payment_method=card, **wanted)
                started = starting.start(self.world.acme.id, asked)
                subscription_id = started.subscription.id
                begun = started.begun
            if begun:
                payments.run(begun)
            return subscription_id

    def another_card(self, token: str = "pm_card_mastercard", **fields: Any) -> str:
        """A second stored card of the newest customer; answers its id."""
        card = self.card()
        with self.clocked(), transaction() as session:
            made = PaymentMethod(
                id=new_id("pm"),
                organization_id=self.world.acme.id,
                customer_id=card.customer_id,
                processor_account_id=card.processor_account_id,
                external_id=token,
                customer_external_id=card.customer_external_id,
                brand="mastercard",
                last4="4444",
                **fields,
            )
            session.add(made)
            return made.id

    def act(self, subscription_id: str, what: Any, *args: Any, **options: Any) -> Any:
        """Do `what` to the locked subscription; a payment it began is run."""
        with self.clocked():
            with transaction():
                done = what(rows.locked(self.world.acme.id, subscription_id), *args, **options)
            begun = getattr(done, "begun", None)
            if begun:
                payments.run(begun)
            return done

    def move(self, **passing: float) -> None:
        """Time passes at this desk."""
        self.at += timedelta(**passing)

    def run(self) -> int:
        """The nightly run, now."""
        with self.world.worker_app.app_context(), clock.at(self.at):
            set_organization(None)
            return charging.charge_due()

    def settle(self) -> None:
        """The resolver finds out what became of attempts nobody knows of; hours of real time pass."""
        with self.world.worker_app.app_context(), clock.at(self.at), clock.shifted(timedelta(hours=2)):
            set_organization(None)
            resolver.resolve_due()

    def until(self, moment: datetime) -> None:
        """Let time pass to `moment`, running what falls due at its own instant on the way."""
        while (due := self._next()) and due <= moment:
            self.at = max(due, self.at)
            assert self.run(), f"something was due at {due} and nothing happened"
        self.at = moment

    def _next(self) -> datetime | None:
        with self.clocked():
            moments = [
                moment
                for model, column in ((Subscription, Subscription.next_action_at), (Invoice, Invoice.next_attempt_at))
                for moment in db.session.scalars(
                    db.select(column).where(model.organization_id == self.world.acme.id, column.is_not(None))
                )
            ]
            return min(moments, default=None)

    # --- What came of it ------------------------------------------------------------------------------------------------------

    def subscription(self, subscription_id: str) -> Subscription:
        found: Subscription = next(one for one in self.all(Subscription) if one.id == subscription_id)
        return found

    def invoices(self) -> list[Invoice]:
        return self.all(Invoice)

    def lines(self, invoice: Invoice) -> list[InvoiceLine]:
        found = [line for line in self.all(InvoiceLine) if line.invoice_id == invoice.id]
        return sorted(found, key=lambda line: line.position)

    def card(self) -> PaymentMethod:
        newest: PaymentMethod = self.all(PaymentMethod)[-1]
        return newest

    def events(self, family: str) -> list[str]:
        return [event.type for event in self.all(Event) if event.type.startswith(family)]

    def mails(self) -> list[str]:
        return [mail.kind for mail in self.all(Email)]

    def all(self, model: Any) -> list[Any]:
        found = self.world.all_of(model)
        db.session.expunge_all()
        db.session.rollback()
        return found
