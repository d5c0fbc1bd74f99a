"""Payments: taking one, reading them."""

from typing import Any

from ballast.sandbox.square import customers, money
from ballast.sandbox.square.errors import SquareError, refuse, report_missing
from ballast.sandbox.square.events import emit
from ballast.sandbox.square.fields import (
    ADDRESS,
    KEY,
    WINDOW,
    boolean,
    duration,
    email,
    instant,
    not_played,
    number,
    one_of,
    require,
    text,
)
from ballast.sandbox.square.fields import money as read_money
from ballast.sandbox.square.known_cards import CARDS, ON_FILE
from ballast.sandbox.square.lists import list_page, within
from ballast.sandbox.square.payment_objects import SAID, plan, save, settle, show
from ballast.sandbox.square.routes import Call, new_key, route
from ballast.sandbox.square.sources import ask_bank, open_source, use_up
from ballast.sandbox.store import Record

LONGEST_DELAY = 7 * 86400
CREATE = {
    "source_id": text(None, 1),
    "idempotency_key": KEY,
    "amount_money": read_money,
    "autocomplete": boolean,
    "delay_duration": duration,
    "delay_action": one_of("CANCEL", "COMPLETE"),
    "customer_id": text(),
    "location_id": text(),
    "reference_id": text(40),
    "verification_token": text(),
    "note": text(500),
    "statement_description_identifier": text(20),
    "buyer_email_address": email,
    "buyer_phone_number": text(),
    "billing_address": ADDRESS,
    "shipping_address": ADDRESS,
    "customer_details": {"customer_initiated": boolean, "seller_keyed_in": boolean},
    **dict.fromkeys(
        (
            "tip_money",
            "app_fee_money",
            "app_fee_allocations",
            "order_id",
            "team_member_id",
            "accept_partial_authorization",
            "cash_details",
            "external_details",
            "offline_payment_details",
        ),
        not_played,
    ),
}
LIST = WINDOW | {
    "total": number(0, money.MOST),
    "last_4": text(4),
    "card_brand": text(),
    "updated_at_begin_time": instant,
    "updated_at_end_time": instant,
    "sort_field": one_of("CREATED_AT"),
    "is_offline_payment": one_of("false"),
}


@route("POST", "payments", "payments.create", CREATE, keyed=True, tries_card=True)
def create_payment(call: Call) -> dict[str, Any]:
    """Take money, or hold it where `autocomplete` is false. A refused card leaves a payment that failed."""
    params = call.params
    require(params, "source_id", "idempotency_key", "amount_money")
    check_request(call)
    source = open_source(call, params["source_id"], params.get("customer_id"))
    record = make_record(call, source)
    call.payment_id = record["id"]
    use_up(call, source)
    try:
        ask_bank(call, source, params["amount_money"])
    except SquareError as error:
        if error.kept:
            fail(call, record, error)
        raise
    save(call, record, status="APPROVED", _timeline={"authorized_at": call.now})
    emit(call, "payment.created", "payment", show(record))
    if params.get("autocomplete", True):
        settle(call, record, "COMPLETED")
    else:
        plan(call, f"delay-{record['id']}", record["_delay"])
    return {"payment": show(record)}


def check_request(call: Call) -> None:
    """Raise the 400 of a payment that cannot be, whatever its card."""
    params, account = call.params, call.account
    amount = params["amount_money"]
    if params.get("location_id", account.location_id) != account.location_id:
        raise refuse("INVALID_VALUE", f"Location `{params['location_id']}` is not of this account.", "location_id")
    if amount["currency"] != account.currency:
        told = f"This merchant can only process payments in {account.currency}, but amount was provided in {amount['currency']}"
        raise refuse("INVALID_VALUE", told, "amount_money.currency")
    if amount["amount"] < 1:
        raise refuse("VALUE_TOO_LOW", "`amount_money.amount` must be greater than 0.", "amount_money.amount")
    if amount["amount"] > money.MOST:
        raise refuse("AMOUNT_TOO_HIGH", "The payment amount is too high.", "amount_money.amount")
    delayed = {"delay_duration", "delay_action"} & set(params)
    if delayed and params.get("autocomplete", True):
        field = sorted(delayed)[0]
        raise refuse("INVALID_VALUE", f"`{field}` can only be set when `autocomplete` is false.", field)
    if "customer_id" in params and params["source_id"] not in ON_FILE:
        customers.load(call, params["customer_id"], "customer_id")


def make_record(call: Call, source: Record) -> Record:
    """Return a payment of which the bank knows nothing yet."""
    params = call.params
    kept = ("id", "_card", "exp_month", "exp_year", "_verified", "_token")
    record: Record = {
        "id": f"{new_key(27)}ZY",
        "_moment": call.moment,
        "_key": params["idempotency_key"],
        "_card": source["_card"],
        "_source": {name: source[name] for name in kept if name in source},
        "_approved": params["amount_money"]["amount"],
        "_refunded": 0,
        "_delay": params.get("delay_duration", LONGEST_DELAY),
        "_application": call.account.application_id,
        "_errors": [],
        "_timeline": {},
        "created_at": call.now,
        "amount": params["amount_money"]["amount"],
        "currency": params["amount_money"]["currency"],
        "delay_action": params.get("delay_action", "CANCEL"),
        "location_id": call.account.location_id,
        "order_id": f"{new_key(27)}YB",
        "refund_ids": [],
    }
    return record | {name: params[name] for name in SAID if name in params}


def fail(call: Call, record: Record, error: SquareError) -> None:
    """Write a payment that the bank refused, and put it beside the errors of the answer."""
    save(call, record, status="FAILED", _errors=error.errors)
    emit(call, "payment.created", "payment", show(record))
    error.more = {"payment": show(record)}


@route("GET", "payments/{}", "payments.get", {})
def get_payment(call: Call, key: str) -> dict[str, Any]:
    """Answer one payment."""
    return {"payment": show(load(call, key))}


@route("GET", "payments", "payments.list", LIST)
def list_payments(call: Call) -> dict[str, Any]:
    """Answer the payments of a window, failed ones too; the end is inclusive, the newest come first."""
    wanted = call.params
    if wanted.get("location_id", call.account.location_id) != call.account.location_id:
        raise report_missing("location", wanted["location_id"], "location_id")
    found = [
        payment
        for payment in within(call, call.tx.newest("square_payments"))
        if wanted.get("total") in (None, payment["amount"]) and is_of_card(payment, wanted)
    ]
    return list_page(call, "payments", found, show)


def is_of_card(payment: Record, wanted: dict[str, Any]) -> bool:
    """Tell whether a payment was taken from the card that a list asks for."""
    card = CARDS[payment["_card"]]
    return wanted.get("last_4") in (None, card.last4) and wanted.get("card_brand") in (None, card.brand)


def load(call: Call, key: str, field: str | None = None) -> Record:
    """Return a payment. Raises 404."""
    return call.load("square_payments", key, "payment", field)
