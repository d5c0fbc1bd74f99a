"""What the financing tests do again and again: offers, agreements that run, a clock that moves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, or_, select, update

from ballast import clock
from ballast.billing import new_payments, payments
from ballast.billing.financing import (
    accrual,
    balances,
    charging,
    earning,
    exposure,
    lateness,
    opening,
    paying,
    quotes,
    quoting,
    reminding,
    rows,
)
from ballast.billing.financing.terms import OfferTerms
from ballast.clock import now
from ballast.db import db, set_organization, transaction
from ballast.ids import new_id
from ballast.models import (
    AgreementEntry,
    Customer,
    FinancingAgreement,
    FinancingOffer,
    Installment,
    LedgerAccount,
    LedgerTransfer,
    Order,
    Organization,
    Payment,
    PaymentMethod,
)
from ballast.models.financing import installments_of
from tests.subscriptions.acts import Desk

IN_FOUR = OfferTerms(installments=3, down_payment_bps=2500, grace_days=10, late_fee_amount=500)
WITH_INTEREST = OfferTerms(installments=6, rate_bps=1200, grace_days=10, late_fee_amount=500)


class Lender(Desk):
    """Somebody at Acme who sells on plans, in a time of their own. `zone`: where the agreements are kept."""

    zone = "America/New_York"

    def offer(self, terms: OfferTerms = IN_FOUR, **fields: Any) -> str:
        """A published offer in dollars."""
        given = {"name": "Pay in 4", "currency": "USD", "minimum_amount": 1, "maximum_amount": 1_000_000, **fields}
        with self.clocked(), transaction() as session:
            made = FinancingOffer(
                id=new_id("offer"),
                organization_id=self.world.acme.id,
                status="published",
                published_at=now(),
                **terms.to_dict(),
                **given,
            )
            session.add(made)
            return made.id

    def agree(
        self, price: int = 64000, terms: OfferTerms = IN_FOUR, currency: str = "USD", card: str = "pm_card_visa"
    ) -> str:
        """An agreement that runs, with a card that its down payment stored (or a payment of a dollar, where there is none); its id."""
        offer_id, customer_id = self.offer(terms, currency=currency), self.customer()
        with self.clocked(), transaction():
            order = self._order(customer_id, price, currency)
            quote = quotes.quote(price, currency, terms, now().date())
            consent = opening.Consent("<p>Agreed</p>", b"%PDF-1.7", "127.0.0.1", "tests", self.zone)
            agreement_id, order_id = opening.draft(order, offer_id, quote, consent).id, order.id
        payment_id = self.pay_with(customer_id, card, quote.due_today or 100, currency, order_id)
        with self.clocked(), transaction():
            order = db.session.get_one(Order, (self.world.acme.id, order_id), with_for_update=True)
            agreement = rows.locked(self.world.acme.id, agreement_id)
            opening.activate(agreement, payments.locked(self.world.acme.id, payment_id))
        return agreement_id

    def take(self, offer_id: str, customer_id: str, order_id: str | None = None, price: int = 64000) -> str:
        """What a checkout does when its shopper consents, in the caller's transaction: the draft of a new order, or of that one."""
        organization = db.session.get_one(Organization, self.world.acme.id)
        customer = db.session.get_one(Customer, (organization.id, customer_id))
        order = db.session.get_one(Order, (organization.id, order_id)) if order_id else None
        order = order or self._order(customer_id, price, "USD")
        quote = quoting.quote_for(organization, offer_id, price, "USD")
        offer = quoting.find(organization.id, offer_id)
        exposure.reserve(offer, customer, quote.total_of_payments, order.id)
        consent = opening.Consent("<p>Agreed</p>", b"%PDF-1.7", "127.0.0.1", "tests", organization.timezone)
        opening.draft(order, offer_id, quote, consent)
        return order.id

    def pay_with(self, customer_id: str, card: str, amount: int, currency: str, order_id: str | None = None) -> str:
        """A payment that stores its card; answers its id."""
        with self.clocked():
            with transaction() as session:
                wanted = new_payments.NewPayment(
                    amount=amount,
                    currency=currency,
                    customer_id=customer_id,
                    payment_method=card,
                    order_id=order_id,
                    save_card=True,
                )
                payment = new_payments.create(self.world.acme.id, wanted)
                session.flush()
                payment_id, begun = payment.id, payments.begin(payment)
            payments.run(begun)
        self.world.drain()
        return payment_id

    def _order(self, customer_id: str, price: int, currency: str) -> Order:
        order = Order(
            id=new_id("ord"),
            organization_id=self.world.acme.id,
            customer_id=customer_id,
            amount=price,
            currency=currency,
            email="ada@example.com",
            name="Ada Lovelace",
        )
        db.session.add(order)
        db.session.flush()
        return order

    # --- Collecting -----------------------------------------------------------------------------------------------------------

    def work(self) -> int:
        """What the worker would do about plans now, until nothing is due; answers how much that was."""
        with self.world.worker_app.app_context(), clock.at(self.at):
            set_organization(None)
            jobs = (charging.charge_due, lateness.look_due, accrual.accrue_due, reminding.remind_due)
            total = 0
            while done := sum(job() for job in jobs):
                total += done
            return total

    def live(self, moment: datetime) -> None:
        """Let time pass to `moment`; what falls due on the way is done at its own instant."""
        while (due := self._next_of_plans()) and due <= moment:
            self.at = max(due, self.at)
            assert self.work(), f"something was due at {due} and nothing happened"
        self.at = moment
        self.work()

    def live_until(self, agreement_id: str, number: int, days: int = 0) -> None:
        """Let time pass to so many days (and an hour) after an installment is due."""
        one = self.installments(agreement_id)[number - 1]
        self.live(one.due_at + timedelta(days=days, hours=1))

    def _next_of_plans(self) -> datetime | None:
        with self.clocked():
            return charging.next_due(self.world.acme.id)

    def pay(self, agreement_id: str, what: int | list[str], card: str = "pm_card_visa", **how: Any) -> Payment:
        """Its customer pays on the page; answers the payment as it is then."""
        with self.clocked():
            source = payments.Source(card, save_card=how.pop("save_card", False))
            payment_id = paying.pay(self.world.acme.id, agreement_id, what, source, **how)
        return next(one for one in self.all(Payment) if one.id == payment_id)

    def break_card(self, token: str = "pm_card_chargeCustomerFail") -> None:
        """From now on the newest stored card is one that is declined."""
        card_id = self.card().id
        with self.clocked(), transaction() as session:
            session.execute(update(PaymentMethod).where(PaymentMethod.id == card_id).values(external_id=token))

    def check(self, agreement_id: str) -> None:
        """What must be true at every moment: entries and installments say the same is owed of a plan, the ledger of all together; what
        of their interest is not earned yet, what was, and what is not expected any more."""
        with self.clocked():
            wanted = select(AgreementEntry).where(AgreementEntry.agreement_id == agreement_id)
            entries = sum(one.principal + one.interest + one.late_fee for one in db.session.scalars(wanted))
            lines = list(db.session.scalars(select(Installment)))
            running = db.session.scalars(select(FinancingAgreement).where(FinancingAgreement.activated_at.is_not(None)))
            plans = [(plan, [one for one in lines if one.agreement_id == plan.id]) for plan in running]
            left = {plan.id: balances.of(schedule).total for plan, schedule in plans}
            earned = sum(plan.interest_earned for plan, _ in plans)
            waiting = [(plan, schedule) for plan, schedule in plans if not plan.charged_off_at]
            unearned = sum(earning.net_interest(schedule) - plan.interest_earned for plan, schedule in waiting)
            given_up = sum(left[plan.id] for plan, _ in plans if plan.charged_off_at)
        assert entries == left[agreement_id]
        assert self.account("financing_receivable") == sum(left.values())
        assert self.account("unearned_interest") == -unearned
        assert self.account("interest_income") == -earned
        assert self.account("charge_off_allowance") == -given_up

    def agreement(self, agreement_id: str) -> FinancingAgreement:
        with self.clocked():
            found = rows.find(self.world.acme.id, agreement_id)
            db.session.expunge(found)
            return found

    def installments(self, agreement_id: str) -> list[Installment]:
        with self.clocked():
            found = list(db.session.scalars(installments_of(self.world.acme.id, agreement_id)))
            db.session.expunge_all()
            return found

    def balance(self, agreement_id: str) -> int:
        """What its installments still come to."""
        return balances.of(self.installments(agreement_id)).total

    def account(self, code: str, currency: str = "USD") -> int:
        """What an account of the ledger holds: debits less credits, minor units."""
        with self.clocked():
            account = select(LedgerAccount.id).where(LedgerAccount.code == code, LedgerAccount.currency == currency)
            debited = LedgerTransfer.debit_account_id == account.scalar_subquery()
            credited = LedgerTransfer.credit_account_id == account.scalar_subquery()
            signed = LedgerTransfer.amount * case((debited, 1), else_=-1)
            return int(db.session.scalar(select(func.sum(signed)).where(or_(debited, credited))) or 0)
