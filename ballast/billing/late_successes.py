"""Money that a processor took for an attempt we had closed: given back, or credited, as the organization wants; never silent.

All of it is in the transaction that records the success: the row, the posting, the refund that is reserved, the alarm. If the process
dies before its commit nothing of it happened, and whoever tells of the charge again brings it about; after it, the worker sends the
refund like any other. Told twice, the attempt's one row is there already; two refunds for one row are refused by a unique index.

What is only held is let go (`late_releases`). What a dispute has taken back already is only told of, and goes back if its bank gives
it back; so does what is disputed before its refund has left (`late_disputes`).
"""

from __future__ import annotations

import logging
from functools import partial

from sqlalchemy import Select, func, or_, select

from ballast import audit, config, metrics, queue
from ballast.billing import credit, ledger, lookup, prevented
from ballast.billing.payloads import refund_payload
from ballast.clock import now, real_time
from ballast.db import after_commit, db
from ballast.errors import Conflict
from ballast.ids import new_id
from ballast.models import (
    Attempt,
    AuditEntry,
    BillingSettings,
    Dispute,
    InboxEvent,
    LateSuccess,
    Organization,
    Payment,
    Refund,
)
from ballast.models.disputes import LOST
from ballast.models.identity import owners_of
from ballast.models.payments import payment_of
from ballast.models.states import HELD_REFUND, OPEN_DISPUTE
from ballast.money import format_money
from ballast.notifications import emails, webhooks
from ballast.processors.base import Approved

log = logging.getLogger(__name__)

REASON = "late_success"


def receive(payment: Payment, attempt: Attempt, outcome: Approved, *, is_owed: bool) -> LateSuccess | None:
    """Write down that a closed attempt was charged, and what is done about it; None where that is known. In the caller's transaction,
    with payment and attempt locked. `is_owed`: an invoice or installments are behind it, whose own module credits what came.
    """
    if attempt.status == "approved" or _is_known(attempt):
        return None
    attempt.external_id = attempt.external_id or outcome.external_id
    late = LateSuccess(
        id=new_id("late"),
        organization_id=attempt.organization_id,
        payment_id=payment.id,
        attempt_id=attempt.id,
        amount=outcome.captured or attempt.amount,
        currency=attempt.currency,
        was=attempt.status,
        answer=_answer(payment, attempt, outcome, is_owed),
        arrived_at=now(),
    )
    db.session.add(late)
    db.session.flush()
    _alarm(payment, late)
    after_commit(partial(metrics.count, "ballast_late_successes_total", processor=attempt.processor))
    match late.answer:
        case "refund":
            take_back(late)
        case "release":
            late.next_attempt_at = real_time()
            queue.wake(queue.RELEASE_LATE)
        case "credit" if not is_owed:
            _credit(payment, late)
    return late


def _is_known(attempt: Attempt) -> bool:
    """Whether the log holds this late success already: a processor tells of one charge with several events."""
    told = select(AuditEntry.id).where(
        AuditEntry.organization_id == attempt.organization_id,
        AuditEntry.resource_id == attempt.payment_id,
        AuditEntry.action == "payment.late_success",
        AuditEntry.changes["attempt"].astext == attempt.id,
    )
    return db.session.scalars(told).first() is not None


def _answer(payment: Payment, attempt: Attempt, outcome: Approved, is_owed: bool) -> str:
    if not outcome.captured:
        return "release"
    if _is_disputed(attempt):
        return "dispute"
    wanted = select(BillingSettings.late_success).where(BillingSettings.organization_id == attempt.organization_id)
    policy: str = db.session.scalars(wanted).first() or "refund"
    return policy if policy == "refund" or is_owed or payment.customer_id else "refund"  # nobody is known to credit


def _is_disputed(attempt: Attempt) -> bool:
    """Whether its bank has asked for it back, and has not given it back since: then it has gone, or goes, by that road."""
    known = list(db.session.scalars(_disputes_of(attempt.organization_id, attempt.id)))
    if known:
        return any(status != "won" for status in known)
    about_it = or_(
        InboxEvent.reference == attempt.id,
        InboxEvent.subject_id == attempt.external_id,
    )
    told = select(InboxEvent.id).where(
        InboxEvent.organization_id == attempt.organization_id,
        InboxEvent.processor_account_id == attempt.processor_account_id,
        InboxEvent.about == "dispute",
        about_it,
    )
    return db.session.scalars(told.limit(1)).first() is not None


def _disputes_of(organization_id: str, attempt_id: str) -> Select[str]:
    """How the disputes of one charge stand."""
    return select(Dispute.status).where(Dispute.organization_id == organization_id, Dispute.attempt_id == attempt_id)


def _alarm(payment: Payment, late: LateSuccess) -> None:
    log.error("late success: attempt %s was %s and the processor charged it", late.attempt_id, late.was)
    changes = {"attempt": late.attempt_id, "was": late.was, "amount": late.amount, "answer": late.answer}
    audit.record(late.organization_id, "payment.late_success", "payment", payment.id, changes)
    prevented.note(late.organization_id, "late_success", late.attempt_id, payment.id)
    organization = db.session.scalars(select(Organization).where(Organization.id == late.organization_id)).one()
    context = {
        "organization": organization,
        "payment": payment,
        "late": late,
        "payment_url": f"{config.current().public_url}/admin/payments/{payment.id}",
    }
    subject = f"A charge of {format_money(late.amount, late.currency)} came through after it was given up"
    for _member, owner in db.session.execute(owners_of(late.organization_id)):
        key = f"late_success/{late.attempt_id}/{owner.id}"
        emails.compose(late.organization_id, "late_success", owner.email, subject, key, payment.id, context)


def post(late: LateSuccess) -> None:
    """Post what came as owed back, once. In the caller's transaction."""
    posted = ("processor_receivable", "late_receipts", late.amount, late.currency, late.payment_id)
    ledger.post(late.organization_id, "late_success", late.attempt_id, *posted)


def take_back(late: LateSuccess, amount: int | None = None) -> Refund:
    """Post what came as owed back, once, and reserve its refund (minor units; None for all of it); the worker sends it. In the
    caller's transaction, with the payment locked."""
    organization_id = late.organization_id
    post(late)
    refund = Refund(
        id=new_id("re"),
        organization_id=organization_id,
        payment_id=late.payment_id,
        attempt_id=late.attempt_id,
        late_success_id=late.id,
        amount=late.amount if amount is None else amount,
        currency=late.currency,
        status="pending",
        reason=REASON,
        requested_by=audit.actor().id,
        created_at=now(),
        next_attempt_at=real_time(),
    )
    db.session.add(refund)
    db.session.flush()
    changes = {"refund": refund.id, "amount": refund.amount, "reason": REASON}
    audit.record(organization_id, "refund.requested", "payment", late.payment_id, changes)
    webhooks.publish(organization_id, "refund.created", "payment", late.payment_id, refund_payload(refund))
    queue.wake(queue.REFUND)
    return refund


def go_on(late: LateSuccess) -> None:
    """After a dispute of it: what its bank has left, or given back, goes back to the card after all. In the caller's transaction, with
    the payment locked. Nothing while a dispute of it is open."""
    if not _is_contested(late) and (left := _left(late)):
        late.answer = "refund"
        take_back(late, left)


def _is_contested(late: LateSuccess) -> bool:
    wanted = _disputes_of(late.organization_id, late.attempt_id).where(Dispute.status.in_(OPEN_DISPUTE))
    return db.session.scalars(wanted).first() is not None


def _left(late: LateSuccess) -> int:
    """Minor units that neither its bank has taken nor a refund brings back; a late success has one refund at a time."""
    going = select(Refund.id).where(
        Refund.organization_id == late.organization_id,
        Refund.late_success_id == late.id,
        Refund.status.in_(HELD_REFUND),
    )
    if db.session.scalars(going).first() is not None:
        return 0
    lost = select(func.coalesce(func.sum(Dispute.amount), 0)).where(
        Dispute.organization_id == late.organization_id,
        Dispute.attempt_id == late.attempt_id,
        Dispute.status.in_(LOST),
    )
    return max(late.amount - int(db.session.scalar(lost) or 0), 0)


def refund_again(organization_id: str, late_id: str) -> Refund:
    """Give it back once more, after a refund that failed. In the caller's transaction.

    Raises NotFound, Conflict(`payment_refunded`) where one is on its way or done or its bank has taken it,
    Conflict(`payment_disputed`), Conflict(`payment_not_refundable`) where it was answered in another way.
    """
    wanted = select(LateSuccess).where(LateSuccess.organization_id == organization_id, LateSuccess.id == late_id)
    late: LateSuccess = lookup.find(wanted, late_id, "late", "late success")
    db.session.execute(payment_of(organization_id, late.payment_id).with_for_update())
    if late.answer != "refund":
        raise Conflict("payment_not_refundable", "This money was not to be given back.")
    if _is_contested(late):
        raise Conflict("payment_disputed", "This money is disputed. Whatever goes back goes back through the dispute.")
    left = _left(late)
    if not left:
        raise Conflict("payment_refunded", "This money has gone back, or is on its way.")
    return take_back(late, left)


def _credit(payment: Payment, late: LateSuccess) -> None:
    """It is its customer's from now on; the next invoice takes it."""
    whose = (late.organization_id, payment.customer_id or "", late.currency)
    credit.move(*whose, late.amount, "late_success", late.attempt_id)
    posted = ("processor_receivable", "customer_credit", late.amount, late.currency, payment.id)
    ledger.post(late.organization_id, "late_success", late.attempt_id, *posted)
