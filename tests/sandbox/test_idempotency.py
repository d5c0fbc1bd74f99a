"""Idempotency keys, exactly as Stripe has them."""

import threading
import time
from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import NO_REDIRECTS, Sandbox, catch


def key(name: str) -> Any:
    return {"idempotency_key": name}


def test_the_same_key_gives_the_same_answer_and_one_charge(sandbox: Sandbox, account: str, pay: Any) -> None:
    first, second = pay(options=key("k1")), pay(options=key("k1"))
    assert first.id == second.id
    assert first.last_response.body == second.last_response.body
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert len(sandbox.charges(account)) == 1


def test_the_same_key_with_other_parameters_is_refused(pay: Any) -> None:
    pay(options=key("k1"))
    error = catch(lambda: pay(amount=2000, options=key("k1")))
    assert isinstance(error, stripe.IdempotencyError)
    assert error.http_status == 400


def test_the_same_key_at_another_address_is_refused(api: Any, pay: Any) -> None:
    pay(options=key("k1"))
    assert catch(lambda: api.customers.create({}, key("k1"))).http_status == 400


def test_a_decline_is_replayed(api: Any, pay: Any) -> None:
    first = catch(lambda: pay("pm_card_chargeDeclined", options=key("k1")))
    second = catch(lambda: pay("pm_card_chargeDeclined", options=key("k1")))
    assert first.error.payment_intent.id == second.error.payment_intent.id
    assert len(api.payment_intents.list().data) == 1


def test_a_failed_validation_is_not_remembered(pay: Any) -> None:
    catch(lambda: pay(amount=1, options=key("k1")))
    assert pay(amount=1000, options=key("k1")).status == "succeeded"


def test_a_request_in_flight_answers_409(sandbox: Sandbox, account: str, pay: Any) -> None:
    sandbox.fault("latency", operation="payment_intents.create", seconds=1, count=1)
    done = []
    slow = threading.Thread(target=lambda: done.append(pay(options=key("k1"))))
    slow.start()
    time.sleep(0.4)
    error = catch(lambda: pay(options=key("k1")))
    assert (error.http_status, error.error.code) == (409, "idempotency_key_in_use")
    slow.join()
    assert pay(options=key("k1")).id == done[0].id
    assert len(sandbox.charges(account)) == 1


def test_a_500_after_the_charge_is_replayed(sandbox: Sandbox, account: str, api: Any, pay: Any) -> None:
    sandbox.fault("error_after", operation="payment_intents.create", count=1)
    for _ in range(2):
        assert catch(lambda: pay(options=key("k1"))).http_status == 500
    assert [intent.status for intent in api.payment_intents.list().data] == ["succeeded"]
    assert len(sandbox.charges(account)) == 1


def test_a_500_before_the_charge_is_not_remembered(sandbox: Sandbox, pay: Any) -> None:
    sandbox.fault("error_before", operation="payment_intents.create", count=1)
    assert catch(lambda: pay(options=key("k1"))).http_status == 500
    assert pay(options=key("k1")).status == "succeeded"


def test_keys_belong_to_an_account(sandbox: Sandbox, account: str, pay: Any) -> None:
    first = pay(options=key("k1"))
    wanted: Any = {"amount": 1000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    other = sandbox.client(f"{account}other").v1.payment_intents.create(
        wanted | {"automatic_payment_methods": NO_REDIRECTS}, key("k1")
    )
    assert first.id != other.id


@pytest.mark.parametrize("name", ["ключ с пробелом/…".encode().decode("latin-1"), "x" * 255])
def test_any_key_up_to_255_characters_will_do(pay: Any, name: str) -> None:
    assert pay(options=key(name)).id == pay(options=key(name)).id


def test_a_longer_key_is_refused(pay: Any) -> None:
    assert catch(lambda: pay(options=key("x" * 256))).http_status == 400
