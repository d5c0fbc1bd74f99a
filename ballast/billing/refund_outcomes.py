"""What became of a refund, written once: ledger, event, mail, and what it was given for."""

from __future__ import annotations

from sqlalchemy import select

from ballast.billing import credit_note_voids, ledger, order_postings, receipts, refund_parts
from ballast.billing.financing import locks
from ballast.billing.financing.servicing import refund_ends
from ballast.billing.outcomes import PROBES
from ballast.billing.payloads import refund_payload
from ballast.clock import now, real_time
from ballast.db import db, transaction
from ballast.models import Order, Payment, Refund
from ballast.models.payments import payment_of
from ballast.models.states import UNSETTLED_REFUND, move
from ballast.notifications import webhooks
from ballast.processors.base import RefundOutcome


def record(organization_id: str, refund_id: str, outcome: RefundOutcome) -> None:
    """Write what became of a refund, once, with its ledger posting, event and mail."""
    with transaction() as session:
        wanted = select(Refund.payment_id).where(Refund.organization_id == organization_id, Refund.id == refund_id)
        payment_id = session.scalars(wanted).one()
        locks.lock(organization_id, payment_id)
        credit_note_voids.lock_invoice(organization_id, payment_id)
        payment = session.scalars(payment_of(organization_id, payment_id).with_for_update()).one()
        refund = session.scalars(
            select(Refund).where(Refund.organization_id == organization_id, Refund.id == refund_id).with_for_update()
        ).one()
        if refund.status == outcome.status or (refund.status == "processing" and outcome.status == "unknown"):
            _probe_later(refund)
            return
        if refund.status in ("failed", "canceled") or (refund.status == "succeeded" and outcome.status != "failed"):
            return
        refund.external_id = refund.external_id or outcome.external_id
        refund.message = outcome.message
        _apply(payment, refund, outcome.status)


def _apply(payment: Payment, refund: Refund, status: str) -> None:
    was = refund.status
    move(refund, status)
    if status == "succeeded":
        _succeed(payment, refund)
    elif status == "failed":
        _fail(payment, refund, was)
    else:
        _probe_later(refund)


def _probe_later(refund: Refund) -> None:
    if refund.status in UNSETTLED_REFUND:
        refund.next_attempt_at = real_time() + PROBES[min(refund.probes, len(PROBES) - 1)]


def _succeed(payment: Payment, refund: Refund) -> None:
    refund.finished_at, refund.next_attempt_at = now(), None
    if refund.late_success_id is not None:
        _post(refund, "refund", "late_receipts", "processor_receivable")
    else:
        payment.amount_refunded += refund.amount
        _post(refund, "refund", "refunds", "processor_receivable")
        order_postings.refunded(refund)
        if refund_parts.is_order_back(payment):
            _move_order(payment, "paid", "refunded")
    receipts.send_refund_notice(payment, refund)
    webhooks.publish(refund.organization_id, "refund.succeeded", "payment", payment.id, refund_payload(refund))


def _post(refund: Refund, kind: str, debit: str, credit: str) -> None:
    whose = (refund.organization_id, kind, refund.id)
    ledger.post(*whose, debit, credit, refund.amount, refund.currency, refund.payment_id)


def _move_order(payment: Payment, present: str, target: str) -> None:
    wanted = select(Order).where(Order.organization_id == payment.organization_id, Order.id == payment.order_id)
    order = db.session.scalars(wanted).first() if payment.order_id else None
    if order is not None and order.status == present:
        move(order, target)


def _fail(payment: Payment, refund: Refund, was: str) -> None:
    """The reservation ends; a refund that had gone through and came back from the bank is posted back as well."""
    refund.finished_at, refund.next_attempt_at = now(), None
    if was == "succeeded" and refund.late_success_id is not None:
        _post(refund, "refund_returned", "processor_receivable", "late_receipts")
    elif was == "succeeded":
        payment.amount_refunded -= refund.amount
        if refund.amount > refund.of_invoice:
            _move_order(payment, "refunded", "paid")
        _post(refund, "refund_returned", "processor_receivable", "refunds")
        order_postings.refunded(refund, undone=True)
    webhooks.publish(refund.organization_id, "refund.failed", "payment", payment.id, refund_payload(refund))
    if refund.late_success_id is None:
        end(refund)


def end(refund: Refund) -> None:
    """It gives nothing back: what it was given for takes it back. In the caller's transaction."""
    credit_note_voids.refund_ended(refund)
    refund_ends.ended(refund)
