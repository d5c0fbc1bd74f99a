"""A real sandbox in a process of its own, spoken to with the official SDKs."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe
from playwright.sync_api import Browser, sync_playwright

from ballast.local.chromium import find_chromium

ROOT = Path(__file__).parents[2]
NO_REDIRECTS = {"enabled": True, "allow_redirects": "never"}
counter = itertools.count(1)


class Sandbox:
    """One sandbox process on a port and a state directory that survive its restarts."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.port = find_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "ballast.sandbox", "--port", str(self.port), "--state", str(self.state)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        wait_until(self.is_up)

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.url}/_sandbox/health", timeout=1).ok
        except requests.ConnectionError:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(10)

    def client(self, account: str) -> stripe.StripeClient:
        return stripe.StripeClient(
            f"sk_test_{account}",
            base_addresses={"api": self.url, "files": self.url, "connect": self.url, "meter_events": self.url},
            http_client=stripe.RequestsClient(timeout=(2, 20)),
            max_network_retries=0,
            stripe_version="2026-10-28.endive",
        )

    def charges(self, account: str) -> list[dict[str, Any]]:
        found = requests.get(f"{self.url}/_sandbox/charges", timeout=5).json()
        return [charge for charge in found if charge["account"] == account]

    def fault(self, kind: str, **rule: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/_sandbox/faults", json={"kind": kind, **rule}, timeout=5)
        assert answer.status_code == 201, answer.text
        rule_made: dict[str, Any] = answer.json()
        return rule_made

    def clear_faults(self) -> None:
        requests.delete(f"{self.url}/_sandbox/faults", timeout=5)


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], seconds: float = 15) -> Any:
    """Return the condition's first truthy value; fail after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{condition} did not come true within {seconds} s")


@pytest.fixture(scope="session")
def _process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    stripe.enable_telemetry = False
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(_process: Sandbox) -> Iterator[Sandbox]:
    """The sandbox all tests share, without faults."""
    yield _process
    _process.clear_faults()


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of the test's own, to be killed."""
    sandbox = Sandbox(tmp_path / "state")
    sandbox.start()
    yield sandbox
    if sandbox.process and sandbox.process.poll() is None:
        sandbox.stop()


@pytest.fixture
def account() -> str:
    """An account nobody else uses."""
    return f"t{os.getpid()}x{next(counter)}"


@pytest.fixture
def api(sandbox: Sandbox, account: str) -> Any:
    """Stripe's v1 services for the test's account."""
    return sandbox.client(account).v1


@pytest.fixture
def pay(api: Any) -> Callable[..., Any]:
    """Create and confirm a payment intent of 10.00 USD."""

    def create(payment_method: str = "pm_card_visa", options: dict[str, Any] | None = None, **params: Any) -> Any:
        wanted = {
            "amount": 1000,
            "currency": "usd",
            "payment_method": payment_method,
            "confirm": True,
            "automatic_payment_methods": NO_REDIRECTS,
        }
        return api.payment_intents.create(wanted | params, options or {})

    return create


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium."""
    chromium = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


def catch(call: Callable[[], Any]) -> Any:
    """Return the error a call of the SDK raises."""
    with pytest.raises(stripe.StripeError) as caught:
        call()
    return caught.value
