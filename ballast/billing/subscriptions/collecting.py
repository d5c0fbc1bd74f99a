"""Charging what is due: an open invoice, one payment, one open attempt at a time.

If the process dies …
  before the commit that begins an attempt: the invoice is still due, and the next sweep takes it.
  after it: the attempt is the resolver's; what it finds is recorded as any outcome is, and sets what comes next (`settling`).
A second sweep finds the invoice not due any more: `next_attempt_at` is cleared in the commit that begins the attempt. Two at once meet
at the invoice's row lock; past that, at the unique indexes on open attempts and on claims.
An invoice that falls due while a charge for it is under way keeps a date: where nothing comes of that charge, nobody else sets one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select

from ballast.billing import budgets, invoices, new_payments, payments, retries
from ballast.billing.subscriptions import ending, letters, mandates, notices, reading, rolling, rows, settling
from ballast.clock import now
from ballast.db import db, gather, insert_row, know, transaction
from ballast.errors import Conflict
from ballast.ids import new_id
from ballast.models import Attempt, Claim, Invoice, Payment, PaymentMethod, Subscription

PAYABLE = ("open", "uncollectible")


@dataclass(frozen=True)
class Ready:
    """An invoice whose card may be charged."""

    subscription: Subscription
    invoice: Invoice
    card: PaymentMethod


def collect(organization_id: str, invoice_id: str) -> bool:
    """Charge an invoice that is due, if it still is and its card may be tried. Answers whether a processor was asked."""
    with transaction():
        found = ready(organization_id, invoice_id)
        if found is None:
            return False
        begun = _begin(found, payment_for(found.invoice, found.card.id))
        found.invoice.next_attempt_at = None
    payments.run(begun)
    return True


def begin_all(organization_id: str, invoice_ids: Sequence[str]) -> list[payments.Begun]:
    """Begin to charge many invoices in one transaction, each if it still is due and its card may be tried; `payments.run` does the
    rest of each. What they have in common is read once, and rows are written together. If one of them cannot be begun none is.

    A card is tried for one invoice at a time: a second one stays due.
    """
    with transaction():
        gather()
        due = reading.for_charging(organization_id, invoice_ids)
        found = _one_per_card(one for invoice in due if (one := ready(organization_id, invoice.id)))
        begun = _begin_together(found)
        for invoice in due:
            invoice.lease_until = None
        return begun


def _begin_together(found: Sequence[Ready]) -> list[payments.Begun]:
    """Payments are written once, as their attempts leave them, and before what refers to them: their invoices, claims and attempts."""
    begun, fresh = [], []
    for one in found:
        payment = _present_payment(one.invoice)
        if payment is None:
            payment = _new_payment(one.invoice, one.card.id)
            know((Attempt, payment.id), 0)
            fresh.append((one.invoice, payment))
        begun.append(_begin(one, payment))
    db.session.flush()
    for invoice, payment in fresh:
        claim(invoice, payment)
    for one in found:
        one.invoice.next_attempt_at = None
    return begun


def _one_per_card(found: Iterable[Ready]) -> list[Ready]:
    """What a card has been tried was counted once for the whole batch (`budgets.hold`)."""
    by_card: dict[str, Ready] = {}
    for one in found:
        by_card.setdefault(one.card.id, one)
    return list(by_card.values())


def lock(organization_id: str, invoice_id: str) -> tuple[Subscription | None, Invoice]:
    """Subscription, then invoice, locked in the order everybody locks in. Raises NotFound."""
    invoice = invoices.find(organization_id, invoice_id)
    subscription = rows.locked(organization_id, invoice.subscription_id) if invoice.subscription_id else None
    return subscription, invoices.locked(organization_id, invoice_id)


def ready(organization_id: str, invoice_id: str) -> Ready | None:
    """The invoice with its card, or nothing and what comes next noted on it."""
    subscription, invoice = lock(organization_id, invoice_id)
    is_due = invoice.next_attempt_at is not None and invoice.next_attempt_at <= now()
    if subscription is None or invoice.status != "open" or not is_due:
        return None
    if ending.has_charge_under_way(invoice):
        # Its customer is with the bank, or nobody knows what became of it: no other try, and no end of dunning, before it is over.
        invoice.next_attempt_at = now() + rolling.WAIT
        return None
    card = rows.card_of_row(subscription, rows.customer_of_row(subscription))
    if card is not None and may_try(invoice, card) and not retries.is_spent(invoice):
        return Ready(subscription, invoice, card) if _is_announced(subscription, invoice) else None
    _look_again(subscription, invoice, card)
    return None


def _is_announced(subscription: Subscription, invoice: Invoice) -> bool:
    """Whether the card may be debited now; an Indian one is announced first, a day ahead."""
    debit_at = mandates.may_debit_at(
        invoice.organization_id, invoice.currency, letters.notice_key(subscription, invoice)
    )
    if debit_at <= now():
        return True
    letters.upcoming_charge(subscription, invoice)
    invoice.next_attempt_at = debit_at
    return False


def _look_again(subscription: Subscription, invoice: Invoice, card: PaymentMethod | None) -> None:
    """The card may not be tried, or there is none: ask for another one, wait for the network, or give up once the schedule is over."""
    needs_holder = card is not None and _needs_holder(invoice, card)
    if retries.is_over(invoice):
        ending.give_up(subscription, invoice)
    elif card is not None and not budgets.is_blocked(card) and not needs_holder:
        invoice.next_attempt_at = budgets.free_at(card, invoice.amount_due)
    elif invoice.first_failed_at is None:
        settling.failing(invoice, "authentication" if needs_holder else "hard", None)
    else:
        invoice.next_attempt_at = settling.next_date(invoice, "hard")


def may_try(invoice: Invoice, card: PaymentMethod) -> bool:
    """Whether the card may be charged for the invoice without its holder, now."""
    return budgets.free_at(card, invoice.amount_due) is None and not _needs_holder(invoice, card)


def _needs_holder(invoice: Invoice, card: PaymentMethod) -> bool:
    """Whether its mandate does not reach so far, or its bank has asked for its holder before."""
    if mandates.needs_holder(invoice.currency, invoice.customer_email, invoice.amount_due, card):
        return True
    # Where its card was set anew (`settling.retry_now`) there is no last failure: that is a try somebody asked for.
    last = notices.last_declined(invoice.organization_id, invoice.payment_id) if invoice.last_failed_at else None
    return last is not None and last.decline_class == "authentication" and last.payment_method_id == card.id


def _begin(due: Ready, payment: Payment) -> payments.Begun:
    """The attempt, to be flushed by the caller, who also sees to it that the invoice is due no more."""
    payment.off_session = True
    return payments.write(payment, payments.Source(due.card.id, series="recurring"))


def payment_for(invoice: Invoice, card_id: str | None) -> Payment:
    """The invoice's payment, locked; a new one where it has none, or the last one was closed. With the invoice locked."""
    payment = _present_payment(invoice)
    if payment is not None:
        return payment
    payment = _new_payment(invoice, card_id)
    db.session.flush()
    claim(invoice, payment)
    db.session.flush()
    return payment


def _present_payment(invoice: Invoice) -> Payment | None:
    if invoice.payment_id is None:
        return None
    payment = payments.locked(invoice.organization_id, invoice.payment_id)
    return None if payment.status in ("canceled", "failed") else payment


def _new_payment(invoice: Invoice, card_id: str | None) -> Payment:
    return new_payments.draft(
        invoice.organization_id,
        new_payments.NewPayment(
            amount=invoice.amount_due,
            currency=invoice.currency,
            description=f"Invoice {invoice.number}",
            customer_id=invoice.customer_id,
            payment_method=card_id,
            off_session=card_id is not None,
            metadata={"invoice": invoice.number or invoice.id},
        ),
    )


def claim(invoice: Invoice, payment: Payment) -> None:
    """The payment, which is written already, is to settle the invoice, and no other may meanwhile."""
    invoice.payment_id = payment.id
    written = {
        "organization_id": invoice.organization_id,
        "id": new_id("clm"),
        "payment_id": payment.id,
        "obligation": "period",
        "obligation_id": invoice.id,
        "amount": invoice.amount_due,
        "status": "open",
        "created_at": now(),
    }
    insert_row(Claim, written)


def begin_with(invoice: Invoice, source: payments.Source, return_url: str | None = None) -> payments.Begun:
    """Begin to collect an invoice with its customer present. In the caller's transaction, with the invoice locked.

    Raises Conflict(`invoice_not_payable`, `invoice_with_order`), and what `payments.begin` raises.
    """
    if invoice.status not in PAYABLE:
        raise Conflict("invoice_not_payable", f"An invoice that is {invoice.status} cannot be paid.")
    payment = payment_for(invoice, None)
    if payment.amount != invoice.amount_due:
        said = "This invoice is paid together with the order it belongs to, at the checkout."
        raise Conflict("invoice_with_order", said)
    payment.off_session = False
    return payments.begin(payment, source, return_url)


def pay(organization_id: str, invoice_id: str, source: payments.Source, return_url: str | None = None) -> None:
    """Its customer pays an invoice, now; read it to know what came of it. Raises NotFound, and what `begin_with` raises."""
    with transaction():
        _subscription, invoice = lock(organization_id, invoice_id)
        begun = begin_with(invoice, source, return_url)
    payments.run(begun)


def use_card(subscription: Subscription, card_id: str) -> int:
    """Charge this stored card from now on, and what is owed at once; answers how many invoices that is. In the caller's transaction,
    with the subscription locked.

    Raises InvalidRequest(`payment_method_unknown`), Conflict(`payment_method_blocked`).
    """
    card = budgets.usable_card(subscription.organization_id, subscription.customer_id, card_id)
    if subscription.payment_method_id != card.id:
        before, subscription.payment_method_id = subscription.payment_method_id, card.id
        rows.note(subscription, "subscription.card_changed", {"payment_method": {"before": before, "after": card.id}})
    return settling.retry_now(subscription)


def due_of(organization_id: str, subscription_id: str) -> Select[Invoice]:
    """Open invoices of a subscription that are to be charged now, oldest first."""
    wanted = select(Invoice).where(
        Invoice.organization_id == organization_id,
        Invoice.subscription_id == subscription_id,
        Invoice.status == "open",
        Invoice.next_attempt_at <= now(),
    )
    return wanted.order_by(Invoice.id)


def invoice_by_token(organization_id: str, token: str) -> Invoice | None:
    """The invoice behind the address of its page."""
    wanted = select(Invoice).where(Invoice.organization_id == organization_id, Invoice.token == token)
    return db.session.scalars(wanted).first()


def invoice_of_payment(organization_id: str, payment_id: str) -> str | None:
    """Which invoice a payment is for."""
    wanted = select(Invoice.id).where(Invoice.organization_id == organization_id, Invoice.payment_id == payment_id)
    return db.session.scalars(wanted).first()
