"""The Stripe adapter against a server that answers whatever we like: the future, nonsense, and nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ballast.processors.base import Approved, Card, Declined, RefundRequest, Unknown
from ballast.processors.stripe import StripeAdapter
from tests.processors.conftest import look, make_charge, make_credentials

INTENT: dict[str, Any] = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "succeeded",
    "amount": 2000,
    "amount_received": 2000,
    "client_secret": "pi_1_secret_x",
    "last_payment_error": None,
    "next_action": None,
    "payment_method": {"id": "pm_1", "object": "payment_method", "type": "card", "card": {"brand": "visa"}},
}
CARD = {"brand": "visa", "last4": "4242", "exp_month": 1, "exp_year": 2030}


class Script:
    """A server that says one thing."""

    def __init__(self) -> None:
        self.status, self.body = 200, b"{}"
        self.url = ""

    def say(self, value: Any, status: int = 200) -> None:
        self.status = status
        self.body = value if isinstance(value, bytes) else json.dumps(value).encode()


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(made.status)
            self.send_header("Content-Length", str(len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def told(script: Script) -> StripeAdapter:
    return StripeAdapter(make_credentials(script.url))


def test_fields_nobody_knows_yet_are_survived(script: Script, told: StripeAdapter) -> None:
    method = {"id": "pm_1", "object": "payment_method", "type": "card", "card": CARD | {"hologram": {"a": [1]}}}
    script.say(INTENT | {"future": {"deep": [None]}, "payment_method": method})
    assert told.find(look(make_charge(external_id="pi_1"))) == Approved("pi_1", 2000, Card("visa", "4242", 1, 2030))


@pytest.mark.parametrize(
    "method", [{"id": "pm_1", "object": "payment_method", "type": "link", "link": {"email": "a@b.c"}}, "pm_1", None]
)
def test_money_taken_without_a_card_is_still_money_taken(script: Script, told: StripeAdapter, method: Any) -> None:
    script.say(INTENT | {"payment_method": method})
    assert told.find(look(make_charge(external_id="pi_1"))) == Approved("pi_1", 2000, Card(None, None))
    assert told.submit(make_charge(external_id="pi_1")) == Approved("pi_1", 2000, Card(None, None))


@pytest.mark.parametrize("status", ["processing", "a_state_of_the_future"])
def test_a_state_we_cannot_judge_is_unknown(script: Script, told: StripeAdapter, status: str) -> None:
    script.say(INTENT | {"status": status})
    assert told.find(look(make_charge(external_id="pi_1"))) == Unknown(status, "pi_1")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"<html>oops</html>"),
        (502, b""),
        (503, b"{}"),
        (504, b'{"error": {}}'),
        (200, b"<html>a captive portal</html>"),
        (200, b""),
        (409, b'{"error": {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "in use"}}'),
        (409, b'{"error": {"code": "lock_timeout", "message": "locked"}}'),
        (400, b'{"error": {"type": "idempotency_error", "message": "other parameters"}}'),
        (429, b'{"error": {"code": "rate_limit", "message": "slow down"}}'),
        (
            400,
            b'{"error": {"type": "invalid_request_error", "code": "payment_intent_unexpected_state", "message": "x"}}',
        ),
    ],
    ids=range(11),
)
def test_an_answer_that_settles_nothing_is_unknown(
    script: Script, told: StripeAdapter, status: int, body: bytes
) -> None:
    script.say(body, status)
    assert isinstance(told.submit(make_charge(external_id="pi_1")), Unknown)


@pytest.mark.parametrize(
    ("error", "decline_class", "code"),
    [
        ({"code": "card_declined", "decline_code": "code_of_the_future"}, "soft", "code_of_the_future"),
        (
            {"code": "card_declined", "decline_code": "do_not_honor", "advice_code": "do_not_try_again"},
            "hard",
            "do_not_honor",
        ),
        (
            {"code": "card_declined", "decline_code": "stolen_card", "advice_code": "try_again_later"},
            "fraud",
            "stolen_card",
        ),
        ({"code": "card_declined"}, "soft", "card_declined"),
        ({}, "soft", "card_declined"),
        ({"code": "authentication_required"}, "authentication", "authentication_required"),
    ],
    ids=range(6),
)
def test_a_decline_is_classed_by_the_networks_advice_and_the_code(
    script: Script, told: StripeAdapter, error: dict[str, str], decline_class: str, code: str
) -> None:
    script.say({"error": {"type": "card_error", "message": "No."} | error}, 402)
    outcome = told.submit(make_charge(external_id="pi_1"))
    assert isinstance(outcome, Declined)
    assert (outcome.decline_class, outcome.code) == (decline_class, code)


@pytest.mark.parametrize(
    ("status", "means"), [("requires_action", "processing"), ("canceled", "failed"), (None, "unknown")]
)
def test_a_refunds_states_have_a_meaning(script: Script, told: StripeAdapter, status: str | None, means: str) -> None:
    script.say({"id": "re_9", "object": "refund", "status": status})
    assert told.refund(RefundRequest("re_1", "pi_1", 100, "USD", None)).status == means


def test_a_refund_the_account_may_not_make_yet_is_not_called_failed(script: Script, told: StripeAdapter) -> None:
    script.say({"error": {"type": "invalid_request_error", "message": "Invalid API Key"}}, 401)
    assert told.refund(RefundRequest("re_1", "pi_1", 100, "USD", None)).status == "unknown"
