"""What an invoice's payment means for its subscription: it arrived, it was declined, it never went out.

Called where an attempt's outcome is recorded, in that transaction, with subscription, invoice and payment locked in this order. So no
mail and no event can contradict another: all are written from the state this one commit leaves behind.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial

from sqlalchemy import Select, select

from ballast import audit, metrics
from ballast.billing import cards, coupons, credit, invoice_postings, invoices, retries
from ballast.billing.subscriptions import letters, plan, rows
from ballast.clock import now
from ballast.db import after_commit, db
from ballast.models import Attempt, Invoice, Payment, Subscription

log = logging.getLogger(__name__)


def paid(invoice: Invoice, payment: Payment | None) -> None:
    """The money is there: mark the invoice, do what it was for, and lift what its absence had brought about."""
    if invoice.status != "paid":
        invoices.mark_paid(invoice)
        if invoice.first_failed_at is not None:
            count_dunning("recovered")
    if invoice.subscription_id is None:
        return
    subscription = rows.locked(invoice.organization_id, invoice.subscription_id)
    if payment is not None:
        _take_card(subscription, invoice, payment)
    if invoice.change:
        _apply_change(subscription, invoice)
    if invoice.billing_reason != "manual" or subscription.status == "incomplete":
        _lift(subscription)


def count_dunning(result: str) -> None:
    """An invoice that failed first did so just now (`failed`), was paid after all (`recovered`), or never (`lost`)."""
    after_commit(partial(metrics.count, "ballast_dunning_total", what="invoice", result=result))


def begin(subscription: Subscription, card_id: str | None) -> None:
    """The order it was bought with is paid, and nothing was due of it: it begins, and is charged to this card from then on. In the
    transaction that records the payment, with it locked; does nothing for one that has begun with its invoice, or has ended meanwhile.

    Without a trial its first period, of which nothing was due, is billed by the sweeper.
    """
    if subscription.status != "incomplete":
        return
    subscription.payment_method_id = subscription.payment_method_id or card_id
    _lift(subscription)
    if subscription.status == "active":
        restart(subscription)


def _take_card(subscription: Subscription, invoice: Invoice, payment: Payment) -> None:
    """A first payment brings the card along; a later one with another card is for that payment only, unless its holder said that it
    is to be kept: then it is their default too, and what else is owed is charged to it."""
    if subscription.payment_method_id is not None and not invoice.keeps_card:
        return
    card = cards.of_payment(payment)
    if card is None or card.status not in ("active", "pending") or card.id == subscription.payment_method_id:
        return
    before, subscription.payment_method_id = subscription.payment_method_id, card.id
    if before is not None:
        rows.note(subscription, "subscription.card_changed", {"payment_method": {"before": before, "after": card.id}})
    if invoice.keeps_card and card.status == "active":
        rows.customer_of_row(subscription).default_payment_method_id = card.id
        retry_now(subscription)


def retry_now(subscription: Subscription) -> int:
    """Have what is owed charged at once: a new card is there. In the caller's transaction, with the subscription locked; answers how
    many invoices that is."""
    owed = list(db.session.scalars(owed_of(subscription).with_for_update()))
    for invoice in owed:
        invoice.next_attempt_at, invoice.last_failed_at = now(), None
    return len(owed)


def owed_of(subscription: Subscription) -> Select[Invoice]:
    """Its invoices that were declined and are still open, oldest first."""
    wanted = select(Invoice).where(
        Invoice.organization_id == subscription.organization_id,
        Invoice.subscription_id == subscription.id,
        Invoice.status == "open",
        Invoice.first_failed_at.is_not(None),
        Invoice.change.is_(None),
    )
    return wanted.order_by(Invoice.id)


def _apply_change(subscription: Subscription, invoice: Invoice) -> None:
    """A change that had to be paid takes effect as of the moment it was priced for, unless the subscription has ended since."""
    change = invoice.change or {}
    if subscription.status in rows.ENDED:
        log.error("a change was paid after its subscription had ended: %s", invoice.id)
        whose = (invoice.organization_id, invoice.customer_id, invoice.currency)
        credit.move(*whose, invoice.total - invoice.waived, "change_of_ended", invoice.id)
        invoice_postings.paid_for_nothing(invoice)
        return
    before = {"price": subscription.price_id, "quantity": subscription.quantity}
    subscription.price_id, subscription.quantity = change["price"], change["quantity"]
    subscription.pending_price_id = subscription.pending_quantity = None
    if change.get("new_anchor"):
        coupons.use_period(subscription)
        at = datetime.fromisoformat(change["at"])
        subscription.anchor_at = at
        start, end = plan.of(subscription).rhythm(at, subscription.timezone).period(0)
        rows.begin_period(subscription, 0, start, end)
    after = {"price": subscription.price_id, "quantity": subscription.quantity}
    rows.note(subscription, "subscription.changed", {"plan": {"before": before, "after": after}})
    letters.plan_changed(subscription, invoice)


def paid_late(invoice: Invoice, attempt: Attempt, captured: int, *, is_free: bool) -> None:
    """Money (minor units) for an attempt that we had been told was over: the customer's credit, and the invoice's if it is still open.

    `is_free`: nothing else is under way for the invoice, so the credit may settle it and no card is charged for it again.
    """
    whose = (invoice.organization_id, invoice.customer_id, invoice.currency)
    credit.move(*whose, captured, "late_success", attempt.id)
    invoice_postings.received_late(invoice, attempt.id, captured)
    used = min(captured, invoice.amount_due) if is_free and invoice.status == "open" else 0
    if not used:
        return
    credit.move(*whose, -used, "late_success_applied", attempt.id)
    invoice.credit_applied += used
    invoice.amount_due -= used
    invoice_postings.applied_late(invoice, attempt.id, used)
    if invoice.amount_due:
        invoice.next_attempt_at = now()
    else:
        paid(invoice, None)


def _lift(subscription: Subscription) -> None:
    """Active again once nothing is owed; periods that could not be billed in the meantime are not billed afterwards."""
    match subscription.status:
        case "incomplete":
            in_trial = subscription.trial_end_at is not None and subscription.trial_end_at > now()
            rows.set_status(subscription, "trialing" if in_trial else "active")
            subscription.next_action_at = subscription.current_period_end
            rows.remind(subscription)
        case "past_due" | "unpaid" if not _owes(subscription):
            was_unpaid = subscription.status == "unpaid"
            subscription.failing_since = None
            rows.set_status(subscription, "active")
            if was_unpaid and subscription.current_period_end <= now():
                restart(subscription)
            else:
                subscription.next_action_at = subscription.current_period_end
                rows.remind(subscription)


def forgiven(subscription: Subscription) -> None:
    """One of its invoices is not asked for any more: void, or given up by hand. It goes on if nothing else is owed."""
    if subscription.status != "incomplete":
        _lift(subscription)


def restart(subscription: Subscription) -> None:
    """Begin anew from here: the next period, from now, is billed at once by the sweeper."""
    subscription.anchor_at, subscription.period = now().replace(microsecond=0), -1
    subscription.next_action_at = subscription.anchor_at


def _owes(subscription: Subscription) -> bool:
    """Whether an invoice of a period is open."""
    wanted = select(Invoice.id).where(
        Invoice.organization_id == subscription.organization_id,
        Invoice.subscription_id == subscription.id,
        Invoice.status == "open",
        Invoice.billing_reason.in_(("subscription_create", "subscription_cycle")),
    )
    return db.session.scalars(wanted.limit(1)).first() is not None


# --- It did not arrive --------------------------------------------------------------------------------------------------------


def declined(invoice: Invoice, attempt: Attempt) -> None:
    """Decide by the class of the decline what happens next: see docs/subscriptions.md, "When a card is declined"."""
    decline_class = attempt.decline_class or "soft"
    if decline_class == "configuration":
        _blame_us(invoice, attempt)
        return
    failing(invoice, decline_class, attempt, by_customer=not attempt.off_session)


def failing(invoice: Invoice, decline_class: str, attempt: Attempt | None, *, by_customer: bool = False) -> None:
    """Count a failure and set what comes next. A customer's own try on the invoice's page moves no date of the schedule."""
    invoice.failures += 1
    invoices.tell(invoice, "invoice.payment_failed")
    subscription = _subscription_of(invoice)
    if (
        subscription is None
        or subscription.status == "incomplete"
        or invoice.change
        or invoice.billing_reason == "manual"
    ):
        return  # Its holder sees it on the page they are on; nothing is tried again without them.
    if invoice.first_failed_at is None:
        invoice.first_failed_at = now()
        count_dunning("failed")
        subscription.failing_since = subscription.failing_since or now()
    if not by_customer:
        invoice.last_failed_at = now()
    if not by_customer or invoice.next_attempt_at is None:
        invoice.next_attempt_at = next_date(invoice, decline_class)
    if subscription.status in ("active", "trialing"):
        rows.set_status(subscription, "past_due")
    letters.charge_failed(subscription, invoice, decline_class, attempt)


def next_date(invoice: Invoice, decline_class: str) -> datetime:
    """When the collector looks at it again: on the next day of the schedule for a soft decline, on its last one otherwise.

    The last day is when the schedule is over: what then happens to an invoice that may not be tried is `collecting`'s to say.
    """
    coming = retries.coming_dates(invoice)
    if not coming:
        return now()
    return coming[0] if decline_class == "soft" else coming[-1]


def _blame_us(invoice: Invoice, attempt: Attempt) -> None:
    log.error("a charge failed for our configuration: invoice %s, %s", invoice.id, attempt.decline_code)
    changes = {"code": attempt.decline_code, "attempt": attempt.id}
    audit.record(invoice.organization_id, "invoice.misconfigured", "invoice", invoice.id, changes)
    if _subscription_of(invoice) is not None and not invoice.change and attempt.off_session:
        invoice.next_attempt_at = now() + retries.OUR_FAULT_WAITS


def needs_action(invoice: Invoice, attempt: Attempt) -> None:
    """The bank wants its customer: a mail with the link, and no try without them while it is open."""
    subscription = _subscription_of(invoice)
    if subscription is None or not attempt.off_session:
        return
    letters.action_needed(subscription, invoice)


def not_tried(invoice: Invoice, attempt: Attempt, *, was_asked: bool) -> None:
    """Nothing was charged and nothing will be. What never went out goes again in a minute; a question of the bank that nobody answered
    (`was_asked`) is a decline that wants the customer."""
    if not attempt.off_session or invoice.status != "open" or invoice.change:
        return
    if was_asked:
        failing(invoice, "authentication", attempt)
    else:
        invoice.next_attempt_at = now() + retries.NOT_SENT_WAITS


def _subscription_of(invoice: Invoice) -> Subscription | None:
    if invoice.subscription_id is None:
        return None
    return rows.locked(invoice.organization_id, invoice.subscription_id)
