"""Paying everything at once: what it comes to on a day, with the interest that is not earned given back, where the terms say so.

Any money that covers what is left, less that rebate, is a payoff, whoever asked for it and however it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from ballast.billing.financing import balances, earning, entries, postings
from ballast.billing.financing.entries import Fact, Parts
from ballast.billing.financing.terms import OfferTerms
from ballast.models import FinancingAgreement, Installment


@dataclass(frozen=True)
class Payoff:
    """Minor units: what is left of all installments, and what of it is given back to whoever pays it all on that day."""

    left: int
    rebate: int

    @property
    def amount(self) -> int:
        """What settles the plan; below nothing where more was paid early than is owed by now."""
        return self.left - self.rebate


def quote(agreement: FinancingAgreement, installments: Sequence[Installment], on: date) -> Payoff:
    """What settles the plan on that day. After a charge-off nothing is given back: its interest has left the books."""
    left = balances.of(installments).total
    gives = OfferTerms.from_dict(agreement.terms["offer"]).prepayment == "rebate" and agreement.charged_off_at is None
    return Payoff(left, earning.unearned(agreement, installments, on) if gives and left else 0)


def rebate(agreement: FinancingAgreement, installments: Sequence[Installment], amount: int, fact: Fact) -> int:
    """Give back what is not earned, if `amount` (minor units) received settles the plan on the fact's day; else nothing.

    Answers how much there is to allocate: the amount, and interest that was paid too early, which pays principal now. In the caller's
    transaction, with the rows locked and before the money is allocated.
    """
    found = quote(agreement, installments, fact.on)
    if not found.rebate or amount < found.amount:
        return amount
    given = replace(fact, kind="interest_rebated")
    rest = _waive_unpaid(agreement, installments, found.rebate, given)
    _return_paid(agreement, installments, rest, fact)
    postings.changed(agreement, "interest_rebated", fact.source, Parts(interest=-found.rebate))
    return amount + rest


def _waive_unpaid(agreement: FinancingAgreement, installments: Sequence[Installment], amount: int, fact: Fact) -> int:
    """Rebate interest nobody has paid, the last due first; answers what more there is to give."""
    for one in reversed(balances.unpaid(installments)):
        part = min(amount, one.interest_left)
        entries.entry(agreement, one, fact, Parts(interest=-part))
        amount -= part
    return amount


def _return_paid(agreement: FinancingAgreement, installments: Sequence[Installment], amount: int, fact: Fact) -> None:
    """Rebate interest that was paid before it was earned: its payment is taken back from it, and pays something else."""
    for one in sorted(installments, key=lambda one: (one.due_on, one.number), reverse=True):
        part = min(amount, one.interest_paid)
        entries.entry(agreement, one, replace(fact, kind="payment_reversed"), Parts(interest=part))
        entries.entry(agreement, one, replace(fact, kind="interest_rebated"), Parts(interest=-part))
        amount -= part
