"""What the sandbox answered survives its violent end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from ballast.sandbox.journal import Journal, StateInUseError
from tests.sandbox.conftest import NO_REDIRECTS, ROOT, Sandbox, catch, find_port, wait_until

PAY: Any = {"amount": 1000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}


def test_everything_survives_kill_9(own_sandbox: Sandbox) -> None:
    api = own_sandbox.client("demo").v1
    intent = api.payment_intents.create(PAY | {"automatic_payment_methods": NO_REDIRECTS}, {"idempotency_key": "k1"})
    endpoint = api.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    own_sandbox.fault("latency", operation="refunds.create", seconds=0.01, count=5)
    own_sandbox.stop(signal.SIGKILL)
    own_sandbox.start()
    api = own_sandbox.client("demo").v1
    assert api.payment_intents.retrieve(intent.id).status == "succeeded"
    again = api.payment_intents.create(PAY | {"automatic_payment_methods": NO_REDIRECTS}, {"idempotency_key": "k1"})
    assert again.id == intent.id
    assert [one.id for one in api.webhook_endpoints.list().data] == [endpoint.id]
    assert len(own_sandbox.charges("demo")) == 1
    assert requests.get(f"{own_sandbox.url}/_sandbox/faults", timeout=5).json()[0]["count"] == 5
    assert '"payment_intents.create"' in requests.get(f"{own_sandbox.url}/_sandbox/wire", timeout=5).text


def test_pending_webhooks_and_refunds_are_taken_up_again(own_sandbox: Sandbox) -> None:
    api = own_sandbox.client("demo").v1
    api.webhook_endpoints.create(
        {"url": f"{own_sandbox.url}/_sandbox/receiver", "enabled_events": ["customer.created"]}
    )
    own_sandbox.fault("webhook_late", seconds=1, count=1)
    api.customers.create({})
    intent = api.payment_intents.create(
        PAY | {"automatic_payment_methods": NO_REDIRECTS, "payment_method": "pm_card_pendingRefund"}
    )
    refund = api.refunds.create({"payment_intent": intent.id})
    own_sandbox.stop(signal.SIGKILL)
    own_sandbox.start()
    api = own_sandbox.client("demo").v1
    wait_until(lambda: requests.get(f"{own_sandbox.url}/_sandbox/receiver/events", timeout=5).json())
    wait_until(lambda: api.refunds.retrieve(refund.id).status == "succeeded")


def test_a_torn_last_commit_is_cut_off(own_sandbox: Sandbox) -> None:
    own_sandbox.client("demo").v1.customers.create({"name": "whole"})
    own_sandbox.stop(signal.SIGKILL)
    with open(own_sandbox.state / "journal", "ab") as file:
        file.write(b'demo/customers cus_torn {"id":"cus_torn","created":1}\ndemo/customers cus_torn2 {"id":')
    own_sandbox.start()
    api = own_sandbox.client("demo").v1
    assert [one.name for one in api.customers.list().data] == ["whole"]
    api.customers.create({"name": "after"})
    own_sandbox.stop(signal.SIGKILL)
    own_sandbox.start()
    assert [one.name for one in own_sandbox.client("demo").v1.customers.list().data] == ["after", "whole"]


def test_a_reset_forgets_what_happened_and_keeps_what_was_set_up(own_sandbox: Sandbox) -> None:
    api = own_sandbox.client("demo").v1
    api.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    api.payment_intents.create(PAY | {"automatic_payment_methods": NO_REDIRECTS})
    own_sandbox.fault("decline")
    assert requests.post(f"{own_sandbox.url}/_sandbox/reset", timeout=5).json() == {"status": "ok"}
    assert own_sandbox.charges("demo") == []
    assert requests.get(f"{own_sandbox.url}/_sandbox/wire", timeout=5).text == ""
    assert requests.get(f"{own_sandbox.url}/_sandbox/faults", timeout=5).json() == []
    own_sandbox.stop(signal.SIGKILL)
    own_sandbox.start()
    assert own_sandbox.client("demo").v1.payment_intents.list().data == []
    assert len(own_sandbox.client("demo").v1.webhook_endpoints.list().data) == 1
    assert catch(lambda: own_sandbox.client("demo").v1.payment_intents.retrieve("pi_x")).http_status == 404


def test_a_bloated_journal_is_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ballast.sandbox.journal.REWRITE_ABOVE_BYTES", 1000)
    journal = Journal(tmp_path)
    for step in range(100):
        journal.append([("demo/things", "one", b'{"step":%d}' % step)])
    assert journal.is_bloated(20)
    journal.rewrite([("demo/things", "one", b'{"step":99}')])
    journal.append([("demo/things", "two", b"{}")])
    journal.close()
    reopened = Journal(tmp_path)
    blocks = list(reopened.read())
    reopened.close()
    assert blocks == [[("demo/things", "one", b'{"step":99}')], [("demo/things", "two", b"{}")]]


def test_a_state_directory_serves_one_sandbox(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(StateInUseError):
        Journal(tmp_path)
    journal.close()


def start(tmp_path: Path, *arguments: str, **environment: str) -> Any:
    command = [sys.executable, "-m", "ballast.sandbox", "--state", str(tmp_path / "state"), *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")} | environment
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=20, check=False)


def test_it_does_not_start_beside_a_live_key(tmp_path: Path) -> None:
    ended = start(tmp_path, "--port", str(find_port()), STRIPE_SECRET_KEY="sk_live_51abc")
    assert ended.returncode == 2
    assert "STRIPE_SECRET_KEY holds a live key" in ended.stderr
    assert "51abc" not in ended.stderr


def test_it_binds_to_the_machine_itself_only(tmp_path: Path) -> None:
    ended = start(tmp_path, "--host", "0.0.0.0")
    assert ended.returncode == 2
    assert "--allow-remote" in ended.stderr


def test_a_taken_port_is_said(tmp_path: Path, own_sandbox: Sandbox) -> None:
    ended = start(tmp_path / "other", "--port", str(own_sandbox.port))
    assert ended.returncode == 3
    assert f"port {own_sandbox.port} is taken" in ended.stderr


def test_the_wire_is_collected_where_no_reset_reaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALLAST_SANDBOX_WIRE_DIR", str(tmp_path / "wire"))
    sandbox = Sandbox(tmp_path / "state")
    sandbox.start()
    assert sandbox.process is not None
    sandbox.client("demo").v1.customers.create({"name": "Ann"})
    requests.post(f"{sandbox.url}/_sandbox/reset", timeout=5).raise_for_status()
    sandbox.client("demo").v1.accounts.retrieve_current()
    sandbox.stop()
    lines = (tmp_path / "wire" / f"wire-{sandbox.process.pid}.jsonl").read_text().splitlines()
    assert [json.loads(line)["operation"] for line in lines] == ["customers.create", "accounts.retrieve_current"]
