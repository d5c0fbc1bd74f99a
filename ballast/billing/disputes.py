"""Disputes as the processor tells them: asked for, written down once, with the ledger, events and mail that belong to them.

An event is a hint. `learn` asks the processor with no transaction open and records the answer in one commit, under the lock of the
payment, so that everything about one payment happens in order.

If the process dies …
  before the call, or while it lasts: nothing is written, the inbox event is still `received` and is applied again after its lease.
  after the call, before the commit: the same; the next call learns the same or something newer.
  inside the transaction: nothing of it remains, ledger, event and mail included.
  after the commit, before the inbox event is marked `applied`: it is applied again, finds what it learns written down, and adds
  nothing: a row is inserted once (unique index), money is posted once a round (unique source), a mail composed once a round.
Events that come twice, late or in another order do no harm, since none is believed: each asks how the dispute stands now. Two that
ask at once may bring their answers in the wrong order; `record` takes an answer only while the row still is as it was before the
question, else the question is put again. What the state machine has no edge for is logged and kept out.

What moves in the ledger is what the bank holds: out with the first status that withdraws, back when it is won, and out once more if
the other side goes into a second round. An inquiry moves nothing. The processor's own fee is posted as it is told, once for each of
its movements, and back where it is given back. A charge that came late is as any other, but for what it was (`late_disputes`).
"""

from __future__ import annotations

import logging
from typing import Final, Literal

from sqlalchemy import func, select

from ballast import audit
from ballast.billing import (
    credit_note_voids,
    dispute_notices,
    late_disputes,
    ledger,
    lookup,
    order_parts,
    order_postings,
    processing,
    refunds,
    tax_returns,
)
from ballast.billing.financing import locks
from ballast.billing.financing.servicing import reopening
from ballast.billing.payloads import dispute_payload
from ballast.billing.processing import Account
from ballast.clock import now
from ballast.db import db, transaction
from ballast.ids import new_id
from ballast.models import Attempt, Dispute, LateSuccess, LedgerAccount, LedgerTransfer, Payment
from ballast.models.customers import account_of
from ballast.models.disputes import NEEDS_ANSWER, WITHDRAWN, dispute_at, dispute_of
from ballast.models.payments import payment_of
from ballast.models.states import OPEN_ATTEMPT, may_move, move
from ballast.notifications import webhooks
from ballast.processors import base

log = logging.getLogger(__name__)

Verdict = Literal["applied", "ignored", "later", "missing"]
# How often a question is put again at once because the row changed while it was asked.
LOOKS: Final = 3


def find(organization_id: str, dispute_id: str) -> Dispute:
    """The dispute. Raises NotFound."""
    return lookup.find(dispute_of(organization_id, dispute_id), dispute_id, "dp", "dispute")


def learn(organization_id: str, account_id: str, external_id: str) -> Verdict:
    """Ask how a dispute stands, and write it down.

    `ignored`: it is about no charge of ours; `later`: nobody can say now; `missing`: the processor knows no such dispute.
    """
    for _ in range(LOOKS):
        account, seen = _before(organization_id, account_id, external_id)
        told = processing.read(account, lambda adapter: adapter.find_dispute(external_id))
        if isinstance(told, base.Unknown):
            return "missing" if told.reason == base.NO_SUCH_DISPUTE else "later"
        verdict = record(organization_id, account_id, told, seen)
        if verdict != "changed":
            return verdict
    return "later"


def _before(organization_id: str, account_id: str, external_id: str) -> tuple[Account, str | None]:
    """Where to ask, and how the dispute stands here before that."""
    with transaction() as session:
        account = session.scalars(account_of(organization_id, account_id)).one()
        row = session.scalars(dispute_at(organization_id, account_id, external_id)).first()
        return processing.open_account(account), row.status if row else None


def record(organization_id: str, account_id: str, told: base.Dispute, seen: str | None) -> Verdict | Literal["changed"]:
    """Write down what the processor said, once. `seen` is the status here before it was asked, None for no row.

    `changed`: the row is not as it was then, so what was said may be old; nothing was written.
    """
    with transaction() as session:
        attempt = _charge(organization_id, account_id, told.charge_external_id)
        if attempt is None or attempt.status in OPEN_ATTEMPT:
            return "later" if attempt or _expects_a_charge(organization_id, account_id) else "ignored"
        plan = locks.lock(organization_id, attempt.payment_id)
        credit_note_voids.lock_invoice(organization_id, attempt.payment_id)
        late_disputes.hold_credit(attempt)
        payment = session.scalars(payment_of(organization_id, attempt.payment_id).with_for_update()).one()
        row = session.scalars(dispute_at(organization_id, account_id, told.external_id).with_for_update()).first()
        if (row.status if row else None) != seen:
            return "changed"
        _post_fees(payment, told)  # the processor took them, whatever became of the charge here
        if row is None:
            row = _open(payment, attempt, told)
        elif not _follow(row, told):
            return "applied"
        late = late_disputes.find(attempt)
        # Else the charge is not known here yet: it comes late, alarmed of its own.
        if attempt.status == "approved" or late:
            _post(row, payment, late, is_inquiry=told.is_inquiry)
            _follow_money(plan, payment, row, late)
        if row.status in NEEDS_ANSWER:
            # The same number before and after a late charge is known.
            number = max(_rounds(row)[0], 0 if told.is_inquiry else 1)
            dispute_notices.send(payment, row, number, told.is_inquiry)
        return "applied"


def _charge(organization_id: str, account_id: str, external_id: str | None) -> Attempt | None:
    """The attempt that made the disputed charge: only of the very account that tells of the dispute."""
    wanted = select(Attempt).where(
        Attempt.organization_id == organization_id,
        Attempt.processor_account_id == account_id,
        Attempt.external_id == external_id,
    )
    return db.session.scalars(wanted).first() if external_id else None


def _expects_a_charge(organization_id: str, account_id: str) -> bool:
    """Whether an attempt may still turn out to be the disputed charge: one whose answer was lost has no id of the processor's yet."""
    wanted = select(Attempt.id).where(
        Attempt.organization_id == organization_id,
        Attempt.processor_account_id == account_id,
        Attempt.status.in_(OPEN_ATTEMPT),
        Attempt.external_id.is_(None),
    )
    return db.session.scalars(wanted.limit(1)).first() is not None


def _open(payment: Payment, attempt: Attempt, told: base.Dispute) -> Dispute:
    row = Dispute(
        id=new_id("dp"),
        organization_id=payment.organization_id,
        payment_id=payment.id,
        attempt_id=attempt.id,
        processor_account_id=attempt.processor_account_id,
        external_id=told.external_id,
        amount=told.amount,
        currency=told.currency,
        reason=told.reason,
        status=told.status,
        due_at=told.due_at,
        created_at=now(),
    )
    db.session.add(row)
    db.session.flush()
    _note(row, "dispute.opened")
    _tell(row, "dispute.created")
    if row.is_open:
        refunds.call_off(payment, attempt.id)
    else:
        row.finished_at = now()
        _tell(row, "dispute.closed")
    return row


def _follow(row: Dispute, told: base.Dispute) -> bool:
    """Bring the row to what was told. Answers whether it may stand so."""
    if told.amount != row.amount:
        log.error("dispute %s is over %s here and %s at the processor", row.id, row.amount, told.amount)
    if told.status == row.status and told.due_at == row.due_at:
        return True
    if told.status != row.status and not may_move(row.machine, row.status, told.status):
        log.error("dispute %s is %s here and %s at the processor: kept as it is", row.id, row.status, told.status)
        return False
    if told.status != row.status:
        was_open = row.is_open
        move(row, told.status)
        _end_action(row)
        row.finished_at = None if row.is_open else now()
        _note(row, "dispute.moved")
        if row.is_open and not was_open:
            _begin_again(row)
    row.due_at = told.due_at
    _tell(row, "dispute.updated" if row.is_open else "dispute.closed")
    return True


def _begin_again(row: Dispute) -> None:
    """A second round asks for a new answer, and no refund may leave meanwhile."""
    row.evidence = None
    payment = db.session.scalars(payment_of(row.organization_id, row.payment_id)).one()
    refunds.call_off(payment, row.attempt_id)


def _end_action(row: Dispute) -> None:
    """What we were bringing to the processor has arrived, or is of no use any more."""
    if row.action is None or row.status in NEEDS_ANSWER:
        return
    too_late = row.action == "accept" and row.status in ("under_review", "won")
    row.message = "It had been answered before it could be accepted." if too_late else None
    row.action = row.next_attempt_at = None


def _post(row: Dispute, payment: Payment, late: LateSuccess | None, is_inquiry: bool) -> None:
    """Bring the ledger to what the bank holds. `late`: what came late has no tax of an order in it."""
    out, back = _rounds(row)
    if row.status in WITHDRAWN and not is_inquiry and out == back:
        _transfer(row, "dispute", out + 1, late_disputes.account(late), "processor_receivable")
        row.tax = tax_returns.of_dispute(payment, row) if late is None else 0
        order_postings.disputed(row, out + 1)
    elif row.status == "won" and out > back:
        _transfer(row, "dispute_returned", out, "processor_receivable", _taken_from(row, out))
        order_postings.disputed(row, out, undone=True)


def _taken_from(row: Dispute, number: int) -> str:
    """The account out of which the money went, the `number`th time."""
    wanted = (
        select(LedgerAccount.code)
        .join(LedgerTransfer, LedgerTransfer.debit_account_id == LedgerAccount.id)
        .where(
            LedgerTransfer.organization_id == row.organization_id,
            LedgerAccount.organization_id == row.organization_id,
            LedgerTransfer.kind == "dispute",
            LedgerTransfer.source == f"{row.id}/{number}",
        )
    )
    return db.session.scalars(wanted).one()


def _follow_money(plan: locks.Held | None, payment: Payment, row: Dispute, late: LateSuccess | None) -> None:
    """What the money was for is owed again once it is lost, and not any more when it is won."""
    if plan is not None:
        whole = min(row.amount, order_parts.of_order(payment))
        reopening.follow(plan, row, late_disputes.on_plan(payment, late, row) if late else whole)
    if late is not None:
        late_disputes.follow(late, row)


def _post_fees(payment: Payment, told: base.Dispute) -> None:
    for fee in told.fees:
        kind = "dispute_fee" if fee.amount > 0 else "dispute_fee_returned"
        ends = ("processor_fees", "processor_receivable")
        debit, credit = ends if fee.amount > 0 else ends[::-1]
        whose = (abs(fee.amount), fee.currency, payment.id)
        ledger.post(payment.organization_id, kind, fee.external_id, debit, credit, *whose)


def _transfer(row: Dispute, kind: str, number: int, debit: str, credit: str) -> None:
    source = f"{row.id}/{number}"
    ledger.post(row.organization_id, kind, source, debit, credit, row.amount, row.currency, row.payment_id)


def _rounds(row: Dispute) -> tuple[int, int]:
    """How often the money went, and how often it came back. Exact while the payment is locked."""
    wanted = select(
        func.count().filter(LedgerTransfer.kind == "dispute"),
        func.count().filter(LedgerTransfer.kind == "dispute_returned"),
    ).where(
        LedgerTransfer.organization_id == row.organization_id,
        LedgerTransfer.payment_id == row.payment_id,
        LedgerTransfer.source.startswith(f"{row.id}/", autoescape=True),
    )
    out, back = db.session.execute(wanted).one()
    return out, back


def holds_money(row: Dispute) -> bool:
    """Whether the disputed amount is with the bank now, as the ledger has it."""
    out, back = _rounds(row)
    return out > back


def _note(row: Dispute, action: str) -> None:
    changes = {"status": row.status, "amount": row.amount, "payment": row.payment_id}
    audit.record(row.organization_id, action, "dispute", row.id, changes)


def _tell(row: Dispute, event_type: str) -> None:
    webhooks.publish(row.organization_id, event_type, "payment", row.payment_id, dispute_payload(row))
