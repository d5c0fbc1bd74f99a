"""How payments, refunds and disputes look from outside: the same on the API and in events."""

from __future__ import annotations

from typing import Any

from ballast.models import Dispute, Payment, Refund


def payment_payload(payment: Payment) -> dict[str, Any]:
    """A payment as JSON: amounts in minor units, times ISO 8601 in UTC."""
    card = {"brand": payment.card_brand, "last4": payment.card_last4} if payment.card_last4 else None
    return {
        "id": payment.id,
        "object": "payment",
        "amount": payment.amount,
        "amount_captured": payment.amount_captured,
        "amount_refunded": payment.amount_refunded,
        "currency": payment.currency,
        "status": payment.status,
        "capture_method": payment.capture_method,
        "description": payment.description,
        "customer": payment.customer_id,
        "processor": payment.processor,
        "payment_method": payment.payment_method_id or payment.payment_method_token,
        "card": card,
        "next_action": payment.next_action,
        "last_error": payment.last_error,
        "metadata": payment.metadata_,
        "created_at": payment.created_at.isoformat(),
    }


def refund_payload(refund: Refund) -> dict[str, Any]:
    """A refund as JSON."""
    return {
        "id": refund.id,
        "object": "refund",
        "payment": refund.payment_id,
        "amount": refund.amount,
        "currency": refund.currency,
        "status": refund.status,
        "reason": refund.reason,
        "created_at": refund.created_at.isoformat(),
    }


def dispute_payload(dispute: Dispute) -> dict[str, Any]:
    """A dispute as JSON. `reason` is the processor's own word; `due_at` until when it can be answered."""
    return {
        "id": dispute.id,
        "object": "dispute",
        "payment": dispute.payment_id,
        "amount": dispute.amount,
        "currency": dispute.currency,
        "reason": dispute.reason,
        "status": dispute.status,
        "due_at": dispute.due_at.isoformat() if dispute.due_at else None,
        "evidence_submitted": dispute.evidence_submitted,
        "created_at": dispute.created_at.isoformat(),
    }
