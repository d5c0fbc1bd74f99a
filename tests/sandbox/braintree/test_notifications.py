"""Notifications: signed for the SDK, sent again until they are taken, and struck by faults."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from braintree.exceptions.invalid_signature_error import InvalidSignatureError

from tests.sandbox.braintree.conftest import Listener, Setup, connect
from tests.sandbox.conftest import Sandbox, wait_until

Sell = Callable[..., Any]


@pytest.fixture
def listening(gateway: Any, listener: Listener, setup: Setup) -> Listener:
    """The merchant's server, known to the sandbox."""
    list(gateway.merchant_account.all().merchant_accounts.items)
    assert setup("webhooks", url=listener.url)["verified"] is True
    return listener


def parse(gateway: Any, form: dict[str, str]) -> Any:
    return gateway.webhook_notification.parse(form["bt_signature"], form["bt_payload"])


def test_a_settled_charge_is_told_and_verified(gateway: Any, listening: Listener, settled: Sell, merchant: str) -> None:
    charge = settled(order_id="o & <1>")
    wait_until(lambda: listening.forms)
    event = parse(gateway, listening.forms[0])
    assert (event.kind, event.transaction.id, event.source_merchant_id) == ("transaction_settled", charge.id, merchant)
    assert event.transaction.order_id == "o & <1>"
    assert event.timestamp is not None


def test_a_tampered_one_is_not_verified(gateway: Any, listening: Listener, settled: Sell, sandbox: Sandbox) -> None:
    settled()
    wait_until(lambda: listening.forms)
    form = listening.forms[0]
    with pytest.raises(InvalidSignatureError):
        parse(gateway, form | {"bt_payload": "QUFB" + form["bt_payload"][4:]})
    with pytest.raises(InvalidSignatureError):
        parse(connect(sandbox.url, "ballast_else", private="another"), form)
    with pytest.raises(InvalidSignatureError):
        parse(connect(sandbox.url, "ballast_else", public="another"), form)


def test_a_declined_settlement_and_a_refund_that_comes_back(
    gateway: Any, listening: Listener, sell: Sell, settled: Sell, setup: Setup, sandbox: Sandbox, merchant: str
) -> None:
    gateway.testing.settlement_decline_transaction(sell(order_id="1").transaction.id)
    charge = settled(order_id="2")
    refund = gateway.transaction.refund(charge.id, "4.00").transaction
    setup("refund_failures", transaction_id=refund.id)
    wait_until(lambda: len(listening.forms) == 3)
    events = [parse(gateway, form) for form in listening.forms]
    told = {event.kind: event.transaction for event in events}
    assert set(told) == {"transaction_settlement_declined", "transaction_settled", "refund_failed"}
    assert told["refund_failed"].refunded_transaction_id == charge.id
    line = next(one for one in sandbox.charges(merchant) if one["id"] == charge.id)
    assert line["amount_refunded"] == 0


def test_disputes_are_told(gateway: Any, listening: Listener, settled: Sell, setup: Setup) -> None:
    charge = settled()
    opened = setup("disputes", transaction_id=charge.id)
    gateway.dispute.accept(opened["id"])
    wait_until(lambda: len(listening.forms) == 3)
    kinds = {event.kind: event for event in (parse(gateway, form) for form in listening.forms)}
    assert set(kinds) == {"transaction_settled", "dispute_opened", "dispute_accepted"}
    assert kinds["dispute_opened"].dispute.transaction.id == charge.id


def test_no_word_of_a_plain_authorization_or_decline(
    listening: Listener, sell: Sell, setup: Setup, gateway: Any
) -> None:
    sell(submit=False)
    sell(amount="2001.00")
    setup("webhooks/check")
    wait_until(lambda: listening.forms)
    assert [parse(gateway, form).kind for form in listening.forms] == ["check"]


def test_one_that_is_not_taken_comes_again(listening: Listener, settled: Sell) -> None:
    listening.answers = [500]
    settled()
    wait_until(lambda: len(listening.forms) == 2)
    assert listening.forms[0] == listening.forms[1]


def test_after_a_rotation_both_pairs_of_keys_verify(
    gateway: Any, listening: Listener, settled: Sell, sandbox: Sandbox, merchant: str
) -> None:
    fresh = connect(sandbox.url, merchant, "new_public", "new_private")
    fresh.client_token.generate()
    settled()
    wait_until(lambda: listening.forms)
    assert listening.forms[0]["bt_signature"].count("|") == 2
    assert parse(gateway, listening.forms[0]).kind == parse(fresh, listening.forms[0]).kind


@pytest.mark.parametrize(("kind", "times"), [("webhook_duplicate", 2), ("webhook_lost", 0)])
def test_faults_of_delivery(
    listening: Listener, settled: Sell, sandbox: Sandbox, setup: Setup, kind: str, times: int
) -> None:
    sandbox.fault(kind, processor="braintree", operation="transaction_settled", count=1)
    settled()
    wait_until(lambda: not any(rule for rule in rules(sandbox)))
    setup("webhooks/check")
    wait_until(lambda: len(listening.forms) == times + 1)


def test_a_bad_signature(gateway: Any, listening: Listener, settled: Sell, sandbox: Sandbox) -> None:
    sandbox.fault("webhook_bad_signature", processor="braintree", count=1)
    settled()
    wait_until(lambda: listening.forms)
    with pytest.raises(InvalidSignatureError):
        parse(gateway, listening.forms[0])


def rules(sandbox: Sandbox) -> list[Any]:
    found: list[Any] = requests.get(f"{sandbox.url}/_sandbox/faults", timeout=5).json()
    return found


def test_an_address_that_does_not_answer_is_not_verified(gateway: Any, setup: Setup) -> None:
    gateway.client_token.generate()
    assert setup("webhooks", url="http://127.0.0.1:9/hooks")["verified"] is False
