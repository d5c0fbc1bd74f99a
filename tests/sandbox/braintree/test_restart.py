"""What was answered survives `kill -9`, and what was planned still happens."""

import signal
from typing import Any

import requests

from tests.sandbox.braintree.conftest import Listener, connect
from tests.sandbox.conftest import Sandbox, wait_until

MERCHANT = "ballast_restart"


def test_charges_keys_and_settlement_survive(own_sandbox: Sandbox) -> None:
    gateway = connect(own_sandbox.url, MERCHANT)
    listener = Listener(gateway)
    settings = {"merchant_id": MERCHANT, "settle_after": 3}
    requests.post(f"{own_sandbox.url}/_sandbox/braintree/settings", json=settings, timeout=5).raise_for_status()
    address = {"merchant_id": MERCHANT, "url": listener.url}
    requests.post(f"{own_sandbox.url}/_sandbox/braintree/webhooks", json=address, timeout=5).raise_for_status()
    wanted: dict[str, Any] = {"amount": "10.00", "payment_method_nonce": "fake-valid-nonce", "api_request_key": "k"}
    wanted["options"] = {"submit_for_settlement": True}
    first = gateway.transaction.sale(dict(wanted)).transaction
    own_sandbox.stop(signal.SIGKILL)
    own_sandbox.start()
    assert gateway.transaction.sale(dict(wanted)).transaction.id == first.id
    wait_until(lambda: gateway.transaction.find(first.id).status == "settled")
    wait_until(lambda: listener.forms)
    form = listener.forms[0]
    event = gateway.webhook_notification.parse(form["bt_signature"], form["bt_payload"])
    assert (event.kind, event.transaction.id) == ("transaction_settled", first.id)
    listener.server.shutdown()
    listener.server.server_close()


def test_a_reset_forgets_charges_and_keeps_addresses(own_sandbox: Sandbox) -> None:
    gateway = connect(own_sandbox.url, MERCHANT)
    gateway.transaction.sale({"amount": "10.00", "payment_method_nonce": "fake-valid-nonce"})
    address = {"merchant_id": MERCHANT, "url": "http://127.0.0.1:9/"}
    requests.post(f"{own_sandbox.url}/_sandbox/braintree/webhooks", json=address, timeout=15).raise_for_status()
    requests.post(f"{own_sandbox.url}/_sandbox/reset", timeout=5).raise_for_status()
    assert own_sandbox.charges(MERCHANT) == []
    kept = requests.post(
        f"{own_sandbox.url}/_sandbox/braintree/settings", json={"merchant_id": MERCHANT}, timeout=5
    ).json()
    assert kept["url"] == "http://127.0.0.1:9/"
