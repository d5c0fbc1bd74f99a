"""api_request_keys as Braintree has them, and the duplicate check where there is none."""

import threading
from collections.abc import Callable
from typing import Any

import requests
from braintree import exceptions

from tests.sandbox.braintree.conftest import Setup, codes
from tests.sandbox.conftest import Sandbox, wait_until

Sell = Callable[..., Any]


def test_the_same_request_gives_the_same_transaction(sell: Sell, gateway: Any, sandbox: Sandbox, merchant: str) -> None:
    first, second = (sell(api_request_key="k", order_id="o").transaction for _ in range(2))
    assert first.id == second.id
    assert len(sandbox.charges(merchant)) == 1
    gateway.testing.settle_transaction(first.id)
    assert sell(api_request_key="k", order_id="o").transaction.status == "settled"


def test_a_declined_transaction_is_given_again_too(sell: Sell) -> None:
    first, second = (sell(api_request_key="k", amount="2001.00") for _ in range(2))
    assert first.transaction.id == second.transaction.id
    assert second.message == "Insufficient Funds"


def test_another_request_under_the_same_key(sell: Sell) -> None:
    sell(api_request_key="k")
    assert codes(sell(api_request_key="k", amount="11.00")) == ["915232"]


def test_a_key_has_at_most_255_characters(sell: Sell) -> None:
    assert sell(api_request_key="k" * 255).is_success
    assert codes(sell(api_request_key="k" * 256)) == ["915230"]


def test_a_merchant_may_not_be_allowed_keys(sell: Sell, setup: Setup) -> None:
    setup(api_request_keys=False)
    assert codes(sell(api_request_key="k")) == ["915231"]
    assert sell().is_success


def test_a_key_of_a_failed_request_stays_failed(sell: Sell) -> None:
    assert codes(sell("unheard-of", api_request_key="k")) == ["91565"]
    assert codes(sell("unheard-of", api_request_key="k")) == ["915234"]


def test_while_the_first_is_on_its_way(sell: Sell, sandbox: Sandbox, merchant: str) -> None:
    sandbox.fault("latency", processor="braintree", operation="transactions.create", seconds=1, count=1)
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(sell(api_request_key="k")))
    thread.start()
    wait_until(lambda: sandbox_is_waiting(sandbox))
    assert codes(sell(api_request_key="k")) == ["915233"]
    thread.join()
    assert results[0].is_success
    assert len(sandbox.charges(merchant)) == 1


def sandbox_is_waiting(sandbox: Sandbox) -> bool:
    return bool(requests.get(f"{sandbox.url}/_sandbox/faults", timeout=5).json() == [])


def test_keys_work_on_everything_that_moves_money(sell: Sell, gateway: Any) -> None:
    held = sell(submit=False).transaction
    capture = gateway.transaction.submit_for_partial_settlement
    first, second = (capture(held.id, "4.00", {"api_request_key": "c"}).transaction for _ in range(2))
    assert first.id == second.id
    gateway.testing.settle_transaction(first.id)
    refunds = [
        gateway.transaction.refund(first.id, {"amount": "1.00", "api_request_key": "r"}).transaction for _ in range(2)
    ]
    assert refunds[0].id == refunds[1].id
    gone = sell(submit=False, order_id="gone").transaction
    voids = [gateway.transaction.void(gone.id, {"api_request_key": "v"}) for _ in range(2)]
    assert all(void.is_success for void in voids)
    assert codes(gateway.transaction.void(gone.id)) == ["91504"]


def test_a_lost_answer_is_given_again(sell: Sell, sandbox: Sandbox, merchant: str) -> None:
    sandbox.fault("reset_after", processor="braintree", operation="transactions.create", count=1)
    try:
        sell(api_request_key="k")
    except exceptions.http.ConnectionError:
        pass
    else:
        raise AssertionError("the connection was not reset")
    assert sell(api_request_key="k").is_success
    assert len(sandbox.charges(merchant)) == 1


def test_a_duplicate_is_rejected_for_a_while(sell: Sell, setup: Setup) -> None:
    setup(duplicate_seconds=2)
    assert sell(order_id="o").is_success
    again = sell(order_id="o")
    assert (again.transaction.status, again.transaction.gateway_rejection_reason) == ("gateway_rejected", "duplicate")
    assert again.message == "Gateway Rejected: duplicate"
    assert sell(order_id="other").is_success
    assert sell("fake-valid-mastercard-nonce", order_id="o").is_success
    wait_until(lambda: sell(order_id="o").is_success)


def test_a_declined_charge_is_no_duplicate(sell: Sell) -> None:
    assert not sell(order_id="o", amount="2001.00").is_success
    assert sell(order_id="o", amount="2001.00").transaction.status == "processor_declined"
