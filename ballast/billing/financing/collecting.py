"""Charging an installment that is due, off-session: one payment each, one open attempt at a time.

Installments of one agreement that are due together are charged one after the other, each by a payment of its own: a receipt, a
decline, a refund and a dispute are then about one of them, and a card that has money for one pays one.

If the process dies …
  before the commit that begins an attempt: the installment is still due, and the next sweep takes it.
  after it: the attempt is the resolver's; what it finds is recorded as any outcome is, and sets what comes next (`settling`).
A second sweep finds it not due any more: `next_attempt_at` is cleared in the commit that begins the attempt. Two at once meet at the
agreement's row lock; past that, at the unique indexes on open attempts and on open claims.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select

from ballast.billing import budgets, payments, retries
from ballast.billing.financing import claims, holding, letters, rows, settling, standing
from ballast.billing.financing.settling import Claimed
from ballast.billing.subscriptions import mandates
from ballast.billing.subscriptions.rows import card_of_row
from ballast.clock import now
from ballast.db import transaction
from ballast.models import FinancingAgreement, Installment, PaymentMethod
from ballast.models.states import COLLECTED


@dataclass(frozen=True)
class Ready:
    """An installment whose card may be charged."""

    plan: Claimed
    installment: Installment
    card: PaymentMethod


def collect(organization_id: str, installment_id: str) -> bool:
    """Charge an installment that is due, if it still is and its card may be tried. Answers whether a processor was asked."""
    begun = begin(organization_id, installment_id)
    if begun is None:
        return False
    payments.run(begun)
    return True


def begin(organization_id: str, installment_id: str) -> payments.Begun | None:
    """Commit to charging it, if it still is due and its card may be tried."""
    with transaction():
        found = ready(organization_id, installment_id)
        return _begin(found) if found else None


def ready(organization_id: str, installment_id: str) -> Ready | None:
    """The installment with its card, or nothing and what comes next noted on it. In the caller's transaction."""
    plan = settling.lock(organization_id, [installment_id])
    agreement, (one,) = plan.agreement, plan.chosen
    if one.next_attempt_at is None or one.next_attempt_at > now():
        return None
    if not _is_collected(agreement, one):
        one.next_attempt_at = None
        return None
    if holding.stops(agreement, plan.installments):
        if agreement.held_at is not None:  # The hold is not over yet; its end sets the date anew.
            one.next_attempt_at = now() + holding.WAIT
        return None
    if standing.claimed(organization_id, [one.id]):
        one.next_attempt_at = now() + holding.WAIT
        return None
    card = card_of_row(agreement, rows.customer_of(agreement))
    if card is not None and may_try(agreement, one, card) and not retries.is_spent(one):
        return Ready(plan, one, card) if _is_announced(agreement, one) else None
    _look_again(plan, one, card)
    return None


def _is_collected(agreement: FinancingAgreement, one: Installment) -> bool:
    """A debt that a lost dispute brought back only its customer may pay; after a default nothing is charged by itself."""
    return agreement.status in COLLECTED and one.kind == "scheduled" and one.left > 0


def _is_announced(agreement: FinancingAgreement, one: Installment) -> bool:
    """Whether the card may be debited now; an Indian one is announced first, a day ahead."""
    debit_at = mandates.may_debit_at(agreement.organization_id, agreement.currency, letters.notice_key(one))
    if debit_at <= now():
        return True
    letters.upcoming(agreement, one, debit_at)
    one.next_attempt_at = debit_at
    return False


def _look_again(plan: Claimed, one: Installment, card: PaymentMethod | None) -> None:
    """The card may not be tried, or there is none: ask for another one, or wait for the network; `lateness` does the rest."""
    needs_holder = card is not None and _needs_holder(plan.agreement, one, card)
    one.next_attempt_at = None
    if retries.is_spent(one):
        return
    if card is not None and not budgets.is_blocked(card) and not needs_holder:
        one.next_attempt_at = budgets.free_at(card, one.left)
    elif one.first_failed_at is None:
        settling.failing(plan.agreement, one, "authentication" if needs_holder else "hard", None)
        standing.refresh(plan.agreement, plan.installments)


def may_try(agreement: FinancingAgreement, one: Installment, card: PaymentMethod) -> bool:
    """Whether the card may be charged for the installment without its holder, now."""
    return budgets.free_at(card, one.left) is None and not _needs_holder(agreement, one, card)


def _needs_holder(agreement: FinancingAgreement, one: Installment, card: PaymentMethod) -> bool:
    return mandates.needs_holder(agreement.currency, rows.customer_of(agreement).email, one.left, card)


def _begin(due: Ready) -> payments.Begun:
    agreement, one = due.plan.agreement, due.installment
    payment = claims.payment_for(agreement, [(one, one.left)], rows.describe(agreement, [one]), due.card.id)
    one.next_attempt_at = None
    one.keeps_card = False
    payment.off_session = True
    begun = payments.begin(payment, payments.Source(due.card.id, series="installment"))
    standing.refresh(agreement, due.plan.installments)
    return begun


def use_card(organization_id: str, agreement_id: str, card_id: str) -> int:
    """Charge this stored card from now on, and what was declined at once; answers how many installments that are. In the caller's
    transaction; wake `queue.CHARGE_FINANCING` or call `charge_owed` after it.

    Raises NotFound, InvalidRequest(`payment_method_unknown`), Conflict(`payment_method_blocked`).
    """
    agreement = rows.locked(organization_id, agreement_id)
    installments = rows.locked_installments(agreement)
    settling.set_card(agreement, budgets.usable_card(organization_id, agreement.customer_id, card_id).id)
    return settling.retry_now(agreement, installments)


def charge_owed(organization_id: str, agreement_id: str) -> None:
    """Charge what an agreement owes and is due, now, while its customer looks on."""
    with transaction() as session:
        owed = list(session.scalars(_due_of(organization_id, agreement_id)))
    for installment_id in owed:
        collect(organization_id, installment_id)


def _due_of(organization_id: str, agreement_id: str) -> Select[str]:
    wanted = select(Installment.id).where(
        Installment.organization_id == organization_id,
        Installment.agreement_id == agreement_id,
        Installment.next_attempt_at <= now(),
    )
    return wanted.order_by(Installment.number)
