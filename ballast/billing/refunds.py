"""Refunds: reserved under the payment's lock, then three phases like a charge.

If the process dies after `request`, the row is `pending` and the sweeper sends it; after the call, it is `submitted` and the sweeper
asks before it would ever send again, with the same key.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select, tuple_, update

from ballast import audit, queue
from ballast.billing import (
    credit_note_voids,
    lookup,
    processing,
    refund_parts,
    tax_returns,
)
from ballast.billing.financing import locks
from ballast.billing.payloads import refund_payload
from ballast.billing.payments import locked
from ballast.billing.processing import Account
from ballast.billing.refund_outcomes import end, record
from ballast.billing.refund_parts import Part
from ballast.clock import now, real_time
from ballast.db import db, organization, transaction
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id, to_uuid
from ballast.models import Attempt, CreditNote, Dispute, Invoice, Payment, ProcessorAccount, Refund
from ballast.models.customers import account_behind
from ballast.models.disputes import LOST, disputes_of, of_what_paid
from ballast.models.payments import approved_attempt_of, refund_of
from ballast.models.states import HELD_REFUND, OPEN_DISPUTE, UNSETTLED_REFUND, move
from ballast.money import format_money
from ballast.notifications import webhooks
from ballast.notifications.drain import drain, work_all
from ballast.processors.base import RefundOutcome, RefundRequest

log = logging.getLogger(__name__)

# As many as are claimed at once, so that the lease outlasts a refund's two calls.
THREADS = 4
LEASE = timedelta(seconds=90)
# Nothing is on its way to the processor: not sent yet, or turned away until the charge has settled.
FRESH = ("pending", "pending_settlement")
ON_PLAN = "This payment is on a plan: refund the agreement, which shows first what that does to the plan."
REASONS = ("requested_by_customer", "duplicate", "fraudulent", "other")


def request(
    organization_id: str,
    payment_id: str,
    amount: int | None,
    reason: str | None,
    key: str | None = None,
    *,
    on_plan: bool = False,
    part: Part | None = None,
) -> Refund:
    """Reserve a refund of `amount` minor units (None: all that is left). In the caller's transaction; `send` it after the commit.

    A second request under the same `key` answers the refund of the first. `on_plan`: its consequences for the plan are seen to.
    `part`: of a payment for an order and an invoice, that alone; else the order's goes back first.
    Raises NotFound, Conflict(`payment_not_refundable`, `payment_refunded`, `payment_disputed`, `idempotency_key_reused`,
    `payment_on_plan`), InvalidRequest(`refund_too_large`, `amount_invalid`).
    """
    if to_uuid(payment_id, "pay"):
        _lock_owners(organization_id, payment_id, on_plan or part == "invoice")
    payment = locked(organization_id, payment_id)
    if key and (earlier := _made_under(organization_id, key)):
        if earlier.payment_id != payment.id or amount not in (None, earlier.amount):
            raise Conflict(
                "idempotency_key_reused", "This form was sent before, for another refund. Load the page again."
            )
        return earlier
    part = "order" if on_plan else part
    amount = _checked(payment, amount, part)
    of_invoice = refund_parts.of_invoice(payment, amount, part)
    back = tax_returns.of_refund(payment, amount - of_invoice)
    refund = Refund(
        id=new_id("re"),
        organization_id=organization_id,
        payment_id=payment.id,
        attempt_id=db.session.scalars(approved_attempt_of(organization_id, payment.id)).one().id,
        amount=amount,
        of_invoice=of_invoice,
        tax=back.tax,
        discount=back.discount,
        currency=payment.currency,
        status="pending",
        reason=reason,
        requested_by=audit.actor().id,
        idempotency_key=key,
        created_at=now(),
        next_attempt_at=real_time() + LEASE,
    )
    db.session.add(refund)
    audit.record(organization_id, "refund.requested", "payment", payment.id, {"refund": refund.id, "amount": amount})
    webhooks.publish(organization_id, "refund.created", "payment", payment.id, refund_payload(refund))
    return refund


def _checked(payment: Payment, amount: int | None, part: Part | None) -> int:
    """The minor units that go back, if they may. `amount`: None for all that is left."""
    if payment.status != "succeeded":
        raise Conflict(
            "payment_not_refundable", f"Only a payment that succeeded can be refunded; this one is {payment.status}."
        )
    if is_disputed(payment):
        raise Conflict(
            "payment_disputed", "This payment is disputed. Whatever goes back goes back through the dispute."
        )
    left = refundable(payment, part)
    amount = left if amount is None else amount
    if left == 0:
        raise Conflict("payment_refunded", "All of this payment has gone back already.")
    if amount <= 0:
        raise InvalidRequest("amount_invalid", "Enter an amount above zero.", param="amount")
    if amount > left:
        shown = format_money(left, payment.currency)
        raise InvalidRequest("refund_too_large", f"At most {shown} can be refunded.", param="amount")
    return amount


def _lock_owners(organization_id: str, payment_id: str, on_plan: bool) -> None:
    """What the payment is for, locked before it. What was paid on a plan goes back with a look at the plan, never past it."""
    if not on_plan and locks.agreement_id_of(organization_id, payment_id):
        raise Conflict("payment_on_plan", ON_PLAN, param="payment")
    credit_note_voids.lock_invoice(organization_id, payment_id)


def refuse_used_key(organization_id: str, key: str) -> None:
    """A key makes one refund, ever. Raises Conflict(`idempotency_key_expired`) when one was made under it."""
    if _made_under(organization_id, key):
        raise Conflict(
            "idempotency_key_expired",
            "A refund was made under this Idempotency-Key and its stored answer has expired. Look in the refunds list.",
        )


def find(organization_id: str, refund_id: str) -> Refund:
    """The refund. Raises NotFound."""
    return lookup.find(refund_of(organization_id, refund_id), refund_id, "re", "refund")


def is_disputed(payment: Payment) -> bool:
    """Whether a dispute of the charge that paid it is open. Exact while the payment is locked."""
    wanted = disputes_of(payment.organization_id, payment.id).where(Dispute.status.in_(OPEN_DISPUTE), of_what_paid())
    return db.session.scalars(wanted).first() is not None


def call_off(payment: Payment, attempt_id: str) -> None:
    """Cancel what is reserved of one charge of the payment and has not left: a dispute of it gives the money back now. In the caller's
    transaction, with the payment locked, and its invoice before it."""
    waiting = select(Refund).where(
        Refund.organization_id == payment.organization_id,
        Refund.payment_id == payment.id,
        Refund.attempt_id == attempt_id,
        Refund.status.in_(FRESH),
    )
    for refund in db.session.scalars(waiting.with_for_update()):
        move(refund, "canceled")
        refund.message = "The payment was disputed."
        refund.finished_at, refund.next_attempt_at = now(), None
        webhooks.publish(refund.organization_id, "refund.failed", "payment", payment.id, refund_payload(refund))
        if refund.late_success_id is None:
            end(refund)


def _made_under(organization_id: str, key: str) -> Refund | None:
    return db.session.scalars(
        select(Refund).where(Refund.organization_id == organization_id, Refund.idempotency_key == key)
    ).first()


def refundable(payment: Payment, part: Part | None = None) -> int:
    """Minor units that can still be refunded, of a part of it or of all: captured less what is refunded, on its way, or lost in a
    dispute of the charge that paid it.

    Exact while the payment is locked; 0 where a refund had left before a dispute took the whole.
    """
    held = select(func.coalesce(func.sum(Refund.amount), 0)).where(
        Refund.organization_id == payment.organization_id,
        Refund.payment_id == payment.id,
        Refund.late_success_id.is_(None),
        Refund.status.in_(HELD_REFUND),
    )
    lost = select(func.coalesce(func.sum(Dispute.amount), 0)).where(
        Dispute.organization_id == payment.organization_id,
        Dispute.payment_id == payment.id,
        Dispute.status.in_(LOST),
        of_what_paid(),
    )
    gone = db.session.scalar(select(held.scalar_subquery() + lost.scalar_subquery()))
    credited = _credited(payment)
    whole = max(payment.amount_captured - int(gone or 0) - credited, 0)
    return whole if part is None else refund_parts.left(payment, part, whole, credited)


def _credited(payment: Payment) -> int:
    """What of an invoice's payment has gone back as credit by now: notes without a refund, beyond the credit the invoice took."""
    joined = (CreditNote.organization_id == Invoice.organization_id) & (CreditNote.invoice_id == Invoice.id)
    wanted = (
        select(func.sum(CreditNote.amount), func.max(Invoice.credit_applied - Invoice.waived))
        .join(Invoice, joined)
        .where(
            Invoice.organization_id == payment.organization_id,
            Invoice.payment_id == payment.id,
            CreditNote.status == "issued",
            CreditNote.refund_id.is_(None),
        )
    )
    given, taken = db.session.execute(wanted).one()
    return max(int(given or 0) - int(taken or 0), 0)


@dataclass(frozen=True)
class Sending:
    """A refund on its way to a processor, as plain data."""

    organization_id: str
    refund_id: str
    was: str
    external_id: str | None
    account: Account
    request: RefundRequest
    send_by: datetime


def send(organization_id: str, refund_id: str) -> None:
    """Take a reserved refund to the processor and record what it said."""
    for sending in _mark_submitted([(organization_id, refund_id)]):
        _settle(sending)


def check(organization_id: str, refund_id: str) -> bool:
    """A processor says that something happened to a refund it has: look, and record. False when it cannot say now."""
    with transaction() as session:
        row = session.execute(
            _with_account().where(Refund.organization_id == organization_id, Refund.id == refund_id)
        ).one()
        sending = _sending(*row)
    found = processing.read(sending.account, lambda adapter: adapter.find_refund(sending.request, sending.external_id))
    if found.status != "absent":
        record(organization_id, refund_id, found)
    return found.status != "unknown"


def _with_account() -> Select[Refund, Attempt, ProcessorAccount]:
    return (
        select(Refund, Attempt, ProcessorAccount)
        .join(Attempt, (Attempt.organization_id == Refund.organization_id) & (Attempt.id == Refund.attempt_id))
        .join(ProcessorAccount, account_behind(Attempt))
    )


def submit_due() -> int:
    """Send what was reserved and never sent; ask about what was sent and never answered. The job behind `queue.REFUND`."""
    queue.forget_mark(queue.REFUND)
    return drain("submit_refunds", _submit_batch)


def _submit_batch() -> tuple[int, int]:
    keys = _claim()
    _, failed = work_all(_settle, _mark_submitted(keys), THREADS)
    return len(keys), failed


def _claim(limit: int = THREADS) -> list[tuple[str, str]]:
    chosen = (
        select(Refund.organization_id, Refund.id)
        .where(Refund.status.in_(UNSETTLED_REFUND), Refund.next_attempt_at <= real_time())
        .order_by(Refund.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    taking = (
        update(Refund)
        .where(tuple_(Refund.organization_id, Refund.id).in_(select(chosen)))
        .values(next_attempt_at=real_time() + LEASE, probes=Refund.probes + 1)
        .returning(Refund.organization_id, Refund.id)
        .execution_options(synchronize_session=False)
    )
    with transaction() as session:
        return [(row[0], row[1]) for row in session.execute(taking)]


def _mark_submitted(keys: list[tuple[str, str]]) -> list[Sending]:
    """Commit that a call is under way, before it is."""
    if not keys:
        return []
    with transaction() as session:
        rows = session.execute(
            _with_account()
            .where(tuple_(Refund.organization_id, Refund.id).in_(keys), Refund.status.in_(UNSETTLED_REFUND))
            .with_for_update(of=Refund)
        ).all()
        return [sending for row in rows if (sending := _submitted(*row))]


def _submitted(refund: Refund, attempt: Attempt, account: ProcessorAccount) -> Sending | None:
    """None for an account whose secrets cannot be unsealed: its refunds wait, and nobody else's wait with them."""
    try:
        sending = _sending(refund, attempt, account)
    except ValueError as error:
        refund.next_attempt_at = real_time() + LEASE
        log.error("refund %s cannot be sent, account %s: %s", refund.id, account.id, error)
        return None
    if refund.status in FRESH:
        move(refund, "submitted")
        refund.sent_at = sending.send_by
    # Nobody else takes it up before this has been sent and has had its answer, if it comes.
    refund.next_attempt_at = sending.send_by + processing.patience(sending.account)
    return sending


def _sending(refund: Refund, attempt: Attempt, account: ProcessorAccount) -> Sending:
    opened = processing.open_account(account)
    looking = timedelta() if refund.status in FRESH else processing.patience(opened)
    return Sending(
        organization_id=refund.organization_id,
        refund_id=refund.id,
        was=refund.status,
        external_id=refund.external_id,
        account=opened,
        request=RefundRequest(
            refund.id, attempt.external_id or "", refund.amount, refund.currency, refund.reason, refund.sent_at
        ),
        send_by=processing.send_deadline() + looking,
    )


def _settle(sending: Sending) -> None:
    with organization(sending.organization_id):
        record(sending.organization_id, sending.refund_id, _ask(sending))


def _ask(sending: Sending) -> RefundOutcome:
    """Send a fresh refund; look for one that was sent before, and send it again only when the processor has none."""
    if sending.was not in FRESH:
        found = processing.read(
            sending.account, lambda adapter: adapter.find_refund(sending.request, sending.external_id)
        )
        if found.status != "absent":
            return found
        _mark_sent_again(sending)
    return processing.send(sending.account, lambda adapter: adapter.refund(sending.request), sending.send_by)


def _mark_sent_again(sending: Sending) -> None:
    """Commit that it may leave once more, before it does. Looking alone moves nothing: what a processor calls absent is reckoned from
    the last time it may have been sent."""
    wanted = (Refund.organization_id == sending.organization_id, Refund.id == sending.refund_id)
    with transaction() as session:
        session.execute(update(Refund).where(*wanted).values(sent_at=sending.send_by))
