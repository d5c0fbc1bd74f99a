"""Credit notes: a paid invoice taken back, in part or whole, as a refund of its payment or as credit for the next invoice.

Numbered without gaps, under the invoice's lock. Never more than was paid, in money or with credit, less what has gone back already, by
whatever road: credit notes, refunds of the payment without one, disputes that were lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select

from ballast import audit
from ballast.billing import credit, invoice_postings, invoices, lookup, payments, refunds
from ballast.billing.invoice_payloads import credit_note_payload
from ballast.billing.tax_returns import share
from ballast.clock import now
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest
from ballast.ids import new_id
from ballast.models import CreditNote, Invoice, Payment, Refund
from ballast.models.invoices import credit_note_of
from ballast.money import format_money
from ballast.notifications import webhooks

# What a processor is told of the reason, in the words refunds have for it.
REFUND_REASONS = {"duplicate": "duplicate", "fraudulent": "fraudulent"}
How = Literal["refund", "credit"]


@dataclass(frozen=True)
class NewNote:
    """What is taken back of an invoice. `amount`: minor units, tax included; None for all that is left."""

    invoice_id: str
    how: How
    amount: int | None = None
    reason: str = "other"
    memo: str = ""
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Issued:
    """A credit note, and the refund to send once this has committed."""

    note: CreditNote
    refund: Refund | None


def create(organization_id: str, asked: NewNote) -> Issued:
    """Issue a credit note. In the caller's transaction; send its refund after the commit.

    Raises NotFound, Conflict(`invoice_not_creditable`, `invoice_credited`, `payment_disputed`, `idempotency_key_expired`),
    InvalidRequest(`credit_too_large`), and what `refunds.request` raises.
    """
    _refuse_used_key(organization_id, asked.idempotency_key)
    invoice = invoices.locked(organization_id, asked.invoice_id)
    if invoice.status != "paid" or invoice.total <= 0:
        raise Conflict("invoice_not_creditable", "Only an invoice that was paid can be credited.")
    payment = payments.locked(organization_id, invoice.payment_id) if invoice.payment_id else None
    amount = _amount(invoice, payment, asked)
    reason = REFUND_REASONS.get(asked.reason, "requested_by_customer")
    wants_refund = asked.how == "refund"
    paid_by = invoice.payment_id or ""
    refund = refunds.request(organization_id, paid_by, amount, reason, part="invoice") if wants_refund else None
    db.session.flush()
    note = _write(invoice, asked, amount, refund)
    return Issued(note, refund)


def _refuse_used_key(organization_id: str, key: str | None) -> None:
    wanted = select(CreditNote.id).where(
        CreditNote.organization_id == organization_id, CreditNote.idempotency_key == key
    )
    if key and db.session.scalars(wanted).first():
        raise Conflict(
            "idempotency_key_expired",
            "A credit note was issued under this Idempotency-Key and its stored answer has expired. Look in the list.",
        )


def _amount(invoice: Invoice, payment: Payment | None, asked: NewNote) -> int:
    """What is asked for, or all that is left."""
    if payment is not None and refunds.is_disputed(payment):
        raise Conflict(
            "payment_disputed", "This payment is disputed. Whatever goes back goes back through the dispute."
        )
    left = creditable(invoice, payment)
    if asked.how == "refund":
        left = min(left, refunds.refundable(payment, "invoice") if payment else 0)
    if left == 0:
        said = "Nothing of this invoice was paid by card, or all of that has gone back: give credit instead."
        raise Conflict(
            "invoice_credited", said if asked.how == "refund" else "All of this invoice has gone back already."
        )
    if asked.amount is not None and asked.amount > left:
        shown = format_money(left, invoice.currency)
        raise InvalidRequest("credit_too_large", f"At most {shown} can go back.", param="amount")
    return left if asked.amount is None else asked.amount


def creditable(invoice: Invoice, payment: Payment | None) -> int:
    """Minor units of a paid invoice that can still go back, with its payment locked: money that has not, and credit it took, less
    the credit that was given for it."""
    given = select(func.coalesce(func.sum(CreditNote.amount), 0)).where(
        CreditNote.organization_id == invoice.organization_id,
        CreditNote.invoice_id == invoice.id,
        CreditNote.status == "issued",
        CreditNote.refund_id.is_(None),
    )
    money = refunds.refundable(payment, "invoice") if payment else 0
    own = invoice.credit_applied - invoice.waived
    return money + max(own - int(db.session.scalar(given) or 0), 0)


def _write(invoice: Invoice, asked: NewNote, amount: int, refund: Refund | None) -> CreditNote:
    organization_id = invoice.organization_id
    credit.available(organization_id, invoice.customer_id, invoice.currency, lock=True)
    note = CreditNote(
        id=new_id("cn"),
        organization_id=organization_id,
        number=invoices.next_credit_note_number(organization_id),
        status="issued",
        invoice_id=invoice.id,
        customer_id=invoice.customer_id,
        refund_id=refund.id if refund else None,
        amount=amount,
        tax=_tax(invoice, amount),
        currency=invoice.currency,
        reason=asked.reason,
        memo=asked.memo,
        idempotency_key=asked.idempotency_key,
        created_at=now(),
    )
    db.session.add(note)
    invoice.amount_credited += amount
    db.session.flush()
    invoice_postings.credited(invoice, note)
    if refund is None:
        credit.move(organization_id, note.customer_id, note.currency, amount, "credit_note", note.id)
    changes = {"number": note.number, "invoice": invoice.id, "amount": amount, "how": asked.how}
    audit.record(organization_id, "credit_note.created", "credit_note", note.id, changes)
    webhooks.publish(organization_id, "credit_note.created", "credit_note", note.id, credit_note_payload(note))
    return note


def _tax(invoice: Invoice, amount: int) -> int:
    """The part of `amount` that is tax: of all credited so far, rounded once, less what earlier notes took, so that they add up."""
    taken = select(func.coalesce(func.sum(CreditNote.tax), 0)).where(
        CreditNote.organization_id == invoice.organization_id,
        CreditNote.invoice_id == invoice.id,
        CreditNote.status == "issued",
    )
    upto = share(invoice.total, invoice.tax, invoice.amount_credited + amount)
    return min(max(upto - int(db.session.scalar(taken) or 0), 0), amount)


def find(organization_id: str, note_id: str) -> CreditNote:
    """The credit note. Raises NotFound."""
    return lookup.find(credit_note_of(organization_id, note_id), note_id, "cn", "credit note")
