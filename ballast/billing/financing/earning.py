"""Interest earned: what of it has become income, and what a payoff would give back.

Interest is precomputed, so this changes nothing that is owed. `interest_earned` is what the ledger holds as income of an agreement; it
runs behind, by the daily job (`accrual`), and is brought up to date when nothing more is earned: closed, accelerated, charged off.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ballast.billing import minimums
from ballast.billing.financing import postings, quotes
from ballast.billing.financing.schedule import Line
from ballast.clock import now
from ballast.models import FinancingAgreement, Installment


def net_interest(installments: Sequence[Installment]) -> int:
    """All interest of the schedule that is not waived, minor units."""
    return sum(one.interest - one.interest_waived for one in installments)


def earned_by(agreement: FinancingAgreement, installments: Sequence[Installment], on: date) -> int:
    """Interest earned by that day, minor units, by the schedule as it stands; what it was once nothing more is earned."""
    if agreement.accrued_on is None:
        return agreement.interest_earned
    return quotes.earned_interest(_lines(installments), agreement.started_on, on, minimums.grain(agreement.currency))


def _lines(installments: Sequence[Installment]) -> list[Line]:
    by_date = sorted(installments, key=lambda one: (one.due_on, one.number))
    return [Line(one.number, one.due_on, one.principal, one.interest - one.interest_waived, 0) for one in by_date]


def unearned(agreement: FinancingAgreement, installments: Sequence[Installment], on: date) -> int:
    """What of the interest is not earned by that day, minor units."""
    return net_interest(installments) - earned_by(agreement, installments, on)


def recognize(agreement: FinancingAgreement, earned: int, source: str) -> None:
    """`earned` minor units are income from now on; what was so before is not posted again. With the agreement locked."""
    postings.earned(agreement, source, earned - agreement.interest_earned)
    agreement.interest_earned = earned


def stop(agreement: FinancingAgreement, installments: Sequence[Installment], on: date) -> None:
    """Nothing more is earned after that day."""
    if agreement.accrued_on is not None:
        recognize(agreement, earned_by(agreement, installments, on), _source(agreement))
        agreement.accrued_on = None


def give_up(agreement: FinancingAgreement, installments: Sequence[Installment], on: date, interest_owed: int) -> int:
    """Nothing more is earned, and what is owed is not expected any more: answers how much of `interest_owed` (minor units) was never
    income. Interest that was paid before its day is earned now."""
    stop(agreement, installments, on)
    net = net_interest(installments)
    recognize(agreement, max(agreement.interest_earned, net - interest_owed), _source(agreement))
    return net - agreement.interest_earned


def close(agreement: FinancingAgreement, installments: Sequence[Installment]) -> None:
    """Nothing is owed any more: all interest that was not waived is earned. What was charged off has left the books already."""
    if agreement.charged_off_at is None and agreement.activated_at is not None:
        recognize(agreement, net_interest(installments), _source(agreement))
        agreement.accrued_on = None


def _source(agreement: FinancingAgreement) -> str:
    return f"{agreement.id}/{now().isoformat()}/{agreement.interest_earned}"
