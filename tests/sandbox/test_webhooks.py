"""Events, signed and delivered at least once."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import Sandbox, catch, wait_until


class Inbox:
    """A server that writes down what it is sent; `answers` are the statuses it gives first."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, str]] = []
        self.answers: list[int] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.received.append((body, self.headers["Stripe-Signature"]))
                self.send_response(inbox.answers.pop(0) if inbox.answers else 200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def events(self, secret: str) -> Any:
        return [stripe.Webhook.construct_event(body, signature, secret) for body, signature in list(self.received)]

    def wait_for(self, secret: str, *kinds: object) -> Any:
        return wait_until(lambda: set(kinds) <= {event.type for event in self.events(secret)} and self.events(secret))


@pytest.fixture
def inbox() -> Any:
    inbox = Inbox()
    yield inbox
    inbox.server.shutdown()
    inbox.server.server_close()


@pytest.fixture
def secret(api: Any, inbox: Inbox) -> Any:
    return api.webhook_endpoints.create({"url": inbox.url, "enabled_events": ["*"]}).secret


def test_a_payment_tells_what_happened_with_a_right_signature(inbox: Inbox, secret: str, pay: Any) -> None:
    intent = pay(options={"idempotency_key": "k1"})
    events = inbox.wait_for(secret, "payment_intent.created", "charge.succeeded", "payment_intent.succeeded")
    [succeeded] = [event for event in events if event.type == "payment_intent.succeeded"]
    assert succeeded.data.object.id == intent.id
    assert succeeded.data.object.status == "succeeded"
    assert succeeded.request.idempotency_key == "k1"
    assert succeeded.api_version == "2026-10-28.endive"


def test_each_turn_has_its_event(inbox: Inbox, secret: str, api: Any, pay: Any) -> None:
    api.payment_intents.cancel(pay("pm_card_visa", capture_method="manual").id)
    catch(lambda: pay("pm_card_chargeDeclined"))
    pay("pm_card_authenticationRequired")
    customer = api.customers.create({})
    api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    api.refunds.create({"payment_intent": pay().id})
    inbox.wait_for(
        secret,
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
        "payment_intent.payment_failed",
        "payment_intent.requires_action",
        "charge.failed",
        "charge.refunded",
        "refund.created",
        "customer.created",
        "payment_method.attached",
    )


def test_an_endpoint_gets_what_it_asked_for(inbox: Inbox, api: Any, pay: Any) -> None:
    secret = api.webhook_endpoints.create({"url": inbox.url, "enabled_events": ["charge.succeeded"]}).secret
    pay()
    inbox.wait_for(secret, "charge.succeeded")
    assert {event.type for event in inbox.events(secret)} == {"charge.succeeded"}


def test_a_refused_delivery_is_made_again(inbox: Inbox, secret: str, api: Any, pay: Any) -> None:
    inbox.answers = [500]
    api.customers.create({})
    wait_until(lambda: len(inbox.received) == 2)
    first, second = inbox.events(secret)
    assert first.id == second.id
    wait_until(lambda: api.events.retrieve(first.id).pending_webhooks == 0)


def test_undelivered_events_can_be_asked_for(inbox: Inbox, secret: str, api: Any) -> None:
    inbox.answers = [500] * 9
    api.customers.create({})
    wait_until(lambda: inbox.received)
    assert [event.type for event in api.events.list({"delivery_success": False}).data] == ["customer.created"]
    assert api.events.list({"types": ["charge.failed"]}).data == []


def test_a_disabled_or_deleted_endpoint_gets_nothing(inbox: Inbox, api: Any) -> None:
    endpoint = api.webhook_endpoints.create({"url": inbox.url, "enabled_events": ["*"]})
    assert api.webhook_endpoints.update(endpoint.id, {"disabled": True}).status == "disabled"
    api.customers.create({})
    assert [one.id for one in api.webhook_endpoints.list().data] == [endpoint.id]
    assert api.webhook_endpoints.delete(endpoint.id).deleted
    api.customers.create({})
    assert inbox.received == []


def test_a_lost_webhook_never_comes(sandbox: Sandbox, inbox: Inbox, secret: str, api: Any) -> None:
    sandbox.fault("webhook_lost", count=1)
    api.customers.create({"name": "lost"})
    api.customers.create({"name": "found"})
    assert [event.data.object.name for event in inbox.wait_for(secret, "customer.created")] == ["found"]


def test_a_duplicate_webhook_comes_twice(sandbox: Sandbox, inbox: Inbox, secret: str, api: Any) -> None:
    sandbox.fault("webhook_duplicate", count=1)
    api.customers.create({})
    wait_until(lambda: len(inbox.received) == 2)
    assert len({event.id for event in inbox.events(secret)}) == 1


def test_a_badly_signed_webhook_does_not_verify(sandbox: Sandbox, inbox: Inbox, secret: str, api: Any) -> None:
    sandbox.fault("webhook_bad_signature", count=1)
    api.customers.create({})
    wait_until(lambda: inbox.received)
    with pytest.raises(stripe.SignatureVerificationError):
        inbox.events(secret)


@pytest.mark.parametrize("kind", ["webhook_late", "webhook_reordered"])
def test_a_late_webhook_is_overtaken(sandbox: Sandbox, inbox: Inbox, secret: str, api: Any, kind: str) -> None:
    sandbox.fault(kind, count=1, seconds=0.5)
    api.customers.create({"name": "first"})
    api.customers.create({"name": "second"})
    wait_until(lambda: len(inbox.received) == 2)
    assert [event.data.object.name for event in inbox.events(secret)] == ["second", "first"]
