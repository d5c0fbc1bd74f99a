"""Events, signed over the address and the body, and delivered at least once; and what outlives a violent end."""

import json
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from square.utils.webhooks_helper import verify_signature

from tests.sandbox.conftest import Sandbox, wait_until
from tests.sandbox.square.conftest import ONCE, Seller, code_of

ALL = ["payment.created", "payment.updated", "refund.created", "refund.updated", "card.created", "customer.created"]


class Inbox:
    """A server that writes down what it is sent; `answers` are the statuses it gives first."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, str]]] = []
        self.answers: list[int] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                inbox.received.append((body, {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(inbox.answers.pop(0) if inbox.answers else 200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/square/acc_1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def events(self) -> list[Any]:
        return [json.loads(body) for body, _ in list(self.received)]

    def is_signed(self, place: int, key: str, url: str | None = None) -> bool:
        body, headers = self.received[place]
        signature = headers["x-square-hmacsha256-signature"]
        return verify_signature(
            request_body=body, signature_header=signature, signature_key=key, notification_url=url or self.url
        )


@pytest.fixture
def inbox() -> Any:
    inbox = Inbox()
    yield inbox
    inbox.server.shutdown()
    inbox.server.server_close()


def subscribe(seller: Seller, url: str, kinds: list[str]) -> Any:
    return seller.sdk.webhooks.subscriptions.create(
        subscription={"name": "Ballast", "event_types": kinds, "notification_url": url}, request_options=ONCE
    ).subscription


def test_a_payment_tells_what_happened_with_a_right_signature(inbox: Inbox, seller: Seller) -> None:
    key = subscribe(seller, inbox.url, ALL).signature_key
    payment = seller.pay()
    wait_until(lambda: len(inbox.received) == 2)
    created, updated = sorted(inbox.events(), key=lambda event: str(event["type"]))
    assert (created["type"], updated["type"]) == ("payment.created", "payment.updated")
    assert created["data"]["object"]["payment"]["status"] == "APPROVED"
    assert updated["data"]["object"]["payment"]["status"] == "COMPLETED"
    assert updated["data"]["id"] == payment.id
    assert created["event_id"] != updated["event_id"]
    assert inbox.is_signed(0, key)
    assert not inbox.is_signed(0, "another key")
    assert not inbox.is_signed(0, key, f"{inbox.url}/")


def test_only_what_was_asked_for_is_sent(inbox: Inbox, seller: Seller) -> None:
    subscribe(seller, inbox.url, ["refund.created", "refund.updated"])
    seller.refund(seller.pay().id, 100)
    wait_until(lambda: len(inbox.received) == 2)
    statuses = [event["data"]["object"]["refund"]["status"] for event in inbox.events()]
    assert statuses == ["PENDING", "COMPLETED"]


def test_what_is_not_taken_is_sent_again(inbox: Inbox, seller: Seller) -> None:
    inbox.answers = [500]
    subscribe(seller, inbox.url, ["customer.created"])
    seller.customer()
    wait_until(lambda: len(inbox.received) == 2)
    first, second = inbox.received
    assert first[0] == second[0]
    assert second[1]["square-retry-number"] == "1"


def test_faults_of_the_delivery(inbox: Inbox, seller: Seller, sandbox: Sandbox) -> None:
    key = subscribe(seller, inbox.url, ["customer.created"]).signature_key
    sandbox.fault("webhook_lost", processor="square", count=1)
    seller.customer()
    sandbox.fault("webhook_duplicate", processor="square", operation="customer.created", count=1)
    seller.customer()
    wait_until(lambda: len(inbox.received) == 2)
    assert inbox.events()[0]["event_id"] == inbox.events()[1]["event_id"]
    sandbox.fault("webhook_bad_signature", processor="square", count=1)
    seller.customer()
    wait_until(lambda: len(inbox.received) == 3)
    assert [inbox.is_signed(place, key) for place in range(3)] == [True, True, False]


def test_a_subscription_is_changed_rotated_and_deleted(inbox: Inbox, seller: Seller) -> None:
    subscriptions = seller.sdk.webhooks.subscriptions
    made = subscribe(seller, "http://127.0.0.1:9/", ["customer.created"])
    subscriptions.update(made.id, subscription={"notification_url": inbox.url}, request_options=ONCE)
    rotated = subscriptions.update_signature_key(made.id, request_options=ONCE).signature_key
    assert rotated
    assert rotated != made.signature_key
    seller.customer()
    wait_until(lambda: inbox.received)
    assert inbox.is_signed(0, rotated)
    subscriptions.update(made.id, subscription={"enabled": False}, request_options=ONCE)
    assert list(subscriptions.list(request_options=ONCE)) == []
    assert len(list(subscriptions.list(include_disabled=True, request_options=ONCE))) == 1
    subscriptions.delete(made.id, request_options=ONCE)
    assert code_of(lambda: subscriptions.get(made.id, request_options=ONCE)) == (404, "NOT_FOUND")
    assert code_of(lambda: subscribe(seller, inbox.url, ["no.such"])) == (400, "INVALID_ARRAY_VALUE")
    assert code_of(lambda: subscribe(seller, "ftp://x", ["customer.created"])) == (400, "INVALID_VALUE")


def test_missed_events_are_searched_for(seller: Seller) -> None:
    payments = [seller.pay().id for _ in range(3)]
    search = seller.sdk.events.search_events
    wanted: Any = {"filter": {"event_types": ["payment.created"]}}
    first = search(limit=2, query=wanted, request_options=ONCE)
    rest = search(limit=2, query=wanted, cursor=first.cursor, request_options=ONCE)
    found = [*(first.events or []), *(rest.events or [])]
    assert [event.data.id for event in found] == payments[::-1]
    assert rest.cursor is None


def test_everything_survives_kill_9(own_sandbox: Sandbox, inbox: Inbox) -> None:
    with httpx.Client(timeout=10, trust_env=False) as http:
        seller = Seller(own_sandbox.url, "demo", http)
        payment = seller.pay(idempotency_key="k1")
        held = seller.pay(autocomplete=False, delay_duration="PT2S")
        card = seller.keep(seller.customer().id)
        key = subscribe(seller, inbox.url, ["refund.created", "refund.updated"]).signature_key
        own_sandbox.fault("webhook_late", processor="square", operation="refund.created", seconds=1, count=1)
        refund = seller.refund(payment.id, 100)
        own_sandbox.stop(signal.SIGKILL)
        own_sandbox.start()
    with httpx.Client(timeout=10, trust_env=False) as http:
        seller = Seller(own_sandbox.url, "demo", http)
        assert seller.pay(idempotency_key="k1").id == payment.id
        assert seller.sdk.cards.get(card.id, request_options=ONCE).card == card
        get: Any = seller.sdk.payments.get
        wait_until(lambda: get(held.id, request_options=ONCE).payment.status == "CANCELED")
        wait_until(lambda: seller.sdk.refunds.get(refund.id, request_options=ONCE).refund.status == "COMPLETED")
        wait_until(lambda: {event["type"] for event in inbox.events()} == {"refund.created", "refund.updated"})
        assert inbox.is_signed(0, key)
        assert [charge["status"] for charge in own_sandbox.charges("demo")] == ["captured", "canceled"]


def test_a_reset_forgets_what_happened_and_keeps_the_addresses(own_sandbox: Sandbox, inbox: Inbox) -> None:
    with httpx.Client(timeout=10, trust_env=False) as http:
        seller = Seller(own_sandbox.url, "demo", http)
        seller.pay()
        subscribe(seller, inbox.url, ["customer.created"])
        http.post(f"{own_sandbox.url}/_sandbox/reset")
        assert list(seller.sdk.payments.list(request_options=ONCE)) == []
        seller.customer()
        wait_until(lambda: inbox.received)
