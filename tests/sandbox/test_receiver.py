"""The merchant's server, played."""

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from standardwebhooks.webhooks import Webhook

from tests.sandbox.conftest import Sandbox

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def deliver(sandbox: Sandbox, secret: str = SECRET, *, age: int = 0, ours: bool = True) -> Any:
    body = json.dumps({"type": "payment_intent.succeeded", "id": "evt_1"})
    moment = int(time.time()) - age
    signature = Webhook(secret).sign("evt_1", datetime.fromtimestamp(moment, UTC), body)
    digest = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    headers = {"webhook-id": "evt_1", "webhook-timestamp": str(moment), "webhook-signature": signature}
    if ours:
        headers["X-Ballast-Signature"] = f"sha256={digest}"
    return requests.post(f"{sandbox.url}/_sandbox/receiver", data=body, headers=headers, timeout=5).status_code


@pytest.fixture(autouse=True)
def _secret(sandbox: Sandbox) -> None:
    requests.put(f"{sandbox.url}/_sandbox/receiver/config", json={"secret": SECRET}, timeout=5)


def test_a_rightly_signed_delivery_is_taken(sandbox: Sandbox) -> None:
    assert deliver(sandbox) == 204
    last = requests.get(f"{sandbox.url}/_sandbox/receiver/events", timeout=5).json()[-1]
    assert (last["id"], last["type"], last["valid"]) == ("evt_1", "payment_intent.succeeded", True)
    assert json.loads(last["body"])["id"] == "evt_1"
    assert "payment_intent.succeeded" in requests.get(f"{sandbox.url}/_sandbox/receiver", timeout=5).text


@pytest.mark.parametrize("how", [{"secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, {"age": 400}, {"ours": False}])
def test_a_wrong_or_old_signature_is_refused(sandbox: Sandbox, how: Any) -> None:
    assert deliver(sandbox, **how) == 401
    assert requests.get(f"{sandbox.url}/_sandbox/receiver/events", timeout=5).json()[-1]["valid"] is False


def test_it_can_be_told_to_fail_for_a_while(sandbox: Sandbox) -> None:
    config = {"secret": SECRET, "answer": 503, "times": 2}
    requests.put(f"{sandbox.url}/_sandbox/receiver/config", json=config, timeout=5)
    assert [deliver(sandbox) for _ in range(3)] == [503, 503, 204]
