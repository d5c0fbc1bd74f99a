"""The same few acts of a merchant at each processor, through its official SDK, so that one test can be run at all three."""

import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs
from uuid import uuid4

import braintree
import httpx
import requests
import stripe
from braintree import exceptions
from braintree.exceptions.invalid_signature_error import InvalidSignatureError
from square import Square
from square.core.api_error import ApiError
from square.utils.webhooks_helper import verify_signature

from tests.sandbox.braintree.conftest import connect
from tests.sandbox.conftest import NO_REDIRECTS, Sandbox

ONCE: Any = {"max_retries": 0}
PLAIN, OTHER = "plain", "other"


class Inbox:
    """A server that takes whatever it is sent."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, str]]] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(404)
                self.end_headers()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                inbox.received.append((body, {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@contextmanager
def open_inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.server.shutdown()
    inbox.server.server_close()


class Shop(Protocol):
    """A merchant. `pay` takes 10.00 USD from one of two cards, and says what came of it: paid, declined, limited, unknown."""

    processor: str
    operation: str
    other_last4: str
    account: str

    def pay(self, card: str = PLAIN) -> str: ...
    def take(self) -> str: ...
    def hold(self) -> str: ...
    def refund(self, charge: str) -> str: ...
    def listen(self, url: str) -> str: ...
    def tell(self) -> str: ...
    def read(self, body: str) -> str: ...
    def is_signed(self, received: tuple[str, dict[str, str]], secret: str) -> bool: ...


class StripeShop:
    processor, operation, other_last4 = "stripe", "payment_intents.create", "4444"

    def __init__(self, sandbox: Sandbox, account: str) -> None:
        self.account = account
        self.api = sandbox.client(account).v1

    def make(self, card: str = PLAIN, **more: Any) -> Any:
        method = "pm_card_visa" if card == PLAIN else "pm_card_mastercard"
        money = {"amount": 1000, "currency": "usd", "confirm": True, "payment_method": method} | more
        wanted: Any = money | {"automatic_payment_methods": NO_REDIRECTS}
        return self.api.payment_intents.create(wanted)

    def pay(self, card: str = PLAIN) -> str:
        try:
            self.make(card)
        except stripe.CardError:
            return "declined"
        except stripe.RateLimitError:
            return "limited"
        except (stripe.APIConnectionError, stripe.APIError):
            return "unknown"
        return "paid"

    def take(self) -> str:
        return str(self.make().latest_charge)

    def hold(self) -> str:
        return str(self.make(capture_method="manual").latest_charge)

    def refund(self, charge: str) -> str:
        return self.api.refunds.create({"charge": charge, "amount": 400}).id

    def listen(self, url: str) -> str:
        wanted: Any = {"url": url, "enabled_events": ["customer.created", "refund.failed"]}
        endpoint = self.api.webhook_endpoints.create(wanted)
        self.endpoint = endpoint.id
        return str(endpoint.secret)

    def tell(self) -> str:
        return self.api.customers.create({}).id

    def read(self, body: str) -> str:
        return body

    def is_signed(self, received: tuple[str, dict[str, str]], secret: str) -> bool:
        body, headers = received
        try:
            stripe.Webhook.construct_event(body, headers["stripe-signature"], secret)
        except stripe.SignatureVerificationError:
            return False
        return True


class BraintreeShop:
    processor, operation, other_last4 = "braintree", "transactions.create", "4444"

    def __init__(self, sandbox: Sandbox, account: str) -> None:
        self.account = self.endpoint = f"ballast_shop_{account}"
        self.url = sandbox.url
        self.gateway: Any = connect(sandbox.url, self.account)

    def make(self, card: str = PLAIN, submit: bool = True) -> Any:
        nonce = "fake-valid-nonce" if card == PLAIN else "fake-valid-mastercard-nonce"
        options = {"submit_for_settlement": submit}
        order = uuid4().hex
        return self.gateway.transaction.sale(
            {"amount": "10.00", "payment_method_nonce": nonce, "order_id": order, "options": options}
        )

    def pay(self, card: str = PLAIN) -> str:
        try:
            result = self.make(card)
        except exceptions.TooManyRequestsError:
            return "limited"
        except braintree.exceptions.braintree_error.BraintreeError:
            return "unknown"
        return "paid" if result.is_success else "declined"

    def take(self) -> str:
        key = str(self.make().transaction.id)
        self.gateway.testing.settle_transaction(key)
        return key

    def hold(self) -> str:
        return str(self.make(submit=False).transaction.id)

    def refund(self, charge: str) -> str:
        return str(self.gateway.transaction.refund(charge, "4.00").transaction.id)

    def listen(self, url: str) -> str:
        self.gateway.client_token.generate()
        wanted = {"merchant_id": self.account, "url": url}
        requests.post(f"{self.url}/_sandbox/braintree/webhooks", json=wanted, timeout=10).raise_for_status()
        return "a_private_key"

    def tell(self) -> str:
        return self.take()

    def read(self, body: str) -> str:
        form = {name: values[0] for name, values in parse_qs(body).items()}
        return str(braintree.util.xml_util.XmlUtil.dict_from_xml(b64decode(form["bt_payload"]).decode()))

    def is_signed(self, received: tuple[str, dict[str, str]], secret: str) -> bool:
        form = {name: values[0] for name, values in parse_qs(received[0]).items()}
        public = form["bt_signature"].rpartition("&")[2].partition("|")[0]
        if secret == "a_private_key":
            public = "a_public_key"
        gateway: Any = connect(self.url, self.account, public, secret)
        try:
            gateway.webhook_notification.parse(form["bt_signature"], form["bt_payload"])
        except InvalidSignatureError:
            return False
        return True


class SquareShop:
    processor, operation, other_last4 = "square", "payments.create", "0004"

    def __init__(self, sandbox: Sandbox, account: str, http: httpx.Client) -> None:
        self.account = account
        self.sandbox = sandbox
        self.sdk: Any = Square(base_url=sandbox.url, token=f"EAAAE{account}", version="2025-08-20", httpx_client=http)

    def make(self, card: str = PLAIN, **more: Any) -> Any:
        source = "cnon:card-nonce-ok" if card == PLAIN else self.type_card()
        money = {"amount": 1000, "currency": "USD"}
        key = uuid4().hex
        return self.sdk.payments.create(
            source_id=source, idempotency_key=key, amount_money=money, request_options=ONCE, **more
        ).payment

    def type_card(self) -> str:
        typed = {"card[number]": "6011000000000004", "card[exp_month]": "12", "card[exp_year]": "2034"}
        form = typed | {"card[cvc]": "111", "location": f"L{self.account}", "postal": "94103"}
        key = {"Authorization": f"Bearer sandbox-sq0idb-{self.account}"}
        answer = requests.post(f"{self.sandbox.url}/square/tokens", data=form, headers=key, timeout=5)
        return str(answer.json()["token"])

    def pay(self, card: str = PLAIN) -> str:
        try:
            payment = self.make(card)
        except ApiError as error:
            return {400: "declined", 429: "limited"}.get(error.status_code or 0, "unknown")
        except httpx.HTTPError:
            return "unknown"
        return "paid" if payment else "unknown"

    def take(self) -> str:
        return str(self.make().id)

    def hold(self) -> str:
        return str(self.make(autocomplete=False).id)

    def refund(self, charge: str) -> str:
        money = {"amount": 400, "currency": "USD"}
        key = uuid4().hex
        made = self.sdk.refunds.refund_payment(
            payment_id=charge, amount_money=money, idempotency_key=key, request_options=ONCE
        )
        return str(made.refund.id)

    def listen(self, url: str) -> str:
        self.hook = url
        kinds = ["customer.created", "payment.updated"]
        wanted = {"name": "Ballast", "event_types": kinds, "notification_url": url}
        made = self.sdk.webhooks.subscriptions.create(subscription=wanted, request_options=ONCE).subscription
        self.endpoint = made.id
        return str(made.signature_key)

    def tell(self) -> str:
        return str(self.sdk.customers.create(given_name="Ann", request_options=ONCE).customer.id)

    def read(self, body: str) -> str:
        return body

    def is_signed(self, received: tuple[str, dict[str, str]], secret: str) -> bool:
        body, headers = received
        return verify_signature(
            request_body=body,
            signature_header=headers["x-square-hmacsha256-signature"],
            signature_key=secret,
            notification_url=self.hook,
        )


SHOPS: dict[str, Callable[..., Any]] = {"stripe": StripeShop, "braintree": BraintreeShop, "square": SquareShop}
