"""Invoices: drawn up, numbered, paid, voided. In the caller's transaction throughout, with the subscription locked where there is one.

What a customer is shown before they agree (`figure`) and what is written (`issue`) come from the same lines by the same arithmetic, so
a preview equals its execution to the cent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from ballast import audit
from ballast.billing import credit, invoice_postings, lookup, minimums, taxes
from ballast.billing.invoice_payloads import invoice_payload
from ballast.billing.pricing import Discount, Line, Sums, Tax, add_up
from ballast.clock import now
from ballast.db import db, insert_row, know, known, once
from ballast.ids import new_id
from ballast.models import BillingSettings, Customer, Invoice, InvoiceLine, Organization
from ballast.models.invoices import invoice_of
from ballast.models.states import move
from ballast.notifications import webhooks
from ballast.security import new_token


@dataclass(frozen=True)
class NewInvoice:
    """What is to be billed, to whom, and why. `change`: what its payment brings about. `period` counts from `anchor_at`."""

    customer: Customer
    currency: str
    reason: str
    lines: tuple[Line, ...]
    discount: Discount | None = None
    subscription_id: str | None = None
    anchor_at: datetime | None = None
    period: int | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    change: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None


@dataclass(frozen=True)
class Figures:
    """What an invoice comes to, minor units. `amount_due` is what is left to pay once credit is applied.

    `waived`: the part of that credit the customer is given because it is too small, or too fine, to be charged.
    """

    sums: Sums
    tax: Tax | None
    credit_applied: int
    waived: int

    @property
    def amount_due(self) -> int:
        return max(self.sums.total, 0) - self.credit_applied


def figure(organization_id: str, asked: NewInvoice, lock: bool = False) -> Figures:
    """What the invoice would come to now. `lock`: hold the customer's credit for it."""
    tax = taxes.at(organization_id, asked.customer.country, asked.customer.region)
    sums = add_up(asked.lines, asked.discount, tax)
    has = credit.available(organization_id, asked.customer.id, asked.currency, lock)
    applied = min(has, max(sums.total, 0))
    waived = _waived(asked, max(sums.total, 0) - applied, is_rest=applied > 0)
    return Figures(sums, tax, applied + waived, waived)


def _waived(asked: NewInvoice, due: int, *, is_rest: bool) -> int:
    """The rest of a period, or what credit leaves, may come to a few cents, which no processor takes: they are the customer's."""
    if (asked.reason == "subscription_update" or is_rest) and due < minimums.least(asked.currency):
        return due
    return minimums.remainder(due, asked.currency)


def issue(organization_id: str, asked: NewInvoice) -> Invoice:
    """Draw up an invoice and finalize it: numbered, posted, told. One that nothing is due of is paid at once; see `amount_due`."""
    figures = figure(organization_id, asked, lock=True)
    invoice = _row(organization_id, asked, figures)
    invoice.number = _next_number(organization_id, "next_invoice", "")
    move(invoice, "open")
    invoice.finalized_at = now()
    db.session.add(invoice)
    for line in _lines(invoice, figures.sums.lines):
        insert_row(InvoiceLine, line)
    _apply_credit(invoice, figures)
    if invoice.total < 0:
        credit.move(
            organization_id, invoice.customer_id, invoice.currency, -invoice.total, "invoice_negative", invoice.id
        )
    invoice_postings.finalized(invoice)
    audit.record(organization_id, "invoice.finalized", "invoice", invoice.id, {"number": invoice.number})
    tell(invoice, "invoice.finalized")
    if not invoice.amount_due:
        mark_paid(invoice)
    return invoice


def _apply_credit(invoice: Invoice, figures: Figures) -> None:
    """What is waived is given first, and taken with the rest."""
    whose = (invoice.organization_id, invoice.customer_id, invoice.currency)
    credit.move(*whose, figures.waived, "small_amount", invoice.id)
    credit.move(*whose, -figures.credit_applied, "invoice_applied", invoice.id)
    invoice_postings.waived(invoice, figures.waived)


def _row(organization_id: str, asked: NewInvoice, figures: Figures) -> Invoice:
    """With every column that the database has a default for: nothing is read back then, and a short statement writes many."""
    sums, tax = figures.sums, figures.tax
    return Invoice(
        id=new_id("in"),
        organization_id=organization_id,
        token=new_token(24),
        status="draft",
        billing_reason=asked.reason,
        customer_id=asked.customer.id,
        customer_name=asked.customer.name,
        customer_email=asked.customer.email,
        subscription_id=asked.subscription_id,
        anchor_at=asked.anchor_at,
        period=asked.period,
        period_start=asked.period_start,
        period_end=asked.period_end,
        currency=asked.currency,
        subtotal=sums.subtotal,
        discount=sums.discount,
        tax=sums.tax,
        tax_added=sums.tax_added,
        tax_name=tax.name if tax else None,
        tax_bps=tax.bps if tax else None,
        tax_inclusive=bool(tax and tax.inclusive),
        coupon_name=asked.discount.name if asked.discount and sums.discount else None,
        total=sums.total,
        credit_applied=figures.credit_applied,
        waived=figures.waived,
        amount_due=figures.amount_due,
        amount_paid=0,
        amount_credited=0,
        keeps_card=False,
        failures=0,
        change=asked.change,
        metadata_=asked.metadata or {},
        created_at=now(),
    )


def _lines(invoice: Invoice, lines: tuple[Line, ...]) -> list[dict[str, Any]]:
    return [
        {
            "organization_id": invoice.organization_id,
            "id": new_id("il"),
            "invoice_id": invoice.id,
            "position": position,
            "price_id": line.price_id,
            "description": line.description,
            "quantity": line.quantity,
            "unit_amount": line.unit_amount,
            "amount": line.amount,
            "discount": line.discount,
            "tax": line.tax,
            "is_proration": line.is_proration,
            "period_start": line.period_start,
            "period_end": line.period_end,
        }
        for position, line in enumerate(lines)
    ]


def _next_number(organization_id: str, counter: str, mark: str) -> str:
    """The next number, without a gap: the counter's row stays locked until the transaction that uses it has committed."""
    reserved: list[str] | None = known((BillingSettings, organization_id, counter))
    return reserved.pop(0) if reserved else _take_numbers(organization_id, counter, mark, 1)[0]


def _take_numbers(organization_id: str, counter: str, mark: str, count: int) -> list[str]:
    settings(organization_id)
    prefix, after = _raise_counter(organization_id, counter, count)
    return [f"{prefix}-{mark}{number:06d}" for number in range(after - count, after)]


def _raise_counter(organization_id: str, counter: str, by: int) -> tuple[str, int]:
    column = getattr(BillingSettings, counter)
    raised = (
        update(BillingSettings)
        .where(BillingSettings.organization_id == organization_id)
        .values({counter: column + by})
        .returning(BillingSettings.invoice_prefix, column)
        .execution_options(synchronize_session=False)
    )
    prefix, after = db.session.execute(raised).one()
    return prefix, after


def reserve_numbers(organization_id: str, count: int) -> None:
    """Take the numbers of the next `count` invoices of the running transaction() in one statement; see `return_numbers`."""
    reserved = _take_numbers(organization_id, "next_invoice", "", count)
    know((BillingSettings, organization_id, "next_invoice"), reserved)


def return_numbers(organization_id: str) -> None:
    """Give back what was reserved and not used: the counter has been this transaction's alone, so no gap is left."""
    reserved: list[str] = known((BillingSettings, organization_id, "next_invoice")) or []
    if reserved:
        _raise_counter(organization_id, "next_invoice", -len(reserved))
        reserved.clear()


def next_credit_note_number(organization_id: str) -> str:
    """The next number of a credit note, without a gap."""
    return _next_number(organization_id, "next_credit_note", "CN")


def settings(organization_id: str) -> BillingSettings:
    """How the organization bills; the defaults are written at its first use. In the caller's transaction."""
    found = db.session.get(BillingSettings, organization_id)
    if found is None:
        slug = db.session.scalars(select(Organization.slug).where(Organization.id == organization_id)).one()
        prefix = "".join(letter for letter in slug.upper() if letter.isascii() and letter.isalnum())[:12]
        making = insert(BillingSettings).values(organization_id=organization_id, invoice_prefix=prefix or "INV")
        db.session.execute(making.on_conflict_do_nothing())
        found = db.session.get_one(BillingSettings, organization_id)
    return found


def mark_paid(invoice: Invoice) -> None:
    """Nothing is left to pay. The caller does what that brings about."""
    if invoice.status == "uncollectible":
        invoice_postings.recovered(invoice)
    move(invoice, "paid")
    invoice.amount_paid, invoice.paid_at, invoice.next_attempt_at = invoice.amount_due, now(), None
    tell(invoice, "invoice.paid")


def void(invoice: Invoice) -> None:
    """Take an unpaid invoice back, and give back the credit it took. Its payment must hold no money and be closed first."""
    if invoice.status == "uncollectible":
        invoice_postings.recovered(invoice)
    move(invoice, "void")
    invoice.closed_at, invoice.next_attempt_at = now(), None
    credit.move(
        invoice.organization_id,
        invoice.customer_id,
        invoice.currency,
        invoice.credit_applied - invoice.waived,
        "invoice_voided",
        invoice.id,
    )
    invoice_postings.voided(invoice)
    audit.record(invoice.organization_id, "invoice.voided", "invoice", invoice.id, {"number": invoice.number})
    tell(invoice, "invoice.voided")


def give_up(invoice: Invoice) -> None:
    """Expect it no more; it can still be paid."""
    move(invoice, "uncollectible")
    invoice.closed_at, invoice.next_attempt_at = now(), None
    invoice_postings.given_up(invoice)
    audit.record(invoice.organization_id, "invoice.uncollectible", "invoice", invoice.id, {"number": invoice.number})
    tell(invoice, "invoice.marked_uncollectible")


def tell(invoice: Invoice, event_type: str) -> None:
    """Tell the outside about an invoice, as it is now."""
    webhooks.publish(invoice.organization_id, event_type, "invoice", invoice.id, invoice_payload(invoice))


def locked(organization_id: str, invoice_id: str) -> Invoice:
    """The invoice, locked until the transaction ends; lock its subscription first. Raises NotFound."""
    return once((Invoice, organization_id, invoice_id), lambda: _lock(organization_id, invoice_id))


def _lock(organization_id: str, invoice_id: str) -> Invoice:
    wanted = invoice_of(organization_id, invoice_id).with_for_update().execution_options(populate_existing=True)
    return lookup.find(wanted, invoice_id, "in", "invoice")


def find(organization_id: str, invoice_id: str) -> Invoice:
    """The invoice. Raises NotFound."""
    held: Invoice | None = known((Invoice, organization_id, invoice_id))
    return held or lookup.find(invoice_of(organization_id, invoice_id), invoice_id, "in", "invoice")
