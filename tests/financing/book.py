"""A book of agreements in every state, for whoever looks at it: begun months ago, paid in part, late, given up."""

from __future__ import annotations

from datetime import date, timedelta

from ballast.billing import payments
from ballast.billing.financing import balances, disclosure, entries, opening, paper, postings, quotes, rows, standing
from ballast.billing.financing.entries import Fact, Parts
from ballast.billing.financing.terms import OfferTerms
from ballast.clock import now, real_time
from ballast.db import db, transaction
from ballast.ids import new_id
from ballast.models import FinancingAgreement, Installment, Order, OrderLine
from tests.financing.acts import IN_FOUR, Lender
from tests.world import World

MONTHLY = OfferTerms(installments=12, rate_bps=1490, grace_days=10, late_fee_amount=1500)


class Book(Lender):
    """Somebody at Acme who has lent for a while. What they do happens `at` their time; `look` brings all of it to the present."""

    def __init__(self, world: World, days: int = 100) -> None:
        super().__init__(world, (real_time() - timedelta(days=days)).replace(microsecond=0))
        self.names = iter(("Ada Lovelace", "Noor Haddad", "Mara Okafor", "Ines Duarte", "Tomás Rey", "Lena Fischer"))

    def sell(
        self, offer_id: str, terms: OfferTerms = IN_FOUR, price: int = 64000, goods: str = "Espresso machine"
    ) -> str:
        """An agreement that runs, with the disclosure it was agreed with; its id."""
        name = next(self.names)
        customer_id = self.customer(name=name, email=f"{name.split()[0].lower()}@example.com")
        with self.clocked(), transaction() as session:
            order = self._order(customer_id, price, "USD")
            line = {"name": goods, "quantity": 1, "unit_amount": price, "amount": price, "position": 0}
            session.add(OrderLine(organization_id=self.world.acme.id, order_id=order.id, **line))
            quote = quotes.quote(price, "USD", terms, now().date())
            box = disclosure.Disclosure(quote, "Acme Corp", f"Order {order.number}")
            consent = opening.Consent(
                disclosure.render(box), paper.draw(box), "203.0.113.9", "Mozilla/5.0", "America/New_York"
            )
            agreement_id, order_id = opening.draft(order, offer_id, quote, consent).id, order.id
        payment_id = self.pay_with(customer_id, "pm_card_visa", quote.due_today or 100, "USD", order_id)
        with self.clocked(), transaction():
            db.session.get_one(Order, (self.world.acme.id, order_id), with_for_update=True)
            payment = payments.locked(self.world.acme.id, payment_id)
            opening.activate(rows.locked(self.world.acme.id, agreement_id), payment)
        return agreement_id

    def pay(self, agreement_id: str, count: int, late: int = 0) -> None:
        """The next `count` installments come in by transfer, each `late` days after it was due."""
        for _ in range(count):
            self._pay(agreement_id, late)

    def _pay(self, agreement_id: str, late: int) -> None:
        with self.clocked(), transaction():
            agreement, schedule = self._locked(agreement_id)
            one = balances.unpaid(schedule)[0]
            day = one.due_on + timedelta(days=late)
            fact, amount = Fact("payment", new_id("att"), day), one.left
            entries.receive(agreement, schedule, amount, fact)
            postings.received_elsewhere(agreement, fact.source, amount)
            standing.refresh(agreement, schedule)
            one.paid_at = rows.begins(agreement, day) + timedelta(hours=9)

    def charge_late_fee(self, agreement_id: str, number: int, amount: int) -> None:
        with self.clocked(), transaction():
            agreement, schedule = self._locked(agreement_id)
            one = schedule[number - 1]
            fact = Fact("late_fee", one.id, one.due_on + timedelta(days=11))
            entries.entry(agreement, one, fact, Parts(late_fee=amount))
            postings.changed(agreement, "late_fee", one.id, Parts(late_fee=amount))

    def decline(self, agreement_id: str, number: int, times: int) -> None:
        """What the nightly run leaves behind after so many declines."""
        with self.clocked(), transaction():
            _, schedule = self._locked(agreement_id)
            one = schedule[number - 1]
            one.failures, one.first_failed_at, one.last_failed_at = times, one.due_at, one.due_at + timedelta(days=3)
            one.next_attempt_at = real_time() + timedelta(days=2)

    def charge_off(self, agreement_id: str) -> None:
        with self.clocked(), transaction():
            agreement, schedule = self._locked(agreement_id)
            rows.set_status(agreement, "defaulted")
            rows.set_status(agreement, "charged_off")
            agreement.charged_off_at = now()
            left = balances.of(schedule)
            postings.charged_off(agreement, left.total, left.interest)

    def look(self) -> date:
        """Every agreement as it stands today."""
        self.at = real_time()
        with self.clocked():
            ids = list(db.session.scalars(db.select(FinancingAgreement.id)))
        for agreement_id in ids:
            with self.clocked(), transaction():
                standing.refresh(*self._locked(agreement_id))
        return self.at.date()

    def _locked(self, agreement_id: str) -> tuple[FinancingAgreement, list[Installment]]:
        agreement = rows.locked(self.world.acme.id, agreement_id)
        return agreement, rows.locked_installments(agreement)
