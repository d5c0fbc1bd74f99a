"""Square's official SDK on an account of the test's own."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from square import Square
from square.core.api_error import ApiError

from tests.sandbox.conftest import Sandbox

ONCE: Any = {"max_retries": 0}


class Seller:
    """The SDK's services, called once each: a 409 or 500 is not tried again."""

    def __init__(self, url: str, account: str, http: httpx.Client) -> None:
        self.account = account
        self.location = f"L{account}"
        self.url = url
        self.http = http
        self.sdk = Square(base_url=url, token=f"EAAAE{account}", version="2025-08-20", httpx_client=http)

    def pay(self, source: str = "cnon:card-nonce-ok", amount: int = 1000, currency: str = "USD", **said: Any) -> Any:
        """Take 10.00 USD; answers the payment."""
        said = {"idempotency_key": uuid4().hex} | said
        money: Any = {"amount": amount, "currency": currency}
        return self.sdk.payments.create(source_id=source, amount_money=money, request_options=ONCE, **said).payment

    def refund(self, payment_id: str, amount: int, **said: Any) -> Any:
        said = {"idempotency_key": uuid4().hex} | said
        money: Any = {"amount": amount, "currency": "USD"}
        return self.sdk.refunds.refund_payment(
            payment_id=payment_id, amount_money=money, request_options=ONCE, **said
        ).refund

    def customer(self) -> Any:
        return self.sdk.customers.create(given_name="Ann", email_address="ann@acme.test", request_options=ONCE).customer

    def keep(self, customer_id: str, source: str = "cnon:card-nonce-ok") -> Any:
        return self.sdk.cards.create(
            idempotency_key=uuid4().hex, source_id=source, card={"customer_id": customer_id}, request_options=ONCE
        ).card

    def say(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send what the SDK would not."""
        told = {"Authorization": f"Bearer EAAAE{self.account}"} | headers
        return self.http.request(method, f"{self.url}/v2/{path}", json=body, headers=told)

    def tokenize(self, number: str = "4111111111111111", **form: str) -> Any:
        """What the browser's library does: a token for a typed card; `verification[…]` as form fields."""
        typed = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2034", "card[cvc]": "111"}
        said = {"location": self.location, "postal": "94103"} | typed | form
        key = {"Authorization": f"Bearer sandbox-sq0idb-{self.account}"}
        return self.http.post(f"{self.url}/square/tokens", data=said, headers=key).json()


@pytest.fixture
def make_seller(sandbox: Sandbox) -> Iterator[Callable[[str], Seller]]:
    with httpx.Client(timeout=10, trust_env=False) as http:
        yield lambda account: Seller(sandbox.url, account, http)


@pytest.fixture
def seller(make_seller: Callable[[str], Seller], account: str) -> Seller:
    return make_seller(account)


def catch(call: Callable[[], Any]) -> ApiError:
    """Return the error a call of the SDK raises."""
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value


def code_of(call: Callable[[], Any]) -> tuple[int | None, str]:
    """Return the status and code of the error a call raises."""
    error = catch(call)
    return error.status_code, str(error.errors[0].code)
