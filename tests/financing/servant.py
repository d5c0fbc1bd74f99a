"""Somebody at Acme who looks after running agreements: every act is previewed and done as previewed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import Any

from ballast import audit
from ballast.billing import disputes, refund_outcomes
from ballast.billing.financing import entries, opening, postings, quotes, rows, standing
from ballast.billing.financing.entries import Fact, Parts
from ballast.billing.financing.servicing import acting, amendments
from ballast.billing.financing.servicing.acting import Done
from ballast.billing.financing.servicing.charging import Means
from ballast.billing.financing.servicing.previews import Preview
from ballast.billing.financing.terms import OfferTerms, hash_of
from ballast.clock import now
from ballast.db import db, transaction
from ballast.models import (
    AgreementAmendment,
    FinancingAgreement,
    Installment,
    Payment,
    PaymentMethod,
    Refund,
)
from ballast.models.financing import amendments_of, entries_of
from ballast.models.payments import approved_attempt_of
from ballast.processors import base
from tests.financing.acts import IN_FOUR, WITH_INTEREST, Lender

STAFF = audit.Actor("user", "usr_01kbe8wv6pe2r9f3x7m5d0t1ac")
CUSTOMER = audit.Actor("customer", "cus_01kbe8wv6pe2r9f3x7m5d0t1ac")


class Servant(Lender):
    """Staff, unless `customer()` is around it."""

    who = STAFF
    _offer: str | None = None
    _card: PaymentMethod

    @contextmanager
    def as_customer(self) -> Iterator[None]:
        self.who = CUSTOMER
        yield
        self.who = STAFF

    def see(self, agreement_id: str, decide: Any, *args: Any) -> Preview:
        with self.clocked(), audit.acting(self.who):
            return acting.preview(self.world.acme.id, agreement_id, partial(_decide, decide, args))

    def do(self, agreement_id: str, decide: Any, *args: Any, seen: Preview | None = None, **options: Any) -> Done:
        """Preview it and do it; `seen`: an earlier preview to bring. Checks that what was shown is what is."""
        seen = seen or self.see(agreement_id, decide, *args)
        done = self.begin(agreement_id, decide, *args, seen=seen, **options)
        with self.clocked(), audit.acting(self.who):
            acting.finish(done)
        self.check(agreement_id)
        return done

    def begin(self, agreement_id: str, decide: Any, *args: Any, seen: Preview, **options: Any) -> Done:
        """Commit to it, and do not finish."""
        means = Means(options.pop("payment_method", None))
        with self.clocked(), audit.acting(self.who), transaction():
            signed = amendments.signed(seen.hash, **options)
            return acting.act(self.world.acme.id, agreement_id, partial(_decide, decide, args), signed, means)

    # --- What else happens to a plan ------------------------------------------------------------------------------------------

    def late_fee(self, agreement_id: str, number: int = 1, amount: int = 500) -> None:
        """The nightly run charges a late fee, as its own tests show."""
        with self.clocked(), transaction():
            agreement = rows.locked(self.world.acme.id, agreement_id)
            installments = rows.locked_installments(agreement)
            one = installments[number - 1]
            one.late_fee_at = now()
            parts = Parts(late_fee=amount)
            entries.entry(agreement, one, Fact("late_fee", one.id, rows.today(agreement)), parts)
            postings.changed(agreement, "late_fee", one.id, parts)
            standing.refresh(agreement, installments)

    def lateness(self, agreement_id: str) -> None:
        """The nightly run looks what day it is."""
        with self.clocked(), transaction():
            agreement = rows.locked(self.world.acme.id, agreement_id)
            standing.refresh(agreement, rows.locked_installments(agreement))

    def dispute(self, payment_id: str, status: base.DisputeStatus, external_id: str = "du_1") -> None:
        """The processor says how a dispute of the whole payment stands."""
        with self.clocked():
            payment = db.session.get_one(Payment, (self.world.acme.id, payment_id))
            attempt = db.session.scalars(approved_attempt_of(self.world.acme.id, payment_id)).one()
            told = base.Dispute(
                external_id=external_id,
                status=status,
                amount=payment.amount_captured,
                currency=payment.currency,
                reason="fraudulent",
                charge_external_id=attempt.external_id,
                due_at=None,
                created_at=self.at,
            )
            _account, seen = disputes._before(self.world.acme.id, attempt.processor_account_id, external_id)
            assert disputes.record(self.world.acme.id, attempt.processor_account_id, told, seen) == "applied"

    def refund_fails(self, refund: Refund) -> None:
        """The bank sends it back."""
        with self.clocked():
            refund_outcomes.record(
                self.world.acme.id, refund.id, base.RefundOutcome("failed", refund.external_id, "closed card")
            )

    def finish(self, done: Done) -> None:
        """Take to the processor what was begun."""
        with self.clocked(), audit.acting(self.who):
            acting.finish(done)

    def run_plan(self, terms: OfferTerms, price: int = 60000) -> str:
        """An agreement that runs with the newest stored card, which a first one stored; its id."""
        if self._offer is None:
            self.agree(64000, IN_FOUR)
            self._offer, self._card = self.offer(terms), self.card()
        with self.clocked(), transaction():
            order = self._order(str(self._card.customer_id), price, "USD")
            made = quotes.quote(price, "USD", terms, now().date())
            consent = opening.Consent("<p>Agreed</p>", b"%PDF-1.7", None, "tests", "America/New_York")
            agreement = opening.draft(order, self._offer, made, consent)
            opening.activate(agreement, None, self._card.id)
            return agreement.id

    def agree_many(self, count: int, offer_id: str, customer_id: str) -> list[tuple[str, ...]]:
        """So many agreements over $600 that run; answers what `agree_state` does."""
        with self.clocked(), transaction():
            for _ in range(count):
                order = self._order(customer_id, 60000, "USD")
                made = quotes.quote(60000, "USD", WITH_INTEREST, now().date())
                consent = opening.Consent("<p>Agreed</p>", b"%PDF-1.7", None, "tests", "America/New_York")
                opening.activate(opening.draft(order, offer_id, made, consent), None)
        return self.agree_state()

    def agree_state(self) -> list[tuple[str, ...]]:
        """Of every agreement: its id, the hash of its terms as they are kept, and its schedule."""
        found = sorted(self.all(FinancingAgreement), key=lambda one: one.id)
        left = {one.id: str((one.due_on, one.left)) for one in self.all(Installment)}
        whose = {one.id: one.agreement_id for one in self.all(Installment)}
        return [
            (one.id, hash_of(one.terms), *sorted(left[inst] for inst, of in whose.items() if of == one.id))
            for one in found
        ]

    # --- What came of it ------------------------------------------------------------------------------------------------------

    def amendments(self, agreement_id: str) -> list[AgreementAmendment]:
        with self.clocked():
            found = list(db.session.scalars(amendments_of(self.world.acme.id, agreement_id)))
            db.session.expunge_all()
            return found

    def payments_of(self, agreement_id: str) -> list[str]:
        """Payments that installments were paid with, newest last."""
        with self.clocked():
            written = db.session.scalars(entries_of(self.world.acme.id, agreement_id))
            return list(dict.fromkeys(one.payment_id for one in written if one.payment_id))

    def charges_of(self, agreement_id: str) -> list[int]:
        """What cards were charged for the plan after it had begun, minor units."""
        paid = [one for one in self.all(Payment) if one.metadata_.get("agreement") == agreement_id]
        return [one.amount_captured for one in sorted(paid, key=lambda one: one.id) if one.amount_captured]

    def figures(self, agreement_id: str) -> list[tuple[Any, ...]]:
        """The schedule, to compare."""
        return [(one.due_on, one.left, one.status, one.next_attempt_at) for one in self.installments(agreement_id)]


def _decide(decide: Any, args: tuple[Any, ...], plan: Any) -> Any:
    return decide(plan, *args)


def day(month: int, of_month: int, year: int = 2026) -> date:
    return date(year, month, of_month)
