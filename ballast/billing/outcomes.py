"""Recording what a processor said of an attempt: one transaction, once, whoever learned it first."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import select

from ballast import audit, metrics
from ballast.billing import (
    attempt_locks,
    cards,
    invoices,
    late_successes,
    ledger,
    order_parts,
    orders,
    prevented,
    processing,
    receipts,
    unknown_alerts,
    velocity,
)
from ballast.billing.financing import opening, standing
from ballast.billing.financing import settling as plans
from ballast.billing.financing.servicing import arriving
from ballast.billing.financing.settling import Claimed
from ballast.billing.payloads import payment_payload
from ballast.billing.subscriptions import letters, rows, settling
from ballast.clock import now, real_time
from ballast.db import after_commit, db, gather, known, once, transaction
from ballast.errors import Conflict
from ballast.models import Attempt, Claim, Invoice, Order, Payment
from ballast.models.customers import card_of
from ballast.models.states import move
from ballast.notifications import webhooks
from ballast.processors.base import ActionRequired, Approved, Card, Declined, NotSent, Outcome, Unknown

log = logging.getLogger(__name__)

# Real time between probes of an attempt nobody knows the outcome of. After the last one it goes on once a day.
PROBES = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 3600, 21_600, 86_400))
# How long a shopper may take to confirm with the bank before we take the challenge back.
CHALLENGE_LASTS = timedelta(hours=1)
NEVER_AGAIN = ("hard", "fraud")
# A payment in one of these has no open attempt and holds no money: it may be tried, or closed.
UNPAID = ("requires_payment_method", "requires_confirmation")
# As the metrics call them.
WORDS: Final = {
    Approved: "approved",
    Declined: "declined",
    ActionRequired: "action_required",
    Unknown: "unknown",
    NotSent: "not_sent",
}


def record(organization_id: str, attempt_id: str, outcome: Outcome) -> None:
    """Finish an attempt (or note that it stays open) and move its payment, claims, order and ledger with it, in one commit.

    A finished attempt stays as it is: a second answer changes nothing, except that a success after we had given up is alarmed, and
    given back or credited.
    """
    with transaction():
        attempt, payment = attempt_locks.lock(organization_id, attempt_id, with_order=isinstance(outcome, Approved))
        _finish_with(payment, attempt, outcome)


def record_all(organization_id: str, outcomes: Mapping[str, Outcome]) -> None:
    """As `record`, for many attempts at invoices in one commit: what they have in common is read once, and rows are written together.
    If one of them cannot be recorded none is. `outcomes`: by attempt. Raises ValueError for what is no invoice's.
    """
    with transaction():
        gather()
        for attempt, payment in attempt_locks.lock_all(organization_id, outcomes):
            _finish_with(payment, attempt, outcomes[attempt.id])


def _finish_with(payment: Payment, attempt: Attempt, outcome: Outcome) -> None:
    if not attempt.is_open:
        if isinstance(outcome, Approved):
            _receive_late(payment, attempt, outcome)
        return
    match outcome:
        case Approved():
            _approve(payment, attempt, outcome)
        case Declined():
            _decline(payment, attempt, outcome)
        case ActionRequired():
            _require_action(payment, attempt, outcome)
        case Unknown():
            _leave_unknown(payment, attempt, outcome)
        case NotSent():
            _give_up(payment, attempt, outcome)
    after_commit(partial(count, attempt.processor, outcome))


def count(processor: str, outcome: Outcome) -> None:
    """Have the metrics know of an outcome that is committed."""
    decline = outcome.decline_class if isinstance(outcome, Declined) else ""
    metrics.count("ballast_attempts_total", processor=processor, outcome=WORDS[type(outcome)], decline_class=decline)


def _finish(attempt: Attempt, status: str, external_id: str | None) -> None:
    move(attempt, status)
    attempt.external_id = attempt.external_id or external_id
    attempt.finished_at = now()
    attempt.next_probe_at = None


def _approve(payment: Payment, attempt: Attempt, outcome: Approved) -> None:
    if attempt.status == "unknown" or attempt.probes:
        prevented.note(payment.organization_id, "lost_answer", attempt.id, payment.id)
    if attempt.status == "created":
        move(attempt, "submitted")
    _finish(attempt, "approved", outcome.external_id)
    _show_card(payment, outcome.card)
    cards.keep(payment, outcome)
    payment.last_error = payment.next_action = None
    if not outcome.captured:
        move(payment, "requires_capture")
        days = processing.capabilities_of(payment.processor).authorization_days
        payment.capture_before = now() + timedelta(days=days)
        _tell(payment, "payment_intent.amount_capturable_updated")
        return
    if outcome.captured != payment.amount:
        log.error("captured %s of %s %s: %s", outcome.captured, payment.amount, payment.currency, payment.id)
    collect(payment, attempt, outcome.captured)


def collect(payment: Payment, attempt: Attempt, captured: int) -> None:
    """Write down that `captured` minor units were taken. In the caller's transaction, with cart, order and payment locked."""
    move(payment, "succeeded")
    payment.amount_captured = captured
    payment.succeeded_at = now()
    invoice, plan = _invoice_of(payment), plans.of_payment(payment)
    of_order = min(order_parts.of_order(payment), captured) if invoice and payment.order_id else 0
    account = "receivables" if invoice else "financing_receivable" if plan else "sales"
    _post_capture(payment, attempt.id, account, captured - of_order)
    if of_order:
        _post_capture(payment, f"{attempt.id}/{ledger.ORDER_PART}", "sales", of_order)
    order = _settle(payment)
    if invoice is not None:
        settling.paid(invoice, payment)
    if plan is not None:
        plans.paid(plan, payment, attempt, captured)
    if order is not None and order.subscription_id is not None:
        _start_subscription(order, order.subscription_id, payment)
    receipts.send_receipt(payment, order, invoice, plan.agreement if plan else None)
    _tell(payment, "payment_intent.succeeded")


def _post_capture(payment: Payment, source: str, account: str, amount: int) -> None:
    whose = (amount, payment.currency, payment.id)
    ledger.post(payment.organization_id, "capture", source, "processor_receivable", account, *whose)


def _start_subscription(order: Order, subscription_id: str, payment: Payment) -> None:
    """What the order has waited with begins, if its invoice has not made it begin."""
    subscription = rows.locked(order.organization_id, subscription_id)
    card = cards.of_payment(payment)
    settling.begin(subscription, card.id if card is not None else None)
    if subscription.status not in rows.ENDED:
        letters.started(subscription, order.consent)


def _invoice_of(payment: Payment) -> Invoice | None:
    """The invoice a payment is, or was, for; it is locked already (see `attempt_locks`)."""
    invoice_id = once(("invoice of", payment.id), lambda: _claimed_invoice(payment))
    return invoices.locked(payment.organization_id, invoice_id) if invoice_id is not None else None


def _claimed_invoice(payment: Payment) -> str | None:
    claimed = select(Claim.obligation_id).where(
        Claim.organization_id == payment.organization_id, Claim.payment_id == payment.id, Claim.obligation == "period"
    )
    return db.session.scalars(claimed).first()


def _settle(payment: Payment) -> Order | None:
    """Mark what the payment claimed as paid, its order too, and end the cart the order came from; answers the order."""
    for claim in _open_claims(payment):
        move(claim, "paid")
    if payment.order_id is None:
        return None
    order = db.session.scalars(
        select(Order)
        .where(Order.organization_id == payment.organization_id, Order.id == payment.order_id)
        .with_for_update()
    ).one()
    if order.status == "pending":
        orders.mark_paid(order)
        opening.settle(order, payment)
    orders.end_cart(order)
    return order


def _open_claims(payment: Payment) -> list[Claim]:
    read: list[Claim] | None = known((Claim, payment.id))
    if read is not None:
        return [claim for claim in read if claim.status == "open"]
    wanted = select(Claim).where(
        Claim.organization_id == payment.organization_id, Claim.payment_id == payment.id, Claim.status == "open"
    )
    return list(db.session.scalars(wanted))


def cancel(payment: Payment) -> None:
    """Close a payment for good and release what it claimed. In the caller's transaction, with the payment locked.

    Raises Conflict(`payment_in_progress`) while an attempt is open or money is held or taken.
    """
    if payment.status not in UNPAID:
        raise Conflict("payment_in_progress", "A payment for this cart is under way. Finish it first.")
    close(payment)


def close(payment: Payment, reason: str | None = None) -> None:
    """Cancel a payment that holds no money any more, and release what it claimed. In the caller's transaction, with it locked.

    `reason`: one of CANCELLATION_REASONS, where there is one.
    """
    was = payment.status
    move(payment, "canceled")
    payment.cancellation_reason = reason
    payment.canceled_at = now()
    for claim in _open_claims(payment):
        move(claim, "released")
    changes: dict[str, Any] = audit.differences({"status": was}, {"status": payment.status})
    changes |= {"reason": reason} if reason else {}
    audit.record(payment.organization_id, "payment.canceled", "payment", payment.id, changes)
    _tell(payment, "payment_intent.canceled")


def _decline(payment: Payment, attempt: Attempt, outcome: Declined) -> None:
    if attempt.status == "created":
        move(attempt, "submitted")
    _finish(attempt, "declined", outcome.external_id)
    attempt.decline_class, attempt.decline_code, attempt.message = outcome.decline_class, outcome.code, outcome.message
    if outcome.card:
        _show_card(payment, outcome.card)
    velocity.count_decline(payment, attempt, outcome.card)
    move(payment, "requires_payment_method")
    payment.next_action = None
    payment.last_error = {
        "type": "card_error" if outcome.decline_class != "configuration" else "processor_error",
        "code": "card_declined" if outcome.decline_class != "configuration" else outcome.code,
        "decline_code": "generic_decline" if outcome.decline_class == "fraud" else outcome.code,
        "decline_class": "hard" if outcome.decline_class == "fraud" else outcome.decline_class,
        "message": outcome.message,
    }
    if outcome.decline_class in NEVER_AGAIN:
        _block(payment, outcome.decline_class)
    _tell(payment, "payment_intent.attempt_failed")
    invoice = _invoice_of(payment)
    if invoice is not None:
        settling.declined(invoice, attempt)
    if (plan := plans.of_payment(payment)) and not _end_act(plan, payment):
        plans.declined(plan, attempt)


def _end_act(plan: Claimed, payment: Payment) -> bool:
    """What was asked for on a plan did not come about: its payment is closed, and the plan is as it was. False where it was no act."""
    if not arriving.called_off(plan.agreement, payment):
        return False
    close(payment)
    standing.refresh(plan.agreement, plan.installments)
    return True


def _block(payment: Payment, decline_class: str) -> None:
    """A stored card that was declined for good is never tried again."""
    if payment.payment_method_id is not None:
        card = db.session.scalars(card_of(payment.organization_id, payment.payment_method_id)).one()
        card.blocked_because, card.blocked_until = decline_class, None


def _require_action(payment: Payment, attempt: Attempt, outcome: ActionRequired) -> None:
    waiting = attempt.status == "action_required"
    if waiting and attempt.created_at < now() - CHALLENGE_LASTS:
        log.info("a challenge has been open for long: %s", attempt.id)
    if not waiting:
        if attempt.status == "created":
            move(attempt, "submitted")
        move(attempt, "action_required")
        move(payment, "requires_action")
        payment.next_action = _next_action(outcome)
        _tell(payment, "payment_intent.requires_action")
        invoice = _invoice_of(payment)
        if invoice is not None:
            settling.needs_action(invoice, attempt)
        if plan := plans.of_payment(payment):
            plans.needs_action(plan, attempt)
    attempt.next_probe_at = real_time() + PROBES[min(attempt.probes, len(PROBES) - 1)]


def _next_action(outcome: ActionRequired) -> dict[str, str | None]:
    if outcome.redirect_url:
        return {"type": "redirect_to_url", "url": outcome.redirect_url}
    return {"type": "use_processor_sdk", "client_secret": outcome.client_secret}


def _leave_unknown(payment: Payment, attempt: Attempt, outcome: Unknown) -> None:
    bank_is_deciding = outcome.reason == "processing"
    if attempt.status == "submitted" or (attempt.status == "action_required" and bank_is_deciding):
        move(attempt, "unknown")
    if payment.status == "requires_action" and bank_is_deciding:
        move(payment, "processing")
        payment.next_action = None
    attempt.message = outcome.reason
    attempt.next_probe_at = real_time() + PROBES[min(attempt.probes, len(PROBES) - 1)]
    unknown_alerts.send_if_old(payment, attempt)


def _give_up(payment: Payment, attempt: Attempt, outcome: NotSent) -> None:
    was_asked = attempt.status == "action_required"
    _finish(attempt, "not_sent", outcome.external_id)
    attempt.message = outcome.reason
    payment.next_action = None
    move(payment, "requires_payment_method" if payment.status == "requires_action" else "requires_confirmation")
    invoice = _invoice_of(payment)
    if invoice is not None:
        settling.not_tried(invoice, attempt, was_asked=was_asked)
    if (plan := plans.of_payment(payment)) and not _end_act(plan, payment):
        plans.not_tried(plan, attempt, was_asked=was_asked)


def _receive_late(payment: Payment, attempt: Attempt, outcome: Approved) -> None:
    """A success for an attempt we had closed. Where the organization wants credit, what was taken for an invoice or installments pays
    them if nothing else is under way for that."""
    invoice, plan = _invoice_of(payment), plans.of_payment(payment)
    is_owed = bool(invoice or plan) and not order_parts.is_mixed(payment)
    late = late_successes.receive(payment, attempt, outcome, is_owed=is_owed)
    if late is None or late.answer != "credit" or not is_owed:
        return
    if payment.status in UNPAID:
        close(payment)
    if plan is not None:
        plans.paid_late(plan, payment, attempt, late.amount)
    if invoice is not None:
        is_free = payment.status == "canceled" and invoice.payment_id == payment.id
        settling.paid_late(invoice, attempt, late.amount, is_free=is_free)


def _show_card(payment: Payment, card: Card) -> None:
    payment.card_brand, payment.card_last4 = card.brand or payment.card_brand, card.last4 or payment.card_last4


def _tell(payment: Payment, event_type: str) -> None:
    webhooks.publish(payment.organization_id, event_type, "payment", payment.id, payment_payload(payment))
