"""A credit note whose refund did not go: void, with what it did to invoice and ledger undone. Its number stays."""

from __future__ import annotations

from sqlalchemy import select

from ballast import audit
from ballast.billing import invoice_postings
from ballast.billing.invoice_payloads import credit_note_payload
from ballast.db import db
from ballast.models import CreditNote, Invoice, Refund
from ballast.models.states import move
from ballast.notifications import webhooks


def lock_invoice(organization_id: str, payment_id: str) -> None:
    """Lock the invoice that a payment is for, before the payment: everybody locks in this order, so no two deadlock."""
    held = select(Invoice.id).where(Invoice.organization_id == organization_id, Invoice.payment_id == payment_id)
    db.session.execute(held.with_for_update())


def refund_ended(refund: Refund) -> None:
    """A refund failed, was sent back or called off. In the caller's transaction, with invoice and payment locked."""
    wanted = select(CreditNote).where(
        CreditNote.organization_id == refund.organization_id, CreditNote.refund_id == refund.id
    )
    note = db.session.scalars(wanted.with_for_update()).first()
    if note is None or note.status == "void":
        return
    invoice = db.session.get_one(Invoice, (refund.organization_id, note.invoice_id), populate_existing=True)
    move(note, "void")
    invoice.amount_credited -= note.amount
    invoice_postings.credit_voided(invoice, note)
    audit.record(note.organization_id, "credit_note.voided", "credit_note", note.id, {"number": note.number})
    webhooks.publish(note.organization_id, "credit_note.voided", "credit_note", note.id, credit_note_payload(note))
