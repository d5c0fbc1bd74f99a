"""What a payment means for the installments it claims: it arrived, it was declined, it never went out.

Called where an attempt's outcome is recorded, in that transaction, with agreement, installments and payment locked in this order: if
the process dies before its commit nothing of it happened, and the resolver records the same outcome again; after it, all of it did. So
no mail and no event can contradict another: all are written from the state this one commit leaves behind.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select

from ballast import audit, metrics
from ballast.billing import cards, retries
from ballast.billing.financing import crediting, entries, letters, payoffs, postings, rows, standing
from ballast.billing.financing.entries import Fact
from ballast.billing.financing.servicing import arriving
from ballast.clock import now
from ballast.db import after_commit, db, once
from ballast.models import Attempt, Claim, FinancingAgreement, Installment, Payment
from ballast.models.states import COLLECTED

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claimed:
    """An agreement, all its installments in order, and those of them that a payment is, or was, for."""

    agreement: FinancingAgreement
    installments: list[Installment]
    chosen: list[Installment]


def lock(organization_id: str, installment_ids: Sequence[str]) -> Claimed:
    """The agreement these installments (one at least) are of, locked, and all its installments: before anything of a payment."""
    wanted = select(Installment.agreement_id).where(
        Installment.organization_id == organization_id, Installment.id == installment_ids[0]
    )
    agreement = rows.locked(organization_id, db.session.scalars(wanted).one())
    installments = rows.locked_installments(agreement)
    return Claimed(agreement, installments, [one for one in installments if one.id in installment_ids])


def know(payment_id: str, installment_ids: Sequence[str]) -> None:
    """Which installments a payment claims was read already in this transaction."""
    once(("installments of", payment_id), lambda: list(installment_ids))


def of_payment(payment: Payment) -> Claimed | None:
    """What a payment claims, or claimed; None where that are no installments. It is locked already (see `attempt_locks.lock`)."""
    ids: list[str] = once(("installments of", payment.id), lambda: _claimed(payment))
    return lock(payment.organization_id, ids) if ids else None


def _claimed(payment: Payment) -> list[str]:
    claimed = select(Claim.obligation_id).where(
        Claim.organization_id == payment.organization_id,
        Claim.payment_id == payment.id,
        Claim.obligation == "installment",
    )
    return list(db.session.scalars(claimed))


# --- It arrived --------------------------------------------------------------------------------------------------------------


def paid(plan: Claimed, payment: Payment, attempt: Attempt, captured: int) -> None:
    """A processor took `captured` minor units for what the payment claims."""
    _take_card(plan, payment)
    if not arriving.arrived(plan.agreement, plan.installments, payment):
        _apply(plan, payment, attempt, captured)


def paid_late(plan: Claimed, payment: Payment, attempt: Attempt, captured: int) -> None:
    """Money (minor units) for an attempt that we had been told was over: it pays what it was for, unless something else is under way
    for that; then it is the customer's credit. Whoever calls this has alarmed."""
    postings.received_late(plan.agreement, attempt.id, captured, payment.id)
    ids = [one.id for one in plan.chosen]
    is_free = not standing.claimed(plan.agreement.organization_id, ids)
    _apply(plan if is_free else Claimed(plan.agreement, plan.installments, []), payment, attempt, captured)


def _apply(plan: Claimed, payment: Payment, attempt: Attempt, amount: int) -> None:
    on = rows.day_of(plan.agreement, attempt.created_at)
    fact = Fact("payment", attempt.id, on, payment.id)
    rest = receive(plan.agreement, plan.installments, plan.chosen, amount, fact)
    crediting.give(plan.agreement, attempt.id, rest)


def receive(
    agreement: FinancingAgreement,
    installments: Sequence[Installment],
    chosen: Sequence[Installment],
    amount: int,
    fact: Fact,
) -> int:
    """Allocate money received (minor units), already posted against the receivable, to the chosen ones; a payoff is given its rebate.

    Brings every status up to date, tells, and answers what is left over, which nobody owed. In the caller's transaction, with the rows
    locked.
    """
    owed = {one.id: one.left for one in chosen}
    before, was = sum(owed.values()), agreement.status
    payable = payoffs.rebate(agreement, installments, amount, fact) if before else amount
    rest = entries.receive(agreement, chosen, payable, fact)
    if agreement.charged_off_at is not None:
        postings.recovered(agreement, fact.source, amount - rest, fact.payment_id)
    standing.refresh(agreement, installments)
    for one in chosen:
        if not one.left and owed[one.id] and one.first_failed_at is not None:
            count_dunning("recovered")
        if one.left != owed[one.id]:
            rows.tell(one, "financing.installment.partially_paid" if one.left else "financing.installment.paid")
    if agreement.status == "paid_off" != was:
        letters.paid_off(agreement)
    return rest


def count_dunning(result: str) -> None:
    """An installment `failed` for the first time just now, was paid after all (`recovered`), or is in default (`lost`)."""
    after_commit(partial(metrics.count, "ballast_dunning_total", what="installment", result=result))


def _take_card(plan: Claimed, payment: Payment) -> None:
    """Charged from then on, if its holder said so: the customer's default too, and what else failed is charged to it."""
    keeps = any(one.keeps_card for one in plan.chosen)
    card = cards.of_payment(payment) if keeps else None
    for one in plan.chosen:
        one.keeps_card = False
    if card is None or card.status not in ("active", "pending") or card.id == plan.agreement.payment_method_id:
        return
    set_card(plan.agreement, card.id)
    if card.status == "active":
        rows.customer_of(plan.agreement).default_payment_method_id = card.id
        retry_now(plan.agreement, [one for one in plan.installments if one not in plan.chosen])


def set_card(agreement: FinancingAgreement, card_id: str) -> None:
    """Installments are charged to this card from now on."""
    before, agreement.payment_method_id = agreement.payment_method_id, card_id
    if before != card_id:
        changes = {"payment_method": {"before": before, "after": card_id}}
        rows.note(agreement, "financing_agreement.card_changed", changes)


def retry_now(agreement: FinancingAgreement, installments: Sequence[Installment]) -> int:
    """Have what was declined charged at once: a new card is there. Answers how many installments that are; none after a default."""
    if agreement.status not in COLLECTED:
        return 0
    failed = [one for one in installments if one.left and one.first_failed_at is not None and one.kind == "scheduled"]
    for one in failed:
        one.next_attempt_at, one.last_failed_at = now(), None
    return len(failed)


# --- It did not arrive -------------------------------------------------------------------------------------------------------


def declined(plan: Claimed, attempt: Attempt) -> None:
    """Decide by the class of the decline what happens next: see docs/financing.md, "Collecting"."""
    decline_class = attempt.decline_class or "soft"
    if decline_class == "configuration":
        _blame_us(plan, attempt)
        return
    standing.refresh(plan.agreement, plan.installments)
    for one in plan.chosen:
        failing(plan.agreement, one, decline_class, attempt, by_customer=not attempt.off_session)


def failing(
    agreement: FinancingAgreement,
    installment: Installment,
    decline_class: str,
    attempt: Attempt | None,
    *,
    by_customer: bool = False,
) -> None:
    """Count a failure and set what comes next. A customer's own try moves no date, and they see on their page what came of it."""
    installment.failures += 1
    installment.keeps_card = False
    if not by_customer:
        if installment.first_failed_at is None:
            installment.first_failed_at = now()
            count_dunning("failed")
        installment.last_failed_at = now()
        installment.next_attempt_at = _next_date(installment, decline_class)
    rows.tell(installment, "financing.installment.payment_failed")
    if not by_customer:
        letters.charge_failed(agreement, installment, decline_class, attempt)


def _next_date(installment: Installment, decline_class: str) -> datetime | None:
    """The next day of the schedule for a soft decline; nothing else is tried again without another card."""
    coming = retries.coming_dates(installment)
    return coming[0] if coming and decline_class == "soft" else None


def _blame_us(plan: Claimed, attempt: Attempt) -> None:
    for one in plan.chosen:
        log.error("a charge failed for our configuration: installment %s, %s", one.id, attempt.decline_code)
        changes = {"code": attempt.decline_code, "attempt": attempt.id}
        audit.record(one.organization_id, "installment.misconfigured", "installment", one.id, changes)
        if attempt.off_session:
            one.next_attempt_at = now() + retries.OUR_FAULT_WAITS
    standing.refresh(plan.agreement, plan.installments)


def needs_action(plan: Claimed, attempt: Attempt) -> None:
    """The bank wants its customer: a mail with the link, and no try without them while it is open."""
    if attempt.off_session:
        for one in plan.chosen:
            letters.action_needed(plan.agreement, one, attempt)


def not_tried(plan: Claimed, attempt: Attempt, *, was_asked: bool) -> None:
    """Nothing was charged and nothing will be. What never went out goes again in a minute; a question of the bank that nobody answered
    (`was_asked`) waits for its customer. The processor calls both canceled: what the attempt was tells them apart."""
    standing.refresh(plan.agreement, plan.installments)
    for one in plan.chosen:
        if attempt.off_session and was_asked:
            failing(plan.agreement, one, "authentication", attempt)
        elif attempt.off_session:
            one.next_attempt_at = now() + retries.NOT_SENT_WAITS
