"""Requests are read as strictly as Stripe reads them."""

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.conftest import Sandbox, catch

GOOD = {"amount": 1000, "currency": "usd"}


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"nonsense": 1}, "parameter_unknown", "nonsense"),
        ({"shipping": {"planet": "Mars"}}, "parameter_unknown", "shipping[planet]"),
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
        ({"amount": "ten"}, "parameter_invalid_integer", "amount"),
        ({"amount": 10.5}, "parameter_invalid_integer", "amount"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": -5}, "parameter_invalid_integer", "amount"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": 1001, "currency": "kwd"}, "parameter_invalid_integer", "amount"),
        ({"currency": "zzz"}, None, "currency"),
        ({"capture_method": "someday"}, None, "capture_method"),
        ({"confirm": "perhaps"}, None, "confirm"),
        ({"off_session": True}, None, "off_session"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"payment_method": "pm_none"}, "resource_missing", "payment_method"),
        ({"expand": ["nonsense"]}, None, "expand"),
        ({"metadata": {"k" * 41: "v"}}, None, f"metadata[{'k' * 41}]"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(
    sandbox: Sandbox, account: str, api: Any, change: Any, code: str | None, param: str
) -> None:
    error = catch(lambda: api.payment_intents.create(GOOD | change))
    assert isinstance(error, stripe.InvalidRequestError)
    assert (error.http_status, error.code, error.param) == (400, code, param)
    assert api.payment_intents.list().data == []


def test_a_missing_parameter_is_named(api: Any) -> None:
    error = catch(lambda: api.payment_intents.create({"amount": 1000}))
    assert (error.code, error.param) == ("parameter_missing", "currency")


def test_versions_before_endive_still_take_payment_method_types(api: Any) -> None:
    intent = api.payment_intents.create(
        GOOD | {"payment_method_types": ["card"]}, {"stripe_version": "2026-05-27.dahlia"}
    )
    assert intent.status == "requires_payment_method"


def test_currencies_without_decimals_pass_through(pay: Any) -> None:
    assert pay(amount=500, currency="jpy").amount_received == 500
    assert pay(amount=1230, currency="kwd").amount_received == 1230


@pytest.mark.parametrize("key", ["", "sk_live_abc", "nonsense", "sk_test_"])
def test_a_key_that_opens_nothing_is_refused(sandbox: Sandbox, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = requests.get(f"{sandbox.url}/v1/customers", headers=headers, timeout=5)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_browsers_key_cannot_create_a_payment(sandbox: Sandbox, account: str) -> None:
    headers = {"Authorization": f"Bearer pk_test_{account}"}
    answer = requests.post(f"{sandbox.url}/v1/payment_intents", data=GOOD, headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "secret_key_required")


def test_a_browser_reads_an_intent_with_its_secret_only(sandbox: Sandbox, account: str, api: Any) -> None:
    intent = api.payment_intents.create(GOOD | {"metadata": {"inner": "secret"}})
    url, params = f"{sandbox.url}/v1/payment_intents/{intent.id}", {"key": f"pk_test_{account}"}
    assert requests.get(url, params=params, timeout=5).status_code == 400
    shown = requests.get(url, params=params | {"client_secret": intent.client_secret}, timeout=5).json()
    assert shown["status"] == "requires_payment_method"
    assert "metadata" not in shown


CARD = {
    "type": "card",
    "card[number]": "4242424242424242",
    "card[exp_month]": "12",
    "card[exp_year]": "34",
    "card[cvc]": "123",
}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("number", "4242424242424241", "incorrect_number"),
        ("number", "42", "invalid_number"),
        ("number", "4929939187355598", "card_declined"),
        ("exp_month", "13", "invalid_expiry_month"),
        ("exp_year", "95", "invalid_expiry_year"),
        ("cvc", "99", "invalid_cvc"),
    ],
)
def test_a_mistyped_card_is_refused(sandbox: Sandbox, account: str, field: str, value: str, code: str | None) -> None:
    data = CARD | {f"card[{field}]": value, "key": f"pk_test_{account}"}
    answer = requests.post(f"{sandbox.url}/v1/payment_methods", data=data, timeout=5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, code)


def test_a_card_typed_in_a_browser_pays(sandbox: Sandbox, account: str, pay: Any) -> None:
    data = CARD | {"key": f"pk_test_{account}", "billing_details[address][postal_code]": "94107"}
    method = requests.post(f"{sandbox.url}/v1/payment_methods", data=data, timeout=5).json()
    assert method["card"]["last4"] == "4242"
    assert pay(method["id"]).status == "succeeded"


def test_a_server_may_not_send_card_numbers(sandbox: Sandbox, account: str) -> None:
    headers = {"Authorization": f"Bearer sk_test_{account}"}
    answer = requests.post(f"{sandbox.url}/v1/payment_methods", data=CARD, headers=headers, timeout=5)
    assert answer.status_code == 402
    assert "unsafe" in answer.json()["error"]["message"]


def test_an_operation_the_sandbox_has_not_is_404(sandbox: Sandbox, account: str) -> None:
    headers = {"Authorization": f"Bearer sk_test_{account}"}
    assert requests.get(f"{sandbox.url}/v1/invoices", headers=headers, timeout=5).status_code == 404


def test_no_card_number_is_written_down(sandbox: Sandbox, account: str) -> None:
    data = CARD | {"key": f"pk_test_{account}", "card[number]": "4000 0000 0000 9995"}
    requests.post(f"{sandbox.url}/v1/payment_methods", data=data, timeout=5)
    written = b"".join(path.read_bytes() for path in sandbox.state.iterdir())
    assert b"4000000000009995" not in written
    assert b"4000+0000+0000+9995" not in written
    assert b"************9995" in written
