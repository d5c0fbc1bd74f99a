"""How records are shown on the wire."""

from typing import Any

from ballast.sandbox.braintree.card_numbers import Facts, check_postal_code, is_expired, unique_identifier
from ballast.sandbox.braintree.cards import CARDS, Card
from ballast.sandbox.braintree.markup import Instant, Items, words
from ballast.sandbox.braintree.money import write_amount
from ballast.sandbox.store import Record

ADDRESS = words(
    "id first_name last_name company street_address extended_address locality region postal_code country_name "
    "country_code_alpha2 country_code_alpha3 country_code_numeric phone_number"
)
PERSON = words("first_name last_name company email phone fax website")
INDICATORS = words(
    "commercial consumer corporate business purchase durbin_regulated healthcare payroll prepaid_reloadable "
    "country_of_issuance issuing_bank product_id"
)
AMOUNTS = words("tax_amount discount_amount shipping_amount shipping_tax_amount surcharge_amount service_fee_amount")


def show_address(record: Record | None) -> dict[str, Any]:
    """Return an address, every field of it."""
    return {name: (record or {}).get(name) for name in ADDRESS}


def show_bin_data(card: Card) -> dict[str, Any]:
    """Return what a card's first digits tell."""
    return dict.fromkeys(INDICATORS, "Unknown") | {"debit": card.debit, "prepaid": card.prepaid}


def show_card(facts: Facts, token: str | None, now: int) -> dict[str, Any]:
    """Return a card's own fields, the same in the vault and in a transaction."""
    card = CARDS[facts["name"]]
    return {
        "token": token,
        "bin": card.bin,
        "last_4": card.last4,
        "card_type": card.brand,
        "expiration_month": facts["month"],
        "expiration_year": facts["year"],
        "expired": is_expired(facts, now),
        "customer_location": "US",
        "cardholder_name": facts["holder"],
        "image_url": f"https://assets.braintreegateway.com/payment_method_logo/{card.brand.lower().replace(' ', '_')}.png",
        "unique_number_identifier": unique_identifier(facts),
        "account_type": None,
        "venmo_sdk": False,
        "is_network_tokenized": False,
    } | show_bin_data(card)


def show_method(method: Record, now: int) -> dict[str, Any]:
    """Return a stored `credit-card`."""
    return show_card(method["card"], method["id"], now) | {
        "customer_id": method["customer"],
        "default": method["default"],
        "created_at": Instant(method["created"]),
        "updated_at": Instant(method["created"]),
        "global_id": f"cGF5bWVudG1ldGhvZF9jY18{method['id']}",
        "billing_address": show_address(method["billing"]) if method["billing"] else None,
        "subscriptions": Items("subscription", []),
        "verifications": Items("verification", []),
    }


def show_customer(customer: Record, methods: list[Record], now: int) -> dict[str, Any]:
    """Return a `customer`."""
    return (
        {"id": customer["id"], "merchant_id": customer["merchant"]}
        | {name: customer.get(name) for name in PERSON}
        | {
            "created_at": Instant(customer["created"]),
            "updated_at": Instant(customer["updated"]),
            "global_id": f"Y3VzdG9tZXJf{customer['id']}",
            "credit_cards": Items("credit-card", [show_method(method, now) for method in methods]),
            "addresses": Items("address", []),
            "custom_fields": None,
        }
    )


def show_transaction(record: Record, now: int) -> dict[str, Any]:
    """Return a `transaction`, every field that an official SDK reads."""
    return show_state(record) | show_answers(record) | show_parties(record, now) | show_relations(record)


def show_state(record: Record) -> dict[str, Any]:
    """Return what a transaction is and where it stands."""
    amount, currency = record["amount"], record["currency"]
    history = [
        {
            "timestamp": Instant(at),
            "status": status,
            "amount": write_amount(then, currency),
            "user": "api",
            "transaction_source": "api",
        }
        for status, at, then in record["history"]
    ]
    return {
        "id": record["id"],
        "global_id": f"dHJhbnNhY3Rpb25f{record['id']}",
        "status": record["status"],
        "type": record["type"],
        "currency_iso_code": currency,
        "amount": write_amount(amount, currency),
        "amount_requested": write_amount(amount, currency),
        "merchant_account_id": record["merchant_account"],
        "order_id": record["order_id"],
        "channel": record["channel"],
        "created_at": Instant(record["created"]),
        "updated_at": Instant(record["updated"]),
        "status_history": Items("status-event", history),
        "authorization_expires_at": Instant(record["created"] + 7 * 86400)
        if record["status"] == "authorized"
        else None,
        "purchase_order_number": record["purchase_order_number"],
        "recurring": record["source"] in ("recurring", "recurring_first"),
        "tax_exempt": False,
        "payment_instrument_type": "credit_card",
        "processed_with_network_token": False,
        "settlement_batch_id": record["batch"],
        "plan_id": None,
        "subscription_id": None,
    } | dict.fromkeys(AMOUNTS)


def show_answers(record: Record) -> dict[str, Any]:
    """Return what the gateway and the bank said."""
    asked = record["status"] not in ("gateway_rejected",)
    return {
        "processor_response_code": record["code"],
        "processor_response_text": record["text"],
        "processor_response_type": record["kind"],
        "processor_authorization_code": record["authorization"],
        "additional_processor_response": record["additional"],
        "processor_settlement_response_code": record["settlement_code"],
        "processor_settlement_response_text": record["settlement_text"],
        "gateway_rejection_reason": record["rejection"],
        "network_response_code": "XX" if asked else None,
        "network_response_text": "sample network response text" if asked else None,
        "network_transaction_id": f"0{record['created']}{record['id']}"[:15] if record["authorization"] else None,
        "retrieval_reference_number": None,
        "acquirer_reference_number": None,
        "merchant_advice_code": None,
        "voice_referral_number": None,
        "avs_error_response_code": None,
        "avs_postal_code_response_code": check_postal_code(record["card"]["postal_code"]),
        "avs_street_address_response_code": "I",
        "cvv_response_code": record["card"]["cvv"],
        "three_d_secure_info": record["three_ds"],
        "sca_exemption_requested": None,
    }


def show_parties(record: Record, now: int) -> dict[str, Any]:
    """Return who pays, with what, and what the statement will say."""
    person = record["customer"] or {}
    return {
        "customer": {"id": person.get("id")} | {name: person.get(name) for name in PERSON},
        "billing": show_address(record["billing"]),
        "shipping": show_address(record["shipping"]),
        "credit_card": show_card(record["card"], record["token"], now),
        "descriptor": {name: (record["descriptor"] or {}).get(name) for name in ("name", "phone", "url")},
        "custom_fields": None,
        "payment_method_nonce": None,
    }


def show_relations(record: Record) -> dict[str, Any]:
    """Return the transactions this one belongs with, and its disputes."""
    return {
        "refund_id": record["refunds"][0] if record["refunds"] else None,
        "refund_ids": Items("item", record["refunds"]),
        "refunded_transaction_id": record["refunded"],
        "partial_settlement_transaction_ids": Items("item", record["partials"]),
        "authorized_transaction_id": record["authorized"],
        "retried": False,
        "retried_transaction_id": None,
        "retry_ids": Items("item", []),
        "disputes": Items("dispute", []),
        "authorization_adjustments": Items("authorization-adjustment", []),
        "add_ons": Items("add-on", []),
        "discounts": Items("discount", []),
        "disbursement_details": {
            "disbursement_date": None,
            "settlement_amount": None,
            "settlement_currency_iso_code": None,
            "settlement_currency_exchange_rate": None,
            "funds_held": None,
            "success": None,
        },
    }
