"""The API over real HTTP: fifty at once with one key, and everything a client can get wrong."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.stack import PATIENCE, Stack

pytestmark = pytest.mark.stack

AT_ONCE = 50
CARD = "4242 4242 4242 4242"
PAYMENT = {"amount": 2000, "currency": "USD", "payment_method": "pm_card_visa", "confirm": True}


def test_fifty_at_once_with_one_key_make_one_payment_and_one_charge(stack: Stack) -> None:
    stack.fault(kind="latency", operation="payment_intents.confirm", seconds=1, count=1)
    key = str(uuid4())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: stack.pay(key), range(AT_ONCE)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {201, 409}
    told = {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409}
    assert told == {"idempotency_in_progress"}
    first = {answer.content for answer in answers if answer.status_code == 201}
    assert len(first) == 1
    again = [stack.pay(key) for _ in range(5)]
    assert {answer.content for answer in again} == first
    assert {answer.headers["Idempotent-Replayed"] for answer in again} == {"true"}
    payment_id = again[0].json()["id"]
    assert [charge["amount"] for charge in stack.charges(payment_id)] == [2000]
    assert stack.query("select count(*) from payments where idempotency_key = %s", key) == [(1,)]


BODIES: dict[str, Any] = {
    "no amount": {"amount": None},
    "amount zero": {"amount": 0},
    "amount negative": {"amount": -1},
    "amount above the maximum": {"amount": 2**53},
    "amount far above": {"amount": 10**40},
    "amount a float": {"amount": 20.0},
    "amount a fraction": {"amount": 20.5},
    "amount a boolean": {"amount": True},
    "amount a text": {"amount": "2000"},
    "amount a list": {"amount": [2000]},
    "amount not a number": {"amount": float("nan")},
    "amount infinite": {"amount": float("inf")},
    "currency unknown": {"currency": "XXY"},
    "currency in small letters": {"currency": "usd"},
    "currency without minor units": {"currency": "XAU"},
    "currency in other letters": {"currency": "ＵＳＤ"},
    "currency a number": {"currency": 840},
    "processor unknown": {"processor": "paypal"},
    "processor not set up": {"processor": "square"},
    "customer unknown": {"customer": "cus_01hzzzzzzzzzzzzzzzzzzzzzzz"},
    "customer no id": {"customer": "x' or 1=1"},
    "capture method unknown": {"capture_method": "later"},
    "confirm a text": {"confirm": "yes"},
    "confirm without a card": {"payment_method": None},
    "return address no address": {"return_url": "javascript:alert(1)"},
    "metadata a list": {"metadata": []},
    "metadata nested": {"metadata": {"a": {"b": "c"}}},
    "metadata too many": {"metadata": {str(number): "" for number in range(21)}},
    "description too long": {"description": "x" * 501},
    "a field nobody knows": {"amout": 1},
    "nul character": {"description": "a\0b"},
    "half a character": {"description": "\ud83d"},
    "card number as method": {"payment_method": CARD.replace(" ", "")},
    "card number in a text": {"description": f"card {CARD}"},
    "card number in metadata": {"metadata": {"note": CARD}},
    "card number as a name": {"metadata": {CARD: "x"}},
    "card number as customer": {"customer": CARD.replace(" ", "-")},
    "card number as amount": {"amount": 4242424242424242},
}
RAW: dict[str, bytes] = {
    "broken": b'{"amount": 2000,',
    "empty": b"",
    "a list": b"[]",
    "a number": b"2000",
    "null": b"null",
    "not utf-8": b'{"description": "\xff\xfe"}',
    "utf-16": '{"amount": 2000}'.encode("utf-16"),
    "bottomless": b"[" * 20_000,
    "deep": b'{"metadata": ' + b'{"a": ' * 500 + b"1" + b"}" * 501,
    "too large": b'{"description": "' + b"x" * 100_000 + b'"}',
    "far too large": b" " * 2_000_000,
    "a long number": b'{"amount": ' + b"9" * 5_000 + b"}",
    "twice the amount": b'{"amount": 1, "amount": -1, "currency": "USD"}',
}


def expect_refused(answer: requests.Response) -> None:
    """A 4xx with the envelope: a code for programs, a sentence for people, an id to quote."""
    assert 400 <= answer.status_code < 500, f"{answer.status_code}: {answer.text[:300]}"
    error = answer.json()["error"]
    assert error["code"]
    assert error["message"]
    assert error["request_id"] == answer.headers["X-Request-Id"]
    assert CARD not in answer.text
    assert CARD.replace(" ", "") not in answer.text


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_cannot_be_is_refused(stack: Stack, name: str) -> None:
    raw = json.dumps(PAYMENT | BODIES[name])
    expect_refused(stack.call("POST", "/payments", data=raw, headers={"Content-Type": "application/json"}))


@pytest.mark.parametrize("name", RAW)
def test_what_is_no_body_is_refused(stack: Stack, name: str) -> None:
    headers = {"Content-Type": "application/json"}
    expect_refused(stack.call("POST", "/payments", data=RAW[name], headers=headers))


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/payments", {"Idempotency-Key": ""}),
        ("POST", "/payments", {"Idempotency-Key": "not-a-uuid"}),
        ("POST", "/payments", {"Idempotency-Key": "8a7f3c1e-2b64-4f0a-9d51-6e0c7f4b2a9\u00e9".encode("latin-1")}),
        ("POST", "/payments", {"X-API-Key": ""}),
        ("POST", "/payments", {"X-API-Key": "sk_unknown"}),
        ("POST", "/payments", {"X-API-Key": "\u00e9\u00ff".encode("latin-1")}),
        ("POST", "/payments", {"X-API-Key": "", "Authorization": "Basic Og=="}),
        ("POST", "/payments", {"Content-Type": "text/plain"}),
        ("DELETE", "/payments", {}),
        ("PUT", "/payments", {}),
        ("GET", "/payments/pay_nothing", {}),
        ("GET", "/payments/pay_01hzzzzzzzzzzzzzzzzzzzzzzz", {}),
        ("GET", "/payments/%00", {}),
        ("GET", "/payments/%ff%fe", {}),
        ("GET", "/payments/" + "x" * 3000, {}),
        ("GET", "/payments?limit=abc", {}),
        ("GET", "/payments?limit=0", {}),
        ("GET", "/payments?limit=101", {}),
        ("GET", "/payments?limit=99999999999999999999", {}),
        ("GET", "/payments?starting_after=nothing", {}),
        ("GET", "/payments?starting_after=%00", {}),
        ("GET", "/payments?ending_before=cus_01hzzzzzzzzzzzzzzzzzzzzzzz", {}),
        ("GET", "/payments?status=paid", {}),
        ("GET", "/payments?customer=x", {}),
        ("GET", "/payments?unknown=1", {}),
        ("POST", "/payments/pay_nothing/confirm", {}),
        ("POST", "/payments/pay_01hzzzzzzzzzzzzzzzzzzzzzzz/confirm", {"Idempotency-Key": "x"}),
        ("GET", "/nothing", {}),
    ],
)
def test_a_request_that_cannot_be_is_refused(stack: Stack, method: str, path: str, headers: dict[str, Any]) -> None:
    options: dict[str, Any] = {"data": '{"amount": 2000, "currency": "USD"}'} if method == "POST" else {}
    headers = {"Content-Type": "application/json"} | headers
    expect_refused(stack.call(method, path, headers=headers, **options))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/%ff"),
        ("GET", "/shop/nothing/"),
        ("GET", "/shop/acme/products/%00"),
        ("GET", "/checkout/nothing"),
        ("GET", "/checkout/%00/status"),
        ("POST", "/checkout/nothing"),
        ("POST", "/shop/acme/cart/lines"),
        ("POST", "/shop/acme/checkout"),
        ("POST", "/sign-in"),
        ("POST", "/hooks/stripe/nothing"),
        ("POST", "/hooks/nothing/pac_01hzzzzzzzzzzzzzzzzzzzzzzz"),
        ("DELETE", "/"),
        ("PROPFIND", "/shop/acme/"),
        ("GET", "/static/../app.py"),
        ("GET", "/static/%2e%2e/app.py"),
    ],
)
def test_a_page_that_cannot_be_is_refused(stack: Stack, method: str, path: str) -> None:
    answer = requests.request(method, f"{stack.web}{path}", data=b"\0\xff=%00&a=%ff", timeout=PATIENCE)
    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert answer.headers["X-Request-Id"]


def test_a_page_takes_any_cookie_and_any_query(stack: Stack) -> None:
    for path in ("/shop/acme/", "/shop/acme/cart", "/sign-in", "/"):
        for cookie in ("ballast=nonsense", "ballast=eyJ9.x.y", "ballast=" + "x" * 4000, "\xff=\xff; ; ="):
            headers = {"Cookie": cookie.encode("latin-1")}
            answer = requests.get(f"{stack.web}{path}?a=%00&next=%ff&b[]=1", headers=headers, timeout=PATIENCE)
            assert answer.status_code < 500, f"{path} with {cookie[:30]}"
