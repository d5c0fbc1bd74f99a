"""Customers, stored cards, nonces and tokens for browsers."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from braintree import exceptions

from tests.sandbox.braintree.conftest import codes
from tests.sandbox.conftest import Sandbox

Sell = Callable[..., Any]


@pytest.fixture
def token(gateway: Any) -> str:
    """The token of a stored card."""
    gateway.customer.create({"id": "ann", "email": "ann@example.com"})
    made = gateway.payment_method.create({"customer_id": "ann", "payment_method_nonce": "fake-valid-mastercard-nonce"})
    return str(made.payment_method.token)


def test_a_customer_lives(gateway: Any) -> None:
    made = gateway.customer.create({"id": "cus_1", "first_name": "Ann", "payment_method_nonce": "fake-valid-nonce"})
    assert made.customer.credit_cards[0].default is True
    assert gateway.customer.update("cus_1", {"last_name": "Lee"}).customer.last_name == "Lee"
    found = gateway.customer.find("cus_1")
    assert (found.first_name, found.last_name, len(found.credit_cards)) == ("Ann", "Lee", 1)
    gateway.customer.delete("cus_1")
    with pytest.raises(exceptions.NotFoundError):
        gateway.customer.find("cus_1")
    with pytest.raises(exceptions.NotFoundError):
        gateway.payment_method.find(found.credit_cards[0].token)


@pytest.mark.parametrize(
    ("params", "code"),
    [({"id": "a b"}, "91610"), ({"id": "x" * 37}, "91612"), ({"email": "nobody"}, "81604"), ({"id": "ann"}, "91609")],
)
def test_a_customer_that_cannot_be_made(gateway: Any, token: str, params: dict[str, Any], code: str) -> None:
    assert codes(gateway.customer.create(params)) == [code]


def test_a_stored_card_is_paid_with_and_forgotten(gateway: Any, sell: Sell, token: str) -> None:
    made = sell(payment_method_token=token, transaction_source="recurring").transaction
    assert (made.credit_card_details.token, made.customer_details.id) == (token, "ann")
    assert gateway.payment_method.find(token).last_4 == "4444"
    gateway.payment_method.delete(token)
    assert codes(sell(payment_method_token=token)) == ["91518"]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"customer_id": None}, "93104"),
        ({"customer_id": "nobody"}, "93105"),
        ({"payment_method_nonce": None}, "93103"),
        ({"payment_method_nonce": "fake-consumed-nonce"}, "93107"),
        ({"payment_method_nonce": "unheard-of"}, "93108"),
        ({"token": "a token"}, "91718"),
        ({"options": {"fail_on_duplicate_payment_method_for_customer": True}}, "81724"),
    ],
)
def test_a_card_that_cannot_be_stored(gateway: Any, token: str, params: dict[str, Any], code: str) -> None:
    wanted = {"customer_id": "ann", "payment_method_nonce": "fake-valid-mastercard-nonce"} | params
    assert codes(gateway.payment_method.create(wanted)) == [code]


def test_a_token_is_taken_once(gateway: Any, token: str) -> None:
    wanted = {"customer_id": "ann", "payment_method_nonce": "fake-valid-nonce", "token": "mine"}
    assert gateway.payment_method.create(wanted).is_success
    assert codes(gateway.payment_method.create(wanted)) == ["91719"]


def test_the_bank_is_asked_before_a_card_is_stored(gateway: Any, token: str) -> None:
    wanted = {"customer_id": "ann", "payment_method_nonce": "fake-processor-declined-visa-nonce"}
    result = gateway.payment_method.create(wanted | {"options": {"verify_card": True}})
    assert result.credit_card_verification.status == "processor_declined"
    assert result.credit_card_verification.processor_response_code == "2000"
    assert len(gateway.customer.find("ann").credit_cards) == 1


def test_a_card_is_kept_while_paying(gateway: Any, sell: Sell) -> None:
    options = {"submit_for_settlement": True, "store_in_vault_on_success": True}
    made = sell(options=options, transaction_source="recurring_first").transaction
    assert gateway.payment_method.find(made.credit_card_details.token).customer_id == made.customer_details.id


def test_a_nonce_of_a_stored_card_is_used_once(gateway: Any, sell: Sell, token: str) -> None:
    made = gateway.payment_method_nonce.create(token).payment_method_nonce
    found = gateway.payment_method_nonce.find(made.nonce)
    assert (found.details["last_four"], found.consumed, found.three_d_secure_info) == ("4444", False, None)
    assert sell(made.nonce).transaction.credit_card_details.token == token
    assert codes(sell(made.nonce, order_id="again")) == ["91564"]


def test_a_client_token_says_where_to_go(gateway: Any, sandbox: Sandbox, merchant: str, token: str) -> None:
    said = json.loads(base64.b64decode(gateway.client_token.generate({"customer_id": "ann"})))
    assert said["clientApiUrl"] == f"{sandbox.url}/merchants/{merchant}/client_api"
    assert said["authorizationFingerprint"]
    with pytest.raises(ValueError, match="Customer ID is invalid"):
        gateway.client_token.generate({"customer_id": "nobody"})


def test_a_browser_gets_a_nonce_and_no_number_is_logged(
    gateway: Any, sell: Sell, sandbox: Sandbox, merchant: str
) -> None:
    said = json.loads(base64.b64decode(gateway.client_token.generate()))
    card = {"number": "4111111111111111", "expirationMonth": "12", "expirationYear": "2034", "cvv": "123"}
    url = f"{said['clientApiUrl']}/v1/payment_methods/credit_cards"
    wanted = {"authorizationFingerprint": said["authorizationFingerprint"], "creditCard": card}
    answer = requests.post(url, json=wanted, timeout=5)
    assert answer.status_code == 201
    [made] = answer.json()["creditCards"]
    assert made["details"]["lastFour"] == "1111"
    assert sell(made["nonce"]).is_success
    wire = requests.get(f"{sandbox.url}/_sandbox/wire?processor=braintree", timeout=5).text
    assert merchant in wire
    assert "411111111111" not in wire
    assert requests.post(url, json={"creditCard": card}, timeout=5).status_code == 401
    wrong = requests.post(url, json=wanted | {"creditCard": card | {"number": "4"}}, timeout=5)
    assert wrong.status_code == 422
    assert wrong.json()["fieldErrors"][0]["fieldErrors"][0]["code"] == "81716"
