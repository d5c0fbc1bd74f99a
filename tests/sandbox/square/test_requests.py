"""What is refused before anything happens: keys, addresses, fields, and the use of a key for two things."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import Sandbox
from tests.sandbox.square.conftest import ONCE, Seller, catch, code_of

MONEY = {"amount": 1000, "currency": "USD"}
PAY: dict[str, Any] = {"source_id": "cnon:card-nonce-ok", "idempotency_key": "k1", "amount_money": MONEY}


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"surprise": 1}, "BAD_REQUEST", "surprise"),
        ({"amount_money": MONEY | {"cents": 1}}, "BAD_REQUEST", "amount_money.cents"),
        ({"amount_money": MONEY | {"amount": "1000"}}, "EXPECTED_INTEGER", "amount_money.amount"),
        ({"amount_money": MONEY | {"amount": 10.5}}, "EXPECTED_INTEGER", "amount_money.amount"),
        ({"amount_money": MONEY | {"amount": True}}, "EXPECTED_INTEGER", "amount_money.amount"),
        ({"amount_money": MONEY | {"amount": 0}}, "VALUE_TOO_LOW", "amount_money.amount"),
        ({"amount_money": MONEY | {"amount": -1}}, "VALUE_TOO_LOW", "amount_money.amount"),
        ({"amount_money": MONEY | {"amount": 10**12}}, "AMOUNT_TOO_HIGH", "amount_money.amount"),
        ({"amount_money": MONEY | {"currency": "usd"}}, "INVALID_ENUM_VALUE", "amount_money.currency"),
        ({"amount_money": {"amount": 1}}, "MISSING_REQUIRED_PARAMETER", "amount_money.currency"),
        ({"amount_money": 5}, "EXPECTED_OBJECT", "amount_money"),
        ({"amount_money": None}, "MISSING_REQUIRED_PARAMETER", "amount_money"),
        ({"idempotency_key": None}, "MISSING_REQUIRED_PARAMETER", "idempotency_key"),
        ({"idempotency_key": ""}, "VALUE_EMPTY", "idempotency_key"),
        ({"idempotency_key": "x" * 46}, "VALUE_TOO_LONG", "idempotency_key"),
        ({"idempotency_key": 5}, "EXPECTED_STRING", "idempotency_key"),
        ({"reference_id": "x" * 41}, "VALUE_TOO_LONG", "reference_id"),
        ({"autocomplete": "true"}, "EXPECTED_BOOLEAN", "autocomplete"),
        ({"location_id": "LX"}, "INVALID_VALUE", "location_id"),
        ({"delay_duration": "P1D"}, "INVALID_VALUE", "delay_duration"),
        ({"delay_duration": "P8D", "autocomplete": False}, "INVALID_VALUE", "delay_duration"),
        ({"delay_action": "KEEP", "autocomplete": False}, "INVALID_ENUM_VALUE", "delay_action"),
        ({"buyer_email_address": "nobody"}, "INVALID_EMAIL_ADDRESS", "buyer_email_address"),
        ({"customer_id": "nobody"}, "NOT_FOUND", "customer_id"),
        ({"tip_money": MONEY}, "NOT_IMPLEMENTED", "tip_money"),
    ],
)
def test_what_is_not_right_is_refused(seller: Seller, changes: dict[str, Any], code: str, field: str) -> None:
    answer = seller.say("POST", "payments", PAY | changes)
    [error] = answer.json()["errors"]
    assert (error["code"], error["field"]) == (code, field)
    assert answer.status_code == {"NOT_FOUND": 404, "NOT_IMPLEMENTED": 501}.get(code, 400)
    assert error["category"] == ("API_ERROR" if code == "NOT_IMPLEMENTED" else "INVALID_REQUEST_ERROR")
    assert seller.say("GET", "payments").json() == {}


def test_what_is_no_json_or_no_address_is_refused(seller: Seller) -> None:
    url, key = f"{seller.url}/v2/payments", {"Authorization": f"Bearer EAAAE{seller.account}"}
    broken = requests.post(url, data="{", headers=key | {"Content-Type": "application/json"}, timeout=5)
    assert broken.json()["errors"][0]["code"] == "EXPECTED_JSON_BODY"
    form = requests.post(url, data={"a": "b"}, headers=key, timeout=5)
    assert form.json()["errors"][0]["code"] == "INVALID_CONTENT_TYPE"
    assert seller.say("POST", "payments", [1]).json()["errors"][0]["code"] == "EXPECTED_OBJECT"
    assert seller.say("GET", "merchants").status_code == 404
    assert seller.say("DELETE", "locations/x/custom-attributes/y").status_code == 404
    assert seller.say("GET", "payments?colour=red").json()["errors"][0]["field"] == "colour"
    odd = seller.say("GET", "payments", None, **{"Square-Version": "latest"})
    assert odd.json()["errors"][0]["code"] == "INVALID_SQUARE_VERSION_FORMAT"


@pytest.mark.parametrize(
    "token", ["x", "EAAAFproduction", "sq0atp-production", "EAAAE", "EAAAE with spaces", "sk_test_1"]
)
def test_only_a_sandbox_token_opens_an_account(seller: Seller, token: str) -> None:
    answer = seller.say("GET", "payments", None, Authorization=f"Bearer {token}")
    assert answer.status_code == 401
    [error] = answer.json()["errors"]
    assert (error["category"], error["code"]) == ("AUTHENTICATION_ERROR", "UNAUTHORIZED")
    assert "production" not in error["detail"]


def test_the_same_request_gets_the_same_body(seller: Seller) -> None:
    first = seller.say("POST", "payments", PAY)
    shuffled = {name: PAY[name] for name in sorted(PAY, reverse=True)}
    assert seller.say("POST", "payments", shuffled).content == first.content
    assert len(seller.say("GET", "payments").json()["payments"]) == 1


def test_a_decline_is_remembered_and_a_mistake_is_not(seller: Seller) -> None:
    declined = PAY | {"source_id": "cnon:card-nonce-declined"}
    assert seller.say("POST", "payments", declined).content == seller.say("POST", "payments", declined).content
    assert len(seller.say("GET", "payments").json()["payments"]) == 1
    assert seller.say("POST", "payments", PAY | {"idempotency_key": "k2", "surprise": 1}).status_code == 400
    assert seller.say("POST", "payments", PAY | {"idempotency_key": "k2"}).status_code == 200


def test_a_key_stands_for_one_request(seller: Seller, make_seller: Callable[[str], Seller], account: str) -> None:
    seller.pay(idempotency_key="k1")
    error = catch(lambda: seller.pay(idempotency_key="k1", amount=2000))
    assert error.status_code == 400
    assert (error.errors[0].category, error.errors[0].code) == ("INVALID_REQUEST_ERROR", "IDEMPOTENCY_KEY_REUSED")
    assert seller.refund(seller.pay().id, 1, idempotency_key="k1").status == "PENDING"
    assert make_seller(f"{account}x").pay(idempotency_key="k1", amount=3000).status == "COMPLETED"


def test_a_failure_of_the_processor_is_not_remembered(seller: Seller, sandbox: Sandbox, account: str) -> None:
    for kind in ("error_before", "error_after"):
        sandbox.fault(kind, processor="square", operation="payments.create", count=1)
        assert code_of(lambda: seller.pay(idempotency_key="k1")) == (500, "INTERNAL_SERVER_ERROR")
    assert seller.pay(idempotency_key="k1").status == "COMPLETED"
    assert len(sandbox.charges(account)) == 1


def test_too_many_requests_are_told_to_wait(seller: Seller, sandbox: Sandbox) -> None:
    sandbox.fault("rate_limit", processor="square", seconds=7, count=1)
    error = catch(seller.pay)
    assert (error.status_code, error.errors[0].code) == (429, "RATE_LIMITED")
    assert (error.headers or {})["retry-after"] == "7"


def test_locations(seller: Seller, make_seller: Callable[[str], Seller], account: str) -> None:
    [location] = seller.sdk.locations.list(request_options=ONCE).locations or []
    assert (location.id, location.currency, location.status) == (seller.location, "USD", "ACTIVE")
    assert seller.sdk.locations.get("main", request_options=ONCE).location == location
    assert code_of(lambda: seller.sdk.locations.get("LX", request_options=ONCE)) == (404, "NOT_FOUND")
    yen = make_seller(f"{account}-JPY").sdk.locations.get("main", request_options=ONCE).location
    assert yen is not None
    assert (yen.currency, yen.country) == ("JPY", "JP")


def test_the_wire_log_has_every_exchange_and_no_card_number(seller: Seller, sandbox: Sandbox) -> None:
    seller.tokenize("4310000000201019")
    seller.pay(reference_id="att_of_the_log")
    lines = requests.get(f"{sandbox.url}/_sandbox/wire", timeout=5).text
    assert "att_of_the_log" in lines
    assert "4310000000201019" not in lines


def test_no_money_is_paid_out_by_itself(seller: Seller) -> None:
    assert list(seller.sdk.payouts.list(location_id=seller.location, request_options=ONCE)) == []
    assert code_of(lambda: seller.sdk.payouts.get("po_1", request_options=ONCE)) == (404, "NOT_FOUND")
