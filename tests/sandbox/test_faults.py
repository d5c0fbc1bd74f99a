"""Misbehavior on request."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.conftest import Sandbox, catch


def test_a_reset_before_the_charge_leaves_nothing(sandbox: Sandbox, account: str, api: Any, pay: Any) -> None:
    sandbox.fault("reset_before", operation="payment_intents.create", count=1)
    error = catch(lambda: pay(options={"idempotency_key": "k1"}))
    assert isinstance(error, stripe.APIConnectionError)
    assert sandbox.charges(account) == []
    assert api.payment_intents.list().data == []
    assert pay(options={"idempotency_key": "k1"}).status == "succeeded"


def test_a_reset_after_the_charge_leaves_one_charge(sandbox: Sandbox, account: str, api: Any, pay: Any) -> None:
    sandbox.fault("reset_after", operation="payment_intents.create", count=1)
    assert isinstance(catch(lambda: pay(options={"idempotency_key": "k1"})), stripe.APIConnectionError)
    assert len(sandbox.charges(account)) == 1
    again = pay(options={"idempotency_key": "k1"})
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert api.payment_intents.retrieve(again.id).status == "succeeded"
    assert len(sandbox.charges(account)) == 1


def test_a_truncated_answer_is_a_connection_error(sandbox: Sandbox, account: str, pay: Any) -> None:
    sandbox.fault("truncate", operation="payment_intents.create", count=1)
    assert isinstance(catch(pay), stripe.APIConnectionError)
    assert len(sandbox.charges(account)) == 1


def test_a_rate_limit_says_when_to_come_back(sandbox: Sandbox, account: str, pay: Any) -> None:
    sandbox.fault("rate_limit", processor="stripe", count=1, seconds=7)
    error = catch(pay)
    assert isinstance(error, stripe.RateLimitError)
    assert error.headers
    assert error.headers["Retry-After"] == "7"
    assert sandbox.charges(account) == []


@pytest.mark.parametrize("kind", ["latency", "slow"])
def test_an_answer_may_take_its_time(sandbox: Sandbox, pay: Any, kind: str) -> None:
    sandbox.fault(kind, operation="payment_intents.create", count=1, seconds=0.5)
    begun = time.monotonic()
    assert pay().status == "succeeded"
    assert time.monotonic() - begun >= 0.5


def test_what_is_held_goes_on_when_its_rule_is_lifted(sandbox: Sandbox, pay: Any) -> None:
    rule = sandbox.fault("latency", operation="payment_intents.create", seconds=60)
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(pay)
        with pytest.raises(TimeoutError):
            paying.result(0.3)
        assert requests.delete(f"{sandbox.url}/_sandbox/faults/{rule['id']}", timeout=5).status_code == 204
        assert paying.result(10).status == "succeeded"
    assert time.monotonic() - begun < 30


def test_a_decline_strikes_the_card_it_names(sandbox: Sandbox, pay: Any) -> None:
    sandbox.fault("decline", card="4444")
    assert pay("pm_card_visa").status == "succeeded"
    assert catch(lambda: pay("pm_card_mastercard")).code == "card_declined"


def test_only_a_try_of_the_card_uses_up_a_decline(sandbox: Sandbox, api: Any, pay: Any) -> None:
    sandbox.fault("decline", count=1)
    intent = api.payment_intents.create({"amount": 500, "currency": "usd", "payment_method": "pm_card_visa"})
    assert catch(lambda: api.payment_intents.confirm(intent.id, {"use_stripe_sdk": True})).code == "card_declined"
    assert pay().status == "succeeded"


def test_a_card_rule_knows_the_card_of_an_intent(sandbox: Sandbox, api: Any, pay: Any) -> None:
    intent = pay("pm_card_mastercard", capture_method="manual")
    sandbox.fault("error_before", operation="payment_intents.capture", card="4444", status=503)
    assert catch(lambda: api.payment_intents.capture(intent.id)).http_status == 503


def test_a_share_strikes_some(sandbox: Sandbox, pay: Any) -> None:
    sandbox.fault("decline", share=0.5)
    outcomes = set()
    for _ in range(40):
        try:
            outcomes.add(pay().status)
        except stripe.CardError as error:
            outcomes.add(error.code)
    assert outcomes == {"succeeded", "card_declined"}


def test_rules_are_listed_and_lifted(sandbox: Sandbox) -> None:
    rule = sandbox.fault("latency", seconds=1)
    sandbox.fault("decline")
    listed = requests.get(f"{sandbox.url}/_sandbox/faults", timeout=5).json()
    assert [one["kind"] for one in listed] == ["latency", "decline"]
    assert requests.delete(f"{sandbox.url}/_sandbox/faults/{rule['id']}", timeout=5).status_code == 204
    assert len(requests.get(f"{sandbox.url}/_sandbox/faults", timeout=5).json()) == 1


@pytest.mark.parametrize(
    "rule",
    [{}, {"kind": "sulk"}, {"kind": "latency", "share": 2}, {"kind": "decline", "count": 0}, {"kind": "slow", "x": 1}],
)
def test_a_rule_that_makes_no_sense_is_refused(sandbox: Sandbox, rule: Any) -> None:
    assert requests.post(f"{sandbox.url}/_sandbox/faults", json=rule, timeout=5).status_code == 422


def test_a_rule_is_set_by_the_pages_form(sandbox: Sandbox) -> None:
    form = {"kind": "latency", "processor": "stripe", "operation": "", "card": "", "share": "0.5", "count": "3"}
    answer = requests.post(f"{sandbox.url}/_sandbox/faults", data=form, allow_redirects=False, timeout=5)
    assert answer.status_code == 303
    [rule] = requests.get(f"{sandbox.url}/_sandbox/faults", timeout=5).json()
    assert (rule["share"], rule["count"], rule["operation"]) == (0.5, 3, None)
    wrong = requests.post(f"{sandbox.url}/_sandbox/faults", data=form | {"share": "most"}, timeout=5)
    assert wrong.status_code == 422


def test_the_wire_log_tells_what_happened(sandbox: Sandbox, account: str, pay: Any) -> None:
    sandbox.fault("reset_after", operation="payment_intents.create", count=1)
    catch(lambda: pay(options={"idempotency_key": f"{account}-a"}))
    pay(options={"idempotency_key": f"{account}-a"})
    lines = requests.get(f"{sandbox.url}/_sandbox/wire", params={"processor": "stripe"}, timeout=5).text.splitlines()
    rows = [row for row in map(json.loads, lines) if row["idempotency_key"] == f"{account}-a"]
    assert [(row["status"], row["fault"]) for row in rows] == [(None, "reset_after"), (200, None)]
    assert rows[0]["response"] is None
    assert rows[1]["response"]["object"] == "payment_intent"
    assert rows[1]["operation"] == "payment_intents.create"
