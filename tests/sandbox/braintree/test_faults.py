"""Misbehavior on request: what the SDK makes of it, and what is true afterwards."""

from collections.abc import Callable
from typing import Any

import pytest
from braintree import exceptions
from braintree.exceptions.http.connection_error import ConnectionError as NoConnection
from braintree.exceptions.http.timeout_error import ReadTimeoutError

from tests.sandbox.braintree.conftest import connect
from tests.sandbox.conftest import Sandbox

Sell = Callable[..., Any]


@pytest.mark.parametrize(
    ("kind", "rule", "error", "charged"),
    [
        ("reset_before", {}, NoConnection, 0),
        ("reset_after", {}, NoConnection, 1),
        ("error_before", {}, exceptions.ServerError, 0),
        ("error_before", {"status": 503}, exceptions.ServiceUnavailableError, 0),
        ("error_after", {}, exceptions.ServerError, 1),
        ("error_after", {"status": 504}, exceptions.GatewayTimeoutError, 1),
        ("rate_limit", {}, exceptions.TooManyRequestsError, 0),
        ("truncate", {}, exceptions.UnexpectedError, 1),
    ],
)
def test_a_fault_and_what_was_charged(
    sell: Sell, sandbox: Sandbox, merchant: str, kind: str, rule: dict[str, Any], error: type[Exception], charged: int
) -> None:
    sandbox.fault(kind, processor="braintree", operation="transactions.create", count=1, **rule)
    with pytest.raises(error):
        sell()
    assert len(sandbox.charges(merchant)) == charged


def test_a_slow_gateway_is_a_read_timeout(sandbox: Sandbox, merchant: str) -> None:
    sandbox.fault("latency", processor="braintree", seconds=2, count=1)
    gateway = connect(sandbox.url, merchant)
    gateway.config.timeout = (1, 0.5)
    with pytest.raises(ReadTimeoutError):
        gateway.transaction.sale({"amount": "10.00", "payment_method_nonce": "fake-valid-nonce"})


def test_a_decline_on_request_by_card(sell: Sell, sandbox: Sandbox) -> None:
    sandbox.fault("decline", processor="braintree", card="4444")
    assert sell().is_success
    assert sell("fake-valid-mastercard-nonce").transaction.status == "processor_declined"


def test_a_rule_for_another_processor_does_not_strike(sell: Sell, sandbox: Sandbox) -> None:
    sandbox.fault("error_before", processor="stripe")
    assert sell().is_success
