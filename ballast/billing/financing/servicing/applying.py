"""Doing what was decided: entries, ledger, dates, statuses, in the transaction that the caller owns and with everything locked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ballast.billing import order_postings, tax_returns
from ballast.billing.financing import balances, crediting, earning, entries, postings, rows, standing
from ballast.billing.financing.entries import PAID, Fact, Parts
from ballast.billing.financing.servicing.consequences import Added, Change, Consequence
from ballast.clock import now
from ballast.db import db
from ballast.models import FinancingAgreement, Installment
from ballast.models.states import COLLECTED


def apply(
    agreement: FinancingAgreement,
    installments: list[Installment],
    wanted: Consequence,
    source: str,
    payment_id: str | None = None,
    refund_ids: Sequence[str] = (),
) -> None:
    """Write the consequence, because of `source`; what goes back to cards because of its refunds. Ends with `standing.refresh`."""
    installments.extend(_add(agreement, one) for one in wanted.added)
    db.session.flush()
    by_number = {one.number: one for one in installments}
    for change in wanted.changes:
        entries.entry(
            agreement, by_number[change.number], _fact(change, wanted, source, payment_id, refund_ids), change.parts
        )
    _post(agreement, wanted, source, payment_id)
    for number, day in wanted.dates:
        set_date(agreement, by_number[number], day)
    _set_fields(agreement, wanted)
    if wanted.card_id:
        _retry(agreement, installments)
    unlearn(agreement, installments, f"{source}/unearned")
    standing.refresh(agreement, installments)


def _fact(change: Change, wanted: Consequence, source: str, payment_id: str | None, refund_ids: Sequence[str]) -> Fact:
    """What goes back to a card is because of its refund, and of the payment that is refunded."""
    if change.back is not None:
        return Fact(change.kind, refund_ids[change.back], wanted.on, wanted.back[change.back].payment_id)
    return Fact(change.kind, source, wanted.on, payment_id if change.kind == "payment" else None)


def _add(agreement: FinancingAgreement, added: Added) -> Installment:
    made = Installment(
        organization_id=agreement.organization_id,
        agreement_id=agreement.id,
        number=added.number,
        due_on=added.due_on,
        due_at=rows.begins(agreement, added.due_on),
        principal=0,
        interest=0,
    )
    db.session.add(made)
    db.session.flush()
    set_date(agreement, made, added.due_on)
    return made


def _post(agreement: FinancingAgreement, wanted: Consequence, source: str, payment_id: str | None) -> None:
    """What a refund takes from a payment and gives back moves nothing here: the refund itself is posted when it succeeds."""
    sums: dict[str, Parts] = {}
    for change in wanted.changes:
        if change.back is None and change.kind not in PAID:
            sums[change.kind] = sums.get(change.kind, Parts()) + change.parts
    for kind, parts in sums.items():
        postings.changed(agreement, kind, source, parts)
        if kind == "principal_credited":
            order_postings.plan_credited(agreement, source, tax_returns.of_credit(agreement, source, -parts.principal))
    if wanted.recorded:
        postings.received_elsewhere(agreement, source, wanted.recorded)
    if wanted.credit:
        crediting.give(agreement, source, wanted.credit)
    if agreement.charged_off_at is not None:
        postings.recovered(agreement, source, wanted.recorded + wanted.charged - wanted.credit, payment_id)


def set_date(agreement: FinancingAgreement, one: Installment, day: date) -> None:
    """It is due on that day, and charged then; what went wrong before counts no more."""
    one.due_on, one.due_at = day, rows.begins(agreement, day)
    one.failures, one.first_failed_at, one.last_failed_at = 0, None, None
    is_collected = one.kind == "scheduled" and (agreement.status in COLLECTED or agreement.status == "defaulted")
    one.next_attempt_at = one.due_at if is_collected else None


def _set_fields(agreement: FinancingAgreement, wanted: Consequence) -> None:
    agreement.date_moves += wanted.counts_as_move
    agreement.paused_until = wanted.paused_until or agreement.paused_until
    agreement.payment_method_id = wanted.card_id or agreement.payment_method_id


def _retry(agreement: FinancingAgreement, installments: Sequence[Installment]) -> None:
    """A new card is there: what is due is charged at once, as if nothing had been tried before."""
    today = rows.today(agreement)
    for one in balances.unpaid(installments):
        if one.kind == "scheduled" and one.due_on <= today and agreement.status in COLLECTED:
            one.next_attempt_at, one.last_failed_at = now(), None


def unlearn(agreement: FinancingAgreement, installments: Sequence[Installment], source: str) -> None:
    """Interest that is owed no more was never earned. (What is still to be earned is the daily job's.)"""
    net = earning.net_interest(installments)
    if agreement.charged_off_at is None and agreement.interest_earned > net:
        earning.recognize(agreement, net, source)
