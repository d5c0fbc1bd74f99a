"""From the facts the sandbox keeps to the objects Stripe shows, with every field that its description demands.

A record holds only what differs from the defaults here; `render` puts both together.
"""

from typing import Any

from ballast.sandbox.store import Record
from ballast.sandbox.stripe.cards import CARDS

Shown = dict[str, Any]

CUSTOMER: Shown = {
    "object": "customer",
    "address": None,
    "balance": 0,
    "currency": None,
    "default_source": None,
    "delinquent": False,
    "description": None,
    "discount": None,
    "email": None,
    "invoice_prefix": None,
    "invoice_settings": {
        "custom_fields": None,
        "default_payment_method": None,
        "footer": None,
        "rendering_options": None,
    },
    "livemode": False,
    "metadata": {},
    "name": None,
    "next_invoice_sequence": 1,
    "phone": None,
    "preferred_locales": [],
    "shipping": None,
    "tax_exempt": "none",
    "test_clock": None,
}

NO_ADDRESS: Shown = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
NO_BILLING: Shown = {"address": NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None}

PAYMENT_METHOD: Shown = {
    "object": "payment_method",
    "allow_redisplay": "unspecified",
    "billing_details": NO_BILLING,
    "customer": None,
    "livemode": False,
    "metadata": {},
    "type": "card",
}

PAYMENT_INTENT: Shown = {
    "object": "payment_intent",
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 0,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": None,
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic_async",
    "confirmation_method": "automatic",
    "customer": None,
    "description": None,
    "last_payment_error": None,
    "latest_charge": None,
    "livemode": False,
    "metadata": {},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {
        "card": {
            "installments": None,
            "mandate_options": None,
            "network": None,
            "request_three_d_secure": "automatic",
        }
    },
    "payment_method_types": ["card"],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "setup_future_usage": None,
    "shipping": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "transfer_data": None,
    "transfer_group": None,
}

# What a publishable key may see of an intent.
PUBLIC_FIELDS = (
    "id",
    "object",
    "amount",
    "automatic_payment_methods",
    "canceled_at",
    "cancellation_reason",
    "capture_method",
    "client_secret",
    "confirmation_method",
    "created",
    "currency",
    "description",
    "last_payment_error",
    "last_setup_error",
    "livemode",
    "next_action",
    "payment_method",
    "payment_method_types",
    "processing",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "status",
    "usage",
)

SETUP_INTENT: Shown = {
    "object": "setup_intent",
    "application": None,
    "automatic_payment_methods": None,
    "cancellation_reason": None,
    "customer": None,
    "description": None,
    "flow_directions": None,
    "last_setup_error": None,
    "latest_attempt": None,
    "livemode": False,
    "mandate": None,
    "metadata": {},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {
        "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
    },
    "payment_method_types": ["card"],
    "single_use_mandate": None,
    "usage": "off_session",
}

CHARGE: Shown = {
    "object": "charge",
    "amount_captured": 0,
    "amount_refunded": 0,
    "application": None,
    "application_fee": None,
    "application_fee_amount": None,
    "balance_transaction": None,
    "billing_details": NO_BILLING,
    "calculated_statement_descriptor": "BALLAST SANDBOX",
    "captured": False,
    "customer": None,
    "description": None,
    "disputed": False,
    "failure_balance_transaction": None,
    "failure_code": None,
    "failure_message": None,
    "fraud_details": {},
    "livemode": False,
    "metadata": {},
    "on_behalf_of": None,
    "outcome": None,
    "paid": True,
    "payment_intent": None,
    "payment_method": None,
    "receipt_email": None,
    "receipt_number": None,
    "receipt_url": None,
    "refunded": False,
    "review": None,
    "shipping": None,
    "source_transfer": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": "succeeded",
    "transfer_data": None,
    "transfer_group": None,
}

REFUND: Shown = {
    "object": "refund",
    "balance_transaction": None,
    "destination_details": {"card": {"type": "refund"}, "type": "card"},
    "metadata": {},
    "payment_intent": None,
    "reason": None,
    "receipt_number": None,
    "source_transfer_reversal": None,
    "status": "succeeded",
    "transfer_reversal": None,
}

BALANCE_TRANSACTION: Shown = {
    "object": "balance_transaction",
    "balance_type": "payments",
    "description": None,
    "exchange_rate": None,
    "fee": 0,
    "fee_details": [],
    "status": "pending",
}

WEBHOOK_ENDPOINT: Shown = {
    "object": "webhook_endpoint",
    "api_version": None,
    "application": None,
    "description": None,
    "livemode": False,
    "metadata": {},
    "status": "enabled",
}

NETWORK_CODES = {"visa": "visa", "mastercard": "mastercard", "amex": "amex"}


def show(defaults: Shown, record: Record) -> Shown:
    """Return the object: defaults, overlaid with the record; names with a leading underscore are the sandbox's own."""
    return defaults | {name: value for name, value in record.items() if name[0] != "_"}


def show_billing(details: Record | None) -> Shown:
    """Return complete billing details."""
    if not details:
        return NO_BILLING
    return NO_BILLING | details | {"address": NO_ADDRESS | (details.get("address") or {})}


def show_payment_method(record: Record) -> Shown:
    """Return a `payment_method` of type card."""
    facts = record["_card"]
    card = CARDS[facts["name"]]
    shown = show(PAYMENT_METHOD, record)
    shown["billing_details"] = show_billing(record.get("billing_details"))
    shown["card"] = {
        "brand": card.brand,
        "checks": {
            "address_line1_check": facts.get("line1_check"),
            "address_postal_code_check": facts.get("zip_check"),
            "cvc_check": facts.get("cvc_check", "unchecked"),
        },
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": facts["exp_month"],
        "exp_year": facts["exp_year"],
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return shown


def show_charge(record: Record) -> Shown:
    """Return a `charge` made with a card."""
    facts = record["_card"]
    card = CARDS[facts["name"]]
    shown = show(CHARGE, record)
    shown["billing_details"] = show_billing(record.get("billing_details"))
    if record.get("status", "succeeded") == "succeeded" and record.get("captured"):
        shown["receipt_url"] = f"https://pay.stripe.com/receipts/payment/{record['id']}"
    shown["payment_method_details"] = {
        "card": {
            "amount_authorized": record["amount"] if shown["paid"] else None,
            "authorization_code": record["id"][-6:].upper() if shown["paid"] else None,
            "brand": card.brand,
            "checks": {
                "address_line1_check": facts.get("line1_check"),
                "address_postal_code_check": facts.get("zip_check"),
                "cvc_check": facts.get("cvc_check"),
            },
            "country": card.country,
            "exp_month": facts["exp_month"],
            "exp_year": facts["exp_year"],
            "extended_authorization": {"status": "disabled"},
            "fingerprint": card.fingerprint,
            "funding": card.funding,
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "last4": card.last4,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card.brand,
            "network_token": {"used": False},
            "network_transaction_id": record["id"][-15:],
            "overcapture": {"maximum_amount_capturable": record["amount"], "status": "unavailable"},
            "regulated_status": "unregulated",
            "three_d_secure": record.get("_three_d_secure"),
            "wallet": None,
        },
        "type": "card",
    }
    return shown


def show_refund(record: Record) -> Shown:
    """Return a `refund`."""
    return show(REFUND, record)


def show_customer(record: Record) -> Shown:
    """Return a `customer`, or what is left of a deleted one."""
    if record.get("_deleted"):
        return {"id": record["id"], "object": "customer", "deleted": True}
    return show(CUSTOMER, record)


def show_payment_intent(record: Record) -> Shown:
    """Return a `payment_intent`."""
    return show(PAYMENT_INTENT, record)


def show_setup_intent(record: Record) -> Shown:
    """Return a `setup_intent`."""
    return show(SETUP_INTENT, record)


def show_balance_transaction(record: Record) -> Shown:
    """Return a `balance_transaction`."""
    return show(BALANCE_TRANSACTION, record)


def show_webhook_endpoint(record: Record) -> Shown:
    """Return a `webhook_endpoint` without its secret."""
    return show(WEBHOOK_ENDPOINT, record)
