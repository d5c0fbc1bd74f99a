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

    Interest nobody has paid goes first; then what was paid before it was earned, which is taken back from it. Answers how much there
    is to allocate: the amount, and what was taken back. In the caller's transaction, with the rows locked.
    """
    found = quote(agreement, installments, fact.on)
    if not found.rebate or amount < found.amount:
        return amount
    unpaid = _take(balances.unpaid(installments), found.rebate, "interest_left")
    paid_ahead = _take(installments, found.rebate - sum(unpaid.values()), "interest_paid")
    for one in installments:
        ahead, part = paid_ahead.get(one.number, 0), unpaid.get(one.number, 0)
        entries.entry(agreement, one, replace(fact, kind="payment_reversed"), Parts(interest=ahead))
        entries.entry(agreement, one, replace(fact, kind="interest_rebated"), Parts(interest=-part - ahead))
    postings.changed(agreement, "interest_rebated", fact.source, Parts(interest=-found.rebate))
    return amount + sum(paid_ahead.values())


def _take(installments: Sequence[Installment], amount: int, column: str) -> dict[int, int]:
    """Number → how much of an amount (minor units) comes off what stands in a column, the last due first."""
    taken = {}
    for one in sorted(installments, key=lambda one: (one.due_on, one.number), reverse=True):
        taken[one.number] = min(amount, getattr(one, column))
        amount -= taken[one.number]
    return taken
