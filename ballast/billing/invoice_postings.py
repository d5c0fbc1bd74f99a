"""What an invoice does to the ledger: owed when it is finalized, collected when it is paid, undone when it is voided.

Accrual: `receivables` holds what customers owe, `subscription_revenue` and `tax_payable` what the invoice was for. A downgrade that
comes to less than nothing is owed to the customer (`customer_credit`).
"""

from __future__ import annotations

from ballast.billing import ledger
from ballast.models import CreditNote, Invoice


def finalized(invoice: Invoice) -> None:
    """Owed from now on; credit that was applied is owed no more."""
    net, tax = invoice.total - invoice.tax, invoice.tax
    against = "receivables" if invoice.total >= 0 else "customer_credit"
    _post(invoice, "invoice_revenue", against, "subscription_revenue", net)
    _post(invoice, "invoice_tax", against, "tax_payable", tax)
    _post(invoice, "invoice_credit", "customer_credit", "receivables", invoice.credit_applied)


def paid_for_nothing(invoice: Invoice) -> None:
    """What it was for can no longer be had: the customer is owed what they paid, by card and with their credit; not what was given."""
    net = invoice.total - invoice.tax - invoice.waived
    _post(invoice, "change_of_ended", "subscription_revenue", "customer_credit", net)
    _post(invoice, "change_of_ended_tax", "tax_payable", "customer_credit", invoice.tax)


def waived(invoice: Invoice, amount: int) -> None:
    """Too small to be charged: the customer is given it."""
    _post(invoice, "small_amount", "bad_debt", "customer_credit", amount)


def received_late(invoice: Invoice, attempt_id: str, amount: int) -> None:
    """A processor took it for an attempt we had been told was over: it is owed to the customer."""
    _move(invoice, "late_success", attempt_id, "processor_receivable", "customer_credit", amount)


def applied_late(invoice: Invoice, attempt_id: str, amount: int) -> None:
    """Of that, what the invoice takes."""
    _move(invoice, "late_success_applied", attempt_id, "customer_credit", "receivables", amount)


def voided(invoice: Invoice) -> None:
    """Nobody owes it any more."""
    _post(invoice, "void_revenue", "subscription_revenue", "receivables", invoice.total - invoice.tax)
    _post(invoice, "void_tax", "tax_payable", "receivables", invoice.tax)
    _post(invoice, "void_credit", "receivables", "customer_credit", invoice.credit_applied - invoice.waived)
    _post(invoice, "void_small_amount", "receivables", "bad_debt", invoice.waived)


def given_up(invoice: Invoice) -> None:
    """It is not expected any more."""
    _post(invoice, "bad_debt", "bad_debt", "receivables", invoice.amount_due)


def recovered(invoice: Invoice) -> None:
    """It had been given up, and is being paid after all."""
    _post(invoice, "bad_debt_recovered", "receivables", "bad_debt", invoice.amount_due)


def credited(invoice: Invoice, note: CreditNote) -> None:
    """Part of it is taken back by a credit note: revenue and tax fall, and the customer is owed as much.

    As credit it is owed in `customer_credit`. As a refund it stands against `refunds`, where the refund itself posts the same amount
    when the money has gone: together they leave nothing there, so what went back is not counted twice (docs/subscriptions.md).
    """
    to = _owed_in(note)
    _move(invoice, "credit_note", note.id, "subscription_revenue", to, note.amount - note.tax)
    _move(invoice, "credit_note_tax", note.id, "tax_payable", to, note.tax)


def credit_voided(invoice: Invoice, note: CreditNote) -> None:
    """The credit note's refund did not go, so nothing was taken back."""
    to = _owed_in(note)
    _move(invoice, "credit_note_void", note.id, to, "subscription_revenue", note.amount - note.tax)
    _move(invoice, "credit_note_void_tax", note.id, to, "tax_payable", note.tax)


def _owed_in(note: CreditNote) -> str:
    return "refunds" if note.refund_id else "customer_credit"


def _post(invoice: Invoice, kind: str, debit: str, credit: str, amount: int) -> None:
    _move(invoice, kind, invoice.id, debit, credit, amount)


def _move(invoice: Invoice, kind: str, source: str, debit: str, credit: str, amount: int) -> None:
    """A negative amount goes the other way; nothing is nothing."""
    if amount < 0:
        debit, credit, amount = credit, debit, -amount
    if amount:
        ledger.post(invoice.organization_id, kind, source, debit, credit, amount, invoice.currency, invoice.payment_id)
