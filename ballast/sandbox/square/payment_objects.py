"""Payments as records, and as Square shows them."""

import secrets
from typing import Any

from ballast.sandbox.square import money
from ballast.sandbox.square.events import emit
from ballast.sandbox.square.known_cards import DISPUTES, RISKS
from ballast.sandbox.square.routes import Call, write_instant
from ballast.sandbox.square.sources import is_kept, show_card
from ballast.sandbox.store import Record

CARD_STATUS = {"APPROVED": "AUTHORIZED", "COMPLETED": "CAPTURED", "CANCELED": "VOIDED", "FAILED": "FAILED"}
SAID = (
    "reference_id",
    "customer_id",
    "note",
    "statement_description_identifier",
    "buyer_email_address",
    "billing_address",
    "shipping_address",
)
CVV = {"CVV_FAILURE": "CVV_REJECTED"}
AVS = {"ADDRESS_VERIFICATION_FAILURE": "AVS_REJECTED"}


def save(call: Call, record: Record, **changes: Any) -> Record:
    """Write a payment with a new version token."""
    record |= changes | {"updated_at": call.now, "version_token": secrets.token_urlsafe(36)}
    return call.tx.put("square_payments", record)


def settle(call: Call, record: Record, status: str, **changes: Any) -> Record:
    """Bring a payment to another status and tell it; a completed one may be disputed, if its amount says so."""
    stamp = {"COMPLETED": "captured_at", "CANCELED": "voided_at"}[status]
    timeline = record["_timeline"] | {stamp: call.now}
    save(call, record, status=status, _timeline=timeline, **changes)
    call.tx.delete("square_timers", f"delay-{record['id']}")
    emit(call, "payment.updated", "payment", show(record))
    if status == "COMPLETED" and record["amount"] in DISPUTES:
        plan(call, f"dispute-{record['id']}", 1)
    return record


def plan(call: Call, timer: str, seconds: float) -> None:
    """Have something done after so many seconds; the side's agenda knows what by the first word."""
    call.tx.put("square_timers", {"id": timer, "due": call.moment + seconds})


def show(record: Record) -> dict[str, Any]:
    """Return Square's `Payment`."""
    currency = record["currency"]
    shown = {
        "id": record["id"],
        "created_at": record["created_at"],
        "updated_at": record["updated_at"],
        "amount_money": money.of(record["amount"], currency),
        "total_money": money.of(record["amount"], currency),
        "status": record["status"],
        "delay_duration": f"PT{record['_delay'] // 3600}H" if not record["_delay"] % 3600 else f"PT{record['_delay']}S",
        "delay_action": record["delay_action"],
        "delayed_until": write_instant(record["_moment"] + record["_delay"]),
        "source_type": "CARD",
        "card_details": show_details(record),
        "location_id": record["location_id"],
        "order_id": record["order_id"],
        "risk_evaluation": show_risk(record),
        "application_details": {"square_product": "ECOMMERCE_API", "application_id": record["_application"]},
        "version_token": record["version_token"],
    }
    if record["status"] in ("APPROVED", "COMPLETED"):
        shown["approved_money"] = money.of(record["amount"], currency)
    if record["status"] == "APPROVED":
        shown["capabilities"] = ["EDIT_AMOUNT_DOWN", "EDIT_DELAY_ACTION"]
    if record["status"] == "COMPLETED":
        shown |= {
            "receipt_number": record["id"][:4],
            "receipt_url": f"https://squareupsandbox.com/receipt/preview/{record['id']}",
        }
        shown["processing_fee"] = [
            {
                "type": "INITIAL",
                "effective_at": record["_timeline"].get("captured_at", record["created_at"]),
                "amount_money": money.of(fee_of(record["amount"]), currency),
            }
        ]
    if record["refund_ids"]:
        shown |= {"refund_ids": record["refund_ids"], "refunded_money": money.of(record["_refunded"], currency)}
    return shown | {name: record[name] for name in SAID if name in record}


def fee_of(amount: int) -> int:
    """Return 2.9 % of the amount, halves up, plus 30 minor units, but never more than the amount: Square's price online."""
    return min(amount, (amount * 29 + 500) // 1000 + 30)


def show_risk(record: Record) -> dict[str, Any]:
    """Return Square's `RiskEvaluation`; the published description wants a `status` in it that it does not describe."""
    level = RISKS.get(record["_approved"], "NORMAL")
    return {"created_at": record["created_at"], "risk_level": level, "status": level}


def show_details(record: Record) -> dict[str, Any]:
    """Return Square's `CardPaymentDetails`."""
    source, code = record["_source"], next((error["code"] for error in record["_errors"]), "")
    details = {
        "status": CARD_STATUS[record["status"]],
        "card": show_card(source),
        "entry_method": "ON_FILE" if is_kept(source) else "KEYED",
        "cvv_status": "CVV_NOT_CHECKED" if is_kept(source) else CVV.get(code, "CVV_ACCEPTED"),
        "avs_status": AVS.get(code, "AVS_ACCEPTED"),
        "statement_description": "SQ *DEFAULT TEST ACCOUNT",
        "card_payment_timeline": record["_timeline"],
    }
    if record["_errors"]:
        return details | {"errors": record["_errors"]}
    return details | {"auth_result_code": record["id"][:6]}
