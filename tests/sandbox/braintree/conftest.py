"""A merchant of each test's own, spoken to with the official SDK."""

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import braintree
import pytest
import requests
from braintree.environment import Environment

from tests.sandbox.conftest import Sandbox

counter = itertools.count(1)
PUBLIC, PRIVATE = "a_public_key", "a_private_key"
Setup = Callable[..., dict[str, Any]]


def connect(url: str, merchant: str, public: str = PUBLIC, private: str = PRIVATE) -> braintree.BraintreeGateway:
    """A gateway object for a merchant of the sandbox at `url`."""
    port = str(urlsplit(url).port)
    environment = Environment("test", "127.0.0.1", port, url, False, None, "127.0.0.1", port)
    return braintree.BraintreeGateway(
        braintree.Configuration(
            environment=environment,
            merchant_id=merchant,
            public_key=public,
            private_key=private,
            timeout=(2, 10),
            wrap_http_exceptions=True,
        )
    )


@pytest.fixture
def merchant() -> str:
    """A merchant nobody else uses."""
    return f"ballast_t{os.getpid()}x{next(counter)}"


@pytest.fixture
def gateway(sandbox: Sandbox, merchant: str) -> braintree.BraintreeGateway:
    return connect(sandbox.url, merchant)


@pytest.fixture
def setup(sandbox: Sandbox, merchant: str) -> Setup:
    """Change what is set for the test's merchant."""

    def change(what: str = "settings", **wanted: Any) -> dict[str, Any]:
        answer = requests.post(
            f"{sandbox.url}/_sandbox/braintree/{what}", json={"merchant_id": merchant, **wanted}, timeout=15
        )
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return change


@pytest.fixture
def sell(gateway: Any) -> Callable[..., Any]:
    """Make a sale of 10.00 USD, submitted for settlement unless told otherwise."""

    def sale(nonce: str = "fake-valid-nonce", submit: bool = True, **params: Any) -> Any:
        wanted = {"amount": "10.00", "options": {"submit_for_settlement": submit}}
        if "payment_method_token" not in params and "credit_card" not in params:
            wanted["payment_method_nonce"] = nonce
        return gateway.transaction.sale(wanted | params)

    return sale


@pytest.fixture
def settled(gateway: Any, sell: Callable[..., Any]) -> Callable[..., Any]:
    """Make a sale and settle it."""

    def sale(**params: Any) -> Any:
        made = sell(**params).transaction
        return gateway.testing.settle_transaction(made.id).transaction

    return sale


def codes(result: Any) -> list[str]:
    """The codes of the validation errors of a result."""
    assert not result.is_success, result
    return [error.code for error in result.errors.deep_errors]


class Listener:
    """A merchant's server: answers the challenge and keeps what it is sent."""

    def __init__(self, gateway: Any) -> None:
        self.forms: list[dict[str, str]] = []
        self.answers: list[int] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                challenge = parse_qs(urlsplit(self.path).query)["bt_challenge"][0]
                self.say(200, gateway.webhook_notification.verify(challenge))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                listener.forms.append({name: values[0] for name, values in parse_qs(body).items()})
                self.say(listener.answers.pop(0) if listener.answers else 200, "")

            def say(self, status: int, text: str) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def listener(gateway: Any) -> Iterator[Listener]:
    listener = Listener(gateway)
    yield listener
    listener.server.shutdown()
    listener.server.server_close()
