"""An invoice that staff ask for no more: taken back, or not expected any longer. What it held up goes on (docs/subscriptions.md)."""

from __future__ import annotations

from ballast.billing import invoices
from ballast.billing.subscriptions import collecting, ending, rows, settling
from ballast.errors import Conflict
from ballast.models import Invoice


def void(organization_id: str, invoice_id: str) -> Invoice:
    """Take an unpaid invoice back; a subscription whose first one it is has expired. In the caller's transaction.

    Raises NotFound, Conflict(`state_conflict`, `payment_in_progress`).
    """
    subscription, invoice = collecting.lock(organization_id, invoice_id)
    if invoice.status not in collecting.PAYABLE:
        raise Conflict("state_conflict", f"An invoice that is {invoice.status} cannot be voided.")
    ending.withdraw(invoice)
    if subscription is None:
        return invoice
    if subscription.status == "incomplete" and invoice.billing_reason == "subscription_create":
        rows.set_status(subscription, "incomplete_expired")
    settling.forgiven(subscription)
    return invoice


def mark_uncollectible(organization_id: str, invoice_id: str) -> Invoice:
    """Expect an open invoice no more; it can still be paid. In the caller's transaction.

    Raises NotFound, Conflict(`state_conflict`, `payment_in_progress`). What a change or a beginning waits for is voided instead.
    """
    subscription, invoice = collecting.lock(organization_id, invoice_id)
    if invoice.status != "open":
        raise Conflict("state_conflict", f"An invoice that is {invoice.status} cannot be given up.")
    if invoice.change or (subscription is not None and subscription.status == "incomplete"):
        raise Conflict("state_conflict", "Something waits for this invoice's payment. Void it instead.")
    if ending.has_charge_under_way(invoice):
        raise Conflict("payment_in_progress", "A charge for this invoice is under way. Try again when it is over.")
    invoices.give_up(invoice)
    if subscription is not None:
        settling.forgiven(subscription)
    return invoice
