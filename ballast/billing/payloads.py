"""How payments, refunds, customers, cards and disputes look from outside: the same on the API and in events."""

from __future__ import annotations

from typing import Any, Final

from ballast.models import Customer, Dispute, Payment, PaymentMethod, Refund
from ballast.models.states import UNSETTLED_REFUND

# What a refund's status is called outside: how far one that is on its way has come is our affair.
REFUND_STATUSES: Final = {
    "pending": UNSETTLED_REFUND,
    "succeeded": ("succeeded",),
    "failed": ("failed",),
    "canceled": ("canceled",),
}
_OUTSIDE: Final = {inside: outside for outside, several in REFUND_STATUSES.items() for inside in several}


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
        "capture_before": _capture_before(payment),
        "cancellation_reason": payment.cancellation_reason,
        "metadata": payment.metadata_,
        "created_at": payment.created_at.isoformat(),
    }


def _capture_before(payment: Payment) -> str | None:
    """Until when what is held can be captured; once nothing is held that says nothing."""
    if payment.status != "requires_capture" or payment.capture_before is None:
        return None
    return payment.capture_before.isoformat()


def refund_payload(refund: Refund) -> dict[str, Any]:
    """A refund as JSON. `message`: why it failed, or what it waits for."""
    return {
        "id": refund.id,
        "object": "refund",
        "payment": refund.payment_id,
        "amount": refund.amount,
        "tax": refund.tax,
        "discount": refund.discount,
        "currency": refund.currency,
        "status": _OUTSIDE[refund.status],
        "reason": refund.reason,
        "message": refund.message,
        "created_at": refund.created_at.isoformat(),
    }


def customer_payload(customer: Customer) -> dict[str, Any]:
    """A customer as JSON."""
    return {
        "id": customer.id,
        "object": "customer",
        "email": customer.email,
        "name": customer.name,
        "country": customer.country or None,
        "region": customer.region or None,
        "metadata": customer.metadata_,
        "created_at": customer.created_at.isoformat(),
    }


def card_payload(card: PaymentMethod, processor: str) -> dict[str, Any]:
    """A stored card as JSON, with the processor that keeps it."""
    return {
        "id": card.id,
        "object": "payment_method",
        "type": card.kind,
        "status": card.status,
        "customer": card.customer_id,
        "processor": processor,
        "card": {"brand": card.brand, "last4": card.last4, "exp_month": card.exp_month, "exp_year": card.exp_year},
        "created_at": card.created_at.isoformat(),
        "detached_at": card.detached_at.isoformat() if card.detached_at else None,
    }


def dispute_payload(dispute: Dispute) -> dict[str, Any]:
    """A dispute as JSON. `reason` is the processor's own word; `due_at` until when it can be answered; `pending_action` what is on its
    way to the processor; `message` why the processor did not take it."""
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
        "pending_action": dispute.action,
        "message": dispute.message,
        "created_at": dispute.created_at.isoformat(),
    }
