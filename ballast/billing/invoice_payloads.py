"""How subscriptions, invoices and credit notes look from outside: the same on the API and in events. Amounts in minor units, times
ISO 8601 in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ballast import config
from ballast.models import CreditNote, Invoice, InvoiceLine, Subscription


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def subscription_payload(subscription: Subscription) -> dict[str, Any]:
    """A subscription as JSON."""
    pending = None
    if subscription.pending_price_id or subscription.pending_quantity:
        pending = {"price": subscription.pending_price_id, "quantity": subscription.pending_quantity}
    return {
        "id": subscription.id,
        "object": "subscription",
        "status": subscription.status,
        "customer": subscription.customer_id,
        "payment_method": subscription.payment_method_id,
        "price": subscription.price_id,
        "quantity": subscription.quantity,
        "currency": subscription.currency,
        "timezone": subscription.timezone,
        "billing_cycle_anchor": subscription.anchor_at.isoformat(),
        "current_period_start": subscription.current_period_start.isoformat(),
        "current_period_end": subscription.current_period_end.isoformat(),
        "trial_end_at": _time(subscription.trial_end_at),
        "cancel_at_period_end": subscription.cancel_at_period_end,
        "canceled_at": _time(subscription.canceled_at),
        "ended_at": _time(subscription.ended_at),
        "paused_at": _time(subscription.paused_at),
        "resumes_at": _time(subscription.resumes_at),
        "pending_change": pending,
        "coupon": subscription.coupon_id,
        "metadata": subscription.metadata_,
        "created_at": subscription.created_at.isoformat(),
    }


def invoice_payload(invoice: Invoice) -> dict[str, Any]:
    """An invoice as JSON, without its lines."""
    tax_rate = None
    if invoice.tax_name is not None:
        tax_rate = {"name": invoice.tax_name, "bps": invoice.tax_bps, "inclusive": invoice.tax_inclusive}
    return {
        "id": invoice.id,
        "object": "invoice",
        "number": invoice.number,
        "status": invoice.status,
        "billing_reason": invoice.billing_reason,
        "customer": invoice.customer_id,
        "subscription": invoice.subscription_id,
        "payment": invoice.payment_id,
        "currency": invoice.currency,
        "subtotal": invoice.subtotal,
        "discount": invoice.discount,
        "tax": invoice.tax,
        "tax_rate": tax_rate,
        "total": invoice.total,
        "credit_applied": invoice.credit_applied,
        "amount_due": invoice.amount_due,
        "amount_paid": invoice.amount_paid,
        "amount_credited": invoice.amount_credited,
        "period_start": _time(invoice.period_start),
        "period_end": _time(invoice.period_end),
        "failures": invoice.failures,
        "next_attempt_at": _time(invoice.next_attempt_at),
        "hosted_url": f"{config.current().public_url}/invoices/{invoice.token}",
        "metadata": invoice.metadata_,
        "created_at": invoice.created_at.isoformat(),
        "finalized_at": _time(invoice.finalized_at),
        "paid_at": _time(invoice.paid_at),
    }


def line_payload(line: InvoiceLine) -> dict[str, Any]:
    """A line of an invoice as JSON."""
    return {
        "id": line.id,
        "object": "invoice_line",
        "description": line.description,
        "price": line.price_id,
        "quantity": line.quantity,
        "unit_amount": line.unit_amount,
        "amount": line.amount,
        "discount": line.discount,
        "tax": line.tax,
        "proration": line.is_proration,
        "period_start": _time(line.period_start),
        "period_end": _time(line.period_end),
    }


def credit_note_payload(note: CreditNote) -> dict[str, Any]:
    """A credit note as JSON."""
    return {
        "id": note.id,
        "object": "credit_note",
        "number": note.number,
        "status": note.status,
        "invoice": note.invoice_id,
        "customer": note.customer_id,
        "refund": note.refund_id,
        "amount": note.amount,
        "tax": note.tax,
        "currency": note.currency,
        "reason": note.reason,
        "memo": note.memo,
        "created_at": note.created_at.isoformat(),
    }
