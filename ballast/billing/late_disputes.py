"""A dispute of a charge that came late (`late_successes`): the bank takes back what was owed back, or had become somebody's credit.

Owed back: it comes out of `late_receipts`, so nothing is owed back while the bank has it. Its refund was called off
(`refunds.call_off`); what the bank leaves or gives back in the end goes back by itself after all.

Credited: it comes out of `disputes`, as of any charge. Once it is lost, what the money paid of a plan is owed again
(`reopening.follow`), and what of it is still the customer's credit is taken back; both are undone when it is won. An invoice that it
paid stays paid, as with any charge.

All of it is in the transaction that records the dispute: if the process dies before its commit nothing of it happened, and whoever
learns of the dispute again brings it about.
"""

from __future__ import annotations

from sqlalchemy import func, select

from ballast.billing import credit, late_successes, ledger, order_parts
from ballast.db import db
from ballast.models import Attempt, CreditEntry, Dispute, LateSuccess, Payment, Refund
from ballast.models.disputes import LOST
from ballast.models.late_successes import late_successes_of_attempt


def hold_credit(attempt: Attempt) -> None:
    """Lock the balance of the customer who was credited for a charge that came late: before the payment."""
    wanted = select(CreditEntry.customer_id, CreditEntry.currency).where(
        CreditEntry.organization_id == attempt.organization_id, CreditEntry.source == attempt.id
    )
    if whose := {(row[0], row[1]) for row in db.session.execute(wanted)}:
        credit.hold(attempt.organization_id, whose)


def find(attempt: Attempt) -> LateSuccess | None:
    """The late success that a disputed charge is, if it is one: the ledger has what it took from now on. With the payment locked."""
    wanted = late_successes_of_attempt(attempt.organization_id, attempt.id).where(LateSuccess.answer != "release")
    late = db.session.scalars(wanted).first()
    if late is not None and late.answer == "dispute":
        late_successes.post(late)
    return late


def account(late: LateSuccess | None) -> str:
    """The account that has what the bank takes. What had gone back to the card already is taken from its merchant."""
    if late is None or late.answer == "credit" or _has_gone_back(late):
        return "disputes"
    return "late_receipts"


def _has_gone_back(late: LateSuccess) -> bool:
    wanted = select(Refund.id).where(
        Refund.organization_id == late.organization_id,
        Refund.late_success_id == late.id,
        Refund.status == "succeeded",
    )
    return db.session.scalars(wanted).first() is not None


def on_plan(payment: Payment, late: LateSuccess, row: Dispute) -> int:
    """Minor units of what is disputed that were paid on a plan: what did not become credit, unless an invoice took it."""
    if late.answer != "credit" or order_parts.of_invoice(payment):
        return 0
    return min(row.amount, late.amount - _given(late)[1])


def follow(late: LateSuccess, row: Dispute) -> None:
    """Bring what was done with the money to how its dispute stands. With everything locked, the ledger up to date."""
    if late.answer != "credit":
        late_successes.go_on(late)
        return
    count, taken = _taken(row)
    if row.status in LOST and not taken:
        _take(late, row, count // 2 + 1)
    elif row.status not in LOST and taken:
        _give_again(late, row, count // 2 + 1, taken)


def _given(late: LateSuccess) -> tuple[str, int]:
    """The customer who was credited, and the minor units of it that were nobody's debt."""
    wanted = (
        select(CreditEntry.customer_id, func.sum(CreditEntry.amount))
        .where(CreditEntry.organization_id == late.organization_id, CreditEntry.source == late.attempt_id)
        .group_by(CreditEntry.customer_id)
    )
    row = db.session.execute(wanted).first()
    return (row[0], int(row[1])) if row else ("", 0)


def _taken(row: Dispute) -> tuple[int, int]:
    """How often credit moved because of the dispute, and the minor units of it that are taken now."""
    wanted = select(func.count(), func.coalesce(-func.sum(CreditEntry.amount), 0)).where(
        CreditEntry.organization_id == row.organization_id,
        CreditEntry.source.startswith(f"{row.id}/", autoescape=True),
    )
    count, taken = db.session.execute(wanted).one()
    return int(count), int(taken)


def _take(late: LateSuccess, row: Dispute, number: int) -> None:
    """Never more than is there: the customer may have used it."""
    customer_id, given = _given(late)
    owed = min(row.amount - (late.amount - given), given)
    if owed <= 0:
        return
    there = credit.available(late.organization_id, customer_id, late.currency, lock=True)
    amount, source = min(owed, there), f"{row.id}/{number}"
    credit.move(late.organization_id, customer_id, late.currency, -amount, "dispute_lost", source)
    _move(row, "dispute_credit", source, ("customer_credit", "disputes"), amount)


def _give_again(late: LateSuccess, row: Dispute, number: int, amount: int) -> None:
    customer_id, _ = _given(late)
    source = f"{row.id}/{number}"
    credit.move(late.organization_id, customer_id, late.currency, amount, "dispute_won", source)
    _move(row, "dispute_credit_undone", source, ("disputes", "customer_credit"), amount)


def _move(row: Dispute, kind: str, source: str, pair: tuple[str, str], amount: int) -> None:
    """Nothing is nothing."""
    if amount:
        ledger.post(row.organization_id, kind, source, *pair, amount, row.currency, row.payment_id)
