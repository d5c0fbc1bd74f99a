"""What a plan comes to when it is not paid: late, a late fee, far behind, default, charge-off. A sweep over what is to be looked at.

Each agreement is one transaction of its own: if the process dies before its commit nothing of it happened and the look is still due;
after it the look is done, and the next one is set. A look does whatever its day asks for, however late it comes, and what it did once
(a fee, a default) it finds done. Mails are written at the end, from the state the look leaves: at most one, the gravest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from ballast import queue
from ballast.billing import minimums
from ballast.billing.financing import (
    amendments,
    balances,
    earning,
    entries,
    holding,
    letters,
    postings,
    rows,
    settling,
    standing,
)
from ballast.billing.financing.entries import Fact, Parts
from ballast.billing.financing.terms import OfferTerms
from ballast.billing.minimums import to_step
from ballast.billing.subscriptions.charging import due_rows, work
from ballast.clock import now
from ballast.db import transaction
from ballast.models import FinancingAgreement, Installment
from ballast.models.states import COLLECTED
from ballast.notifications.drain import drain

THREADS: Final = 4


@dataclass(frozen=True)
class Look:
    """An agreement and its installments, locked, on a day. `busy`: the installments a payment is under way for."""

    agreement: FinancingAgreement
    installments: Sequence[Installment]
    terms: OfferTerms
    today: date
    busy: frozenset[str]

    @property
    def days(self) -> int:
        """How many days it is behind."""
        return balances.days_past_due(balances.past_due_since(self.installments, self.today), self.today)


def look_due(organization_id: str | None = None) -> int:
    """Look at every agreement whose day has come. The job behind `queue.FINANCING_LATENESS`; answers how many were looked at.

    `organization_id`: of that organization alone, which may have a clock of its own; the caller has set the clock then.
    """
    queue.forget_mark(queue.FINANCING_LATENESS)
    waiting = due_rows(FinancingAgreement, FinancingAgreement.next_action_at, organization_id)
    return drain("financing_lateness", lambda: work(waiting, look, THREADS), job=queue.FINANCING_LATENESS)


def look(organization_id: str, agreement_id: str) -> None:
    """Do what the day asks for, if it still does."""
    with transaction():
        agreement = rows.locked(organization_id, agreement_id)
        if agreement.next_action_at is not None and agreement.next_action_at <= now():
            act(agreement)


def act(agreement: FinancingAgreement) -> None:
    """One look. In the caller's transaction, with the agreement locked."""
    installments = rows.locked_installments(agreement)
    agreement.next_action_at = None
    if agreement.status == "charged_off":
        standing.refresh(agreement, installments)
    if agreement.status not in (*COLLECTED, "defaulted") or holding.stops(agreement, installments):
        return
    busy = standing.claimed(agreement.organization_id, [one.id for one in installments])
    terms = OfferTerms.from_dict(agreement.terms["offer"])
    found = Look(agreement, installments, terms, rows.today(agreement), frozenset(busy))
    standing.refresh(agreement, installments)
    fined = _charge_late_fees(found)
    waits = _go_further(found)
    standing.refresh(agreement, installments)
    if waits or _waits_for_fee(found):
        agreement.next_action_at = now() + holding.WAIT
    _tell(found, fined)


# --- Late fees ---------------------------------------------------------------------------------------------------------------


def _charge_late_fees(found: Look) -> list[Installment]:
    """Once for each installment that was not paid by the end of its grace; not while a payment is under way, in a pause or after a
    default. Answers those it was charged for."""
    if found.agreement.status not in COLLECTED or _is_paused(found):
        return []
    ripe = [one for one in _ripe(found) if one.id not in found.busy]
    return [one for one in ripe if _charge_late_fee(found, one)]


def _ripe(found: Look) -> list[Installment]:
    grace = timedelta(days=found.terms.grace_days)
    unpaid = balances.unpaid(found.installments)
    late = (one for one in unpaid if one.kind == "scheduled" and one.due_on + grace < found.today)
    return [one for one in late if one.late_fee_at is None]


def _waits_for_fee(found: Look) -> bool:
    collected = found.agreement.status in COLLECTED and not _is_paused(found)
    return collected and any(one.id in found.busy for one in _ripe(found))


def _is_paused(found: Look) -> bool:
    return found.agreement.paused_until is not None and found.today <= found.agreement.paused_until


def _charge_late_fee(found: Look, one: Installment) -> int:
    one.late_fee_at = now()
    agreement = found.agreement
    fee = found.terms.late_fee(one.principal_left + one.interest_left)
    fee = to_step(fee, minimums.grain(agreement.currency))
    if fee:
        entries.entry(agreement, one, Fact("late_fee", one.id, found.today), Parts(late_fee=fee))
        postings.changed(agreement, "late_fee", one.id, Parts(late_fee=fee))
        rows.tell(one, "financing.installment.late_fee_charged")
    return fee


# --- Default, charge-off -----------------------------------------------------------------------------------------------------


def _go_further(found: Look) -> bool:
    """Default and charge-off, when their day has come. Answers whether a payment that is under way is waited for first."""
    agreement = found.agreement
    to_default = agreement.status in COLLECTED and found.days >= found.terms.default_after_days
    to_charge_off = found.days >= standing.charge_off_days(agreement) and agreement.status != "late"
    if not (to_default or to_charge_off):
        return False
    if found.busy:
        return True
    if to_charge_off:
        charge_off(agreement, found.installments)
    else:
        _default(found)
    return False


def _default(found: Look) -> None:
    """Automatic charges stop; where the terms say so everything is due at once, and no more interest is earned."""
    agreement = found.agreement
    agreement.defaulted_at = now()
    for one in found.installments:
        if one.left and one.first_failed_at is not None:
            settling.count_dunning("lost")
    stop_charges(found.installments)
    days = found.days
    if found.terms.accelerates:
        _accelerate(found)
    standing.refresh(agreement, found.installments)
    rows.set_status(agreement, "defaulted", days_past_due=days)


def _accelerate(found: Look) -> None:
    coming = [one for one in balances.unpaid(found.installments) if one.due_on > found.today]
    if not coming:
        return
    earning.stop(found.agreement, found.installments, found.today)
    before = amendments.dates(coming)
    for one in coming:
        one.due_on = found.today
        one.due_at = rows.begins(found.agreement, found.today)
    amendments.add(found.agreement, "accelerated", before, amendments.dates(coming), "default")


def charge_off(agreement: FinancingAgreement, installments: Sequence[Installment], reason: str = "policy") -> None:
    """Expect it no more: it is owed all the same, and what comes in is a recovery. With the rows locked and nothing under way.

    Raises Conflict(`state_conflict`) for an agreement that is not delinquent or in default.
    """
    owed = balances.of(installments)
    unearned = earning.give_up(agreement, installments, rows.today(agreement), owed.interest)
    agreement.charged_off_at = now()
    stop_charges(installments)
    postings.charged_off(agreement, owed.total, unearned)
    rows.set_status(agreement, "charged_off", amount=owed.total, reason=reason)
    letters.charged_off(agreement, owed.total)


def stop_charges(installments: Sequence[Installment]) -> None:
    """Nothing is charged by itself any more."""
    for one in installments:
        one.next_attempt_at = None


# --- Mails -------------------------------------------------------------------------------------------------------------------


def _tell(found: Look, fined: Sequence[Installment]) -> None:
    """The gravest of what is so now. Each is written once, by its key, so a look that comes again says nothing twice."""
    agreement, status = found.agreement, found.agreement.status
    behind = [one for one in balances.unpaid(found.installments) if one.due_on < found.today]
    waiting = [one for one in behind if one.id not in found.busy]
    if status == "defaulted":
        letters.defaulted(agreement, found.installments)
    elif status == "delinquent" and waiting:
        letters.late(agreement, waiting[0], "delinquent")
    elif fined:
        letters.late(agreement, fined[0], "fee")
    elif status == "late" and waiting and waiting[-1].late_fee_at is None:
        letters.late(agreement, waiting[-1], "late")
