"""Somebody with a browser who buys things, and who fills in forms badly when asked to."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.world import Merchant, World, csrf

TYPED = {
    "email": "noor@example.com",
    "name": "Noor Haddad",
    "line1": "12 Mill Lane",
    "line2": "",
    "city": "Leeds",
    "region": "",
    "postal_code": "LS1 4AP",
    "country": "GB",
    "payment_method": "pm_card_visa",
}


class Shopper:
    """A browser in a shop. Every form carries the session's CSRF token."""

    def __init__(self, world: World, merchant: Merchant | None = None, client: FlaskClient | None = None) -> None:
        self.shop = merchant or world.acme
        self.client = client or world.app.test_client()
        self.token = csrf(self.client.get(f"/shop/{self.shop.slug}/products/kettle").get_data(as_text=True))

    def post(self, path: str, form: dict[str, Any] | None = None, **headers: str) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token, **(form or {})}, headers=headers)

    def add(self, quantity: Any = 1, price_id: str | None = None) -> TestResponse:
        form = {"price_id": price_id or self.shop.price_id, "quantity": quantity}
        return self.post(f"/shop/{self.shop.slug}/cart/lines", form)

    def cart(self) -> str:
        return self.client.get(f"/shop/{self.shop.slug}/cart").get_data(as_text=True)

    def check_out(self) -> str:
        """On to the checkout; answers its path."""
        answer = self.post(f"/shop/{self.shop.slug}/checkout")
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return answer.headers["Location"]

    def pay(self, checkout: str, **typed: str) -> TestResponse:
        return self.post(checkout, {**TYPED, **typed})

    def buy(self) -> str:
        """One kettle, paid; answers the checkout's path."""
        self.add()
        checkout = self.check_out()
        answer = self.pay(checkout)
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return checkout
