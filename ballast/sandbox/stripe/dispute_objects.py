"""Disputes and fraud warnings as Stripe shows them."""

from ballast.sandbox.store import Record, Transaction
from ballast.sandbox.stripe.objects import Shown, show, show_balance_transaction

EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)
NO_EVIDENCE: Shown = dict.fromkeys(EVIDENCE) | {"enhanced_evidence": {}}
DISPUTE: Shown = {"object": "dispute", "enhanced_eligibility_types": [], "livemode": False, "metadata": {}}


def show_dispute(tx: Transaction, record: Record) -> Shown:
    """Return a `dispute`, with the balance transactions it caused and its evidence."""
    booked = (tx.get("balance_transactions", key) for key in record["_bookings"])
    inquiry = record["status"].startswith("warning_")
    return show(DISPUTE, record) | {
        "balance_transactions": [show_balance_transaction(one) for one in booked if one],
        "evidence": NO_EVIDENCE | record["_evidence"],
        "evidence_details": {
            "due_by": record["_due"],
            "enhanced_eligibility": {},
            "has_evidence": bool(record["_evidence"]),
            "past_due": tx.now > record["_due"],
            "submission_count": record["_submitted"],
        },
        "is_charge_refundable": inquiry or record["status"] == "won",
        "payment_method_details": {
            "card": {
                "brand": record["_brand"],
                "case_type": "inquiry" if inquiry else "chargeback",
                "network_reason_code": record["_code"],
            },
            "type": "card",
        },
    }


def show_fraud_warning(tx: Transaction, record: Record) -> Shown:
    """Return a `radar.early_fraud_warning`; there is something to do until the charge is refunded or disputed."""
    charge = tx.get("charges", record["charge"]) or {}
    shown = {"object": "radar.early_fraud_warning", "fraud_type": "made_with_stolen_card", "livemode": False}
    return shown | record | {"actionable": not (charge.get("refunded") or charge.get("disputed"))}
