"""The Square adapter beside the charge: lists, events, settings, and a server that answers whatever we like."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from ballast import clock
from ballast.ids import new_id
from ballast.processors.base import (
    Approved,
    BadSignature,
    Card,
    Declined,
    Holder,
    NotSent,
    ProcessorEvent,
    RefundRequest,
    SaveCard,
    UnavailableError,
    Unknown,
    UnreadableEvent,
)
from ballast.processors.declines import classify_square
from ballast.processors.square import SquareAdapter
from tests.processors.conftest import WEBHOOK_SECRET
from tests.processors.test_square import approved, look, make, make_adapter, refund_of

HOOK = "https://shop.test/hooks/square/acc_1"
PAYMENT: dict[str, Any] = {
    "id": "p1",
    "status": "COMPLETED",
    "amount_money": {"amount": 2000, "currency": "USD"},
    "card_details": {"card": {"card_brand": "JCB", "last_4": "0505", "exp_month": 1, "exp_year": 2030}},
    "version_token": "v1",
}


class Script:
    """A server that says one thing."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, b"{}", 0
        self.url = ""

    def say(self, value: Any, status: int = 200) -> None:
        self.status = status
        self.body = value if isinstance(value, bytes) else json.dumps(value).encode()


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked += 1
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(made.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)

        do_POST = do_PUT = do_GET  # noqa: N815

        def log_message(self, *_args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def told(script: Script) -> SquareAdapter:
    return make_adapter(script.url)


@pytest.fixture
def adapter(sandbox_url: str) -> SquareAdapter:
    return make_adapter(sandbox_url)


def test_an_empty_answer_is_no_success(told: SquareAdapter) -> None:
    charge, request = make(), RefundRequest("re_1", "p1", 1, "USD", None)
    assert told.submit(charge) == Unknown("empty_answer")
    assert told.find(look(charge, "p1")) == Unknown("empty_answer", "p1")
    assert told.find(look(charge)) == Unknown("not_found_yet")
    assert told.capture(look(charge, "p1"), 1, "cap_1") == Unknown("empty_answer", "p1")
    assert told.refund(request).status == "unknown"
    assert told.find_refund(request, None).status == "unknown"
    assert told.save_card(SaveCard("pm_1", "cnon:x", Holder("cus_1"))) == Unknown("empty_answer")
    assert told.check().problem


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"payment": {}}',
        b'{"payment": 5}',
        b'{"payment": {"card_details": []}}',
        b'{"payment": {"status": "NEW"}}',
    ],
)
def test_nonsense_is_unknown(script: Script, told: SquareAdapter, body: bytes) -> None:
    script.say(body)
    assert isinstance(told.submit(make()), Unknown)
    assert isinstance(told.find(look(make(), "p1")), Unknown)


def test_unknown_fields_and_new_words_are_survived(script: Script, told: SquareAdapter) -> None:
    details = {"card": PAYMENT["card_details"]["card"] | {"card_brand": "BRAND_OF_2030", "chip": {"a": [1]}}, "new": 1}
    script.say({"payment": PAYMENT | {"card_details": details, "planet": {"name": "Mars"}}, "more": []})
    assert told.submit(make()) == Approved("p1", 2000, Card("brand_of_2030", "0505", 1, 2030))
    script.say({"payment": PAYMENT | {"card_details": None, "source_type": "WALLET"}})
    assert told.submit(make()) == Approved("p1", 2000, Card(None, None))


@pytest.mark.parametrize(
    ("status", "errors", "meant"),
    [
        (400, [{"category": "API_ERROR", "code": "TEMPORARY_ERROR"}], Unknown),
        (409, [{"category": "INVALID_REQUEST_ERROR", "code": "CONFLICT"}], Unknown),
        (408, [{"category": "API_ERROR", "code": "REQUEST_TIMEOUT"}], Unknown),
        (503, [{"category": "API_ERROR", "code": "SERVICE_UNAVAILABLE"}], Unknown),
        (302, [{"category": "INVALID_REQUEST_ERROR", "code": "BAD_REQUEST"}], Unknown),
        (400, [], Unknown),
        (400, [{"category": "PAYMENT_METHOD_ERROR", "code": "CODE_OF_2030"}], Declined),
        (402, [{"category": "PAYMENT_METHOD_ERROR", "code": "CARD_EXPIRED"}], Declined),
    ],
)
def test_only_a_plain_refusal_is_a_decline(
    script: Script, told: SquareAdapter, status: int, errors: list[Any], meant: type
) -> None:
    script.say({"errors": errors}, status)
    assert isinstance(told.submit(make()), meant)
    assert script.asked == 1


def test_a_page_of_a_proxy_is_unknown(script: Script, told: SquareAdapter) -> None:
    script.say(b"<html>Not today</html>", 403)
    assert told.submit(make()) == Unknown("http_403")


def test_a_pending_payment_is_unknown_and_a_canceled_one_is_not_sent(script: Script, told: SquareAdapter) -> None:
    script.say({"payment": PAYMENT | {"status": "PENDING"}})
    assert told.find(look(make(), "p1")) == Unknown("pending", "p1")
    script.say({"payment": PAYMENT | {"status": "CANCELED"}})
    assert told.find(look(make(), "p1")) == NotSent("canceled", "p1")


@pytest.mark.parametrize(
    ("code", "category", "risk", "expected"),
    [
        ("INSUFFICIENT_FUNDS", "PAYMENT_METHOD_ERROR", None, "soft"),
        ("CARD_EXPIRED", "PAYMENT_METHOD_ERROR", "NORMAL", "hard"),
        ("CARD_DECLINED_VERIFICATION_REQUIRED", "PAYMENT_METHOD_ERROR", "HIGH", "authentication"),
        ("GENERIC_DECLINE", "PAYMENT_METHOD_ERROR", "HIGH", "fraud"),
        ("UNAUTHORIZED", "AUTHENTICATION_ERROR", None, "configuration"),
        ("SOMETHING", "INVALID_REQUEST_ERROR", None, "configuration"),
        ("SOMETHING", "PAYMENT_METHOD_ERROR", None, "soft"),
        (None, None, None, "soft"),
    ],
)
def test_the_taxonomy_of_square(code: str | None, category: str | None, risk: str | None, expected: str) -> None:
    assert classify_square(code, category, risk) == expected


def test_a_window_lists_charges_and_refunds(adapter: SquareAdapter) -> None:
    start = clock.real_time() - timedelta(seconds=5)
    charges = [make(), make(capture=False), make("cnon:card-nonce-declined")]
    taken = approved(adapter, charges[0])
    approved(adapter, charges[1])
    adapter.submit(charges[2])
    request = refund_of(taken, 300)
    adapter.refund(request)
    listed = list(adapter.list_window(start, clock.real_time() + timedelta(seconds=5)))
    assert [(one.kind, one.reference, one.amount, one.status) for one in listed[:3]] == [
        ("charge", charges[0].reference, 2000, "captured"),
        ("charge", charges[1].reference, 2000, "authorized"),
        ("charge", charges[2].reference, 2000, "failed"),
    ]
    assert (listed[3].kind, listed[3].reference, listed[3].amount) == ("refund", request.reference, 300)
    assert all(start <= one.created_at <= clock.real_time() for one in listed)
    assert list(adapter.list_window(start - timedelta(days=2), start - timedelta(days=1))) == []


def test_a_window_that_cannot_be_read_says_so(script: Script, told: SquareAdapter) -> None:
    script.say({"errors": []}, 500)
    with pytest.raises(UnavailableError, match="http_500"):
        list(told.list_window(clock.real_time(), clock.real_time()))


def test_what_the_checkout_page_needs(adapter: SquareAdapter, sandbox_url: str) -> None:
    config = adapter.client_config("USD")
    assert config.scripts == (f"{sandbox_url}/js/square/v1/square.js",)
    assert dict(config.values)["application_id"].startswith("sandbox-sq0idb-")
    assert dict(config.values)["location_id"].startswith("L")
    assert dict(config.csp) == dict.fromkeys(("script-src", "frame-src", "connect-src"), (sandbox_url,))
    live = make_adapter("https://connect.squareup.com", publishable_key="sq0idp-x").client_config("USD")
    assert live.scripts == ("https://web.squarecdn.com/v1/square.js",)
    policy = dict(live.csp)
    assert policy["script-src"] == ("https://web.squarecdn.com",)
    assert "https://pci-connect.squareup.com" in policy["connect-src"]
    hosted = dict(make_adapter("https://connect.squareupsandbox.com").client_config("USD").csp)
    assert "https://pci-connect.squareupsandbox.com" in hosted["connect-src"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"secret_key": "EAAAFx"}, "access token"),
        ({"extra": (("location_id", "LX"),)}, "LX"),
        ({"publishable_key": "sq0idp-x", "api_base": "https://connect.squareupsandbox.com"}, None),
        ({"publishable_key": "sandbox-x", "api_base": "https://connect.squareup.com"}, "environment"),
        ({"api_base": "http://127.0.0.1:9"}, "reached"),
    ],
)
def test_the_test_button_says_what_is_wrong(sandbox_url: str, changes: dict[str, Any], says: str | None) -> None:
    assert make_adapter(sandbox_url).check().problem is None
    if says is not None:
        assert says in str(make_adapter(sandbox_url, **changes).check().problem)


def signed(event: dict[str, Any], url: str = HOOK) -> tuple[bytes, dict[str, str]]:
    raw = json.dumps(event).encode()
    digest = hmac.new(WEBHOOK_SECRET.encode(), url.encode() + raw, hashlib.sha256).digest()
    return raw, {"X-Square-HmacSha256-Signature": base64.b64encode(digest).decode()}


def event_about(noun: str, **fields: Any) -> dict[str, Any]:
    data = {"type": noun, "id": "x", "object": {noun: fields}}
    return {"merchant_id": "M", "type": f"{noun}.updated", "event_id": "e1", "created_at": "now", "data": data}


@pytest.mark.parametrize(
    ("event", "read"),
    [
        (event_about("payment", id="p1", status="PENDING"), ("p1", "charge", None, None)),
        (
            event_about("payment", id="p1", status="COMPLETED", reference_id="att_1"),
            ("p1", "charge_paid", "att_1", None),
        ),
        (event_about("payment", id="p1", status="APPROVED", reference_id=7), ("p1", "charge_paid", None, None)),
        (event_about("refund", id="r1", payment_id="p1"), ("p1", "refund", None, None)),
        (event_about("dispute", id="d1", disputed_payment={"payment_id": "p1"}), ("p1", "dispute", None, "d1")),
        (event_about("card", id="ccof:1"), (None, "other", None, None)),
        ({"event_id": "e1", "type": "x", "data": None}, (None, "other", None, None)),
        ({"event_id": "e1", "type": "x", "data": {"object": {"payment": [1]}}}, (None, "other", None, None)),
        (
            {"event_id": "e1", "type": "x", "data": {"object": {"dispute": {"disputed_payment": 1}}}},
            (None, "dispute", None, None),
        ),
    ],
)
def test_an_event_is_verified_and_read(adapter: SquareAdapter, event: dict[str, Any], read: tuple[Any, ...]) -> None:
    raw, headers = signed(event)
    assert adapter.parse_event(raw, headers, HOOK) == ProcessorEvent("e1", event["type"], *read)


def test_an_event_that_is_not_quite_right_is_refused(adapter: SquareAdapter) -> None:
    raw, headers = signed(event_about("payment", id="p1"))
    wrong: list[tuple[bytes, dict[str, str], str]] = [
        (raw.replace(b"p1", b"p2"), headers, HOOK),
        (raw, headers, f"{HOOK}/"),
        (raw, headers, HOOK.replace("https", "http")),
        (raw, headers, ""),
        (raw, {}, HOOK),
        (raw, {"X-Square-HmacSha256-Signature": "ünsigned"}, HOOK),
        (b"", headers, HOOK),
        (b"\xff", headers, HOOK),
    ]
    for case in wrong:
        with pytest.raises(BadSignature):
            adapter.parse_event(*case)


@pytest.mark.parametrize(
    "event",
    [
        {"no": "event"},
        {"event_id": "e\0", "type": "x"},
        {"event_id": "e1", "type": "\ud800"},
        {"event_id": "e" * 501, "type": "x"},
        {"event_id": "e1", "type": "x", "data": {"object": {"payment": {"id": "p\0"}}}},
        {"event_id": "e1", "type": "x", "data": {"object": {"payment": {"id": "p1", "reference_id": "\ud800"}}}},
    ],
)
def test_what_square_signed_and_nobody_can_keep_is_unreadable(adapter: SquareAdapter, event: dict[str, Any]) -> None:
    with pytest.raises(UnreadableEvent):
        adapter.parse_event(*signed(event), HOOK)


def test_without_a_key_nothing_is_believed(sandbox_url: str) -> None:
    adapter = make_adapter(sandbox_url, webhook_secret="")
    with pytest.raises(BadSignature):
        adapter.parse_event(*signed(event_about("payment", id="p1")), HOOK)


def test_the_adapter_listens_at_one_place(adapter: SquareAdapter, sandbox_url: str) -> None:
    first = adapter.listen("http://127.0.0.1:9/hooks/square/acc_1")
    second = adapter.listen("http://127.0.0.1:9/hooks/square/acc_1")
    assert first
    assert first != second
    listed = list(adapter._client.webhooks.subscriptions.list(include_disabled=True))
    assert [one.notification_url for one in listed] == ["http://127.0.0.1:9/hooks/square/acc_1"]


def test_a_processor_that_is_away_is_unavailable() -> None:
    away = make_adapter("http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match="no_answer"):
        away.listen("http://127.0.0.1:9/hooks/square/acc_1")
    with pytest.raises(BadSignature):
        away.answer_challenge("x")


def test_a_dispute_stops_refunds(adapter: SquareAdapter, sandbox_url: str) -> None:
    outcome = approved(adapter, make())
    account = adapter._credentials.publishable_key.removeprefix("sandbox-sq0idb-")
    url = f"{sandbox_url}/_sandbox/square/{account}/payments/{outcome.external_id}/dispute"
    assert requests.post(url, timeout=5).status_code == 201
    refused = adapter.refund(refund_of(outcome, 1))
    assert (refused.status, refused.message) == ("failed", "The payment is disputed.")


def test_ids_fit_into_what_square_takes() -> None:
    assert len(new_id("att")) <= 40
    assert len(f"{new_id('cap')}:9999999999") <= 45
