"""What the API's tests of subscriptions do again and again."""

from __future__ import annotations

from typing import Any

from tests.world import Api

PAY_IN_FOUR = {
    "name": "Pay in 4",
    "currency": "USD",
    "installments": 3,
    "down_payment_bps": 2500,
    "minimum_amount": 5000,
    "maximum_amount": 100000,
}
RATE = {
    "name": "Standard",
    "amount": 700,
    "currency": "USD",
    "min_days": 3,
    "max_days": 5,
}


class Seller:
    """A program that sells subscriptions."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def made(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.api.post(path, body)
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return answer.get_json()

    def price(self, amount: int = 2400, interval: str | None = "month", **fields: Any) -> str:
        """A price of a product of its own."""
        product = self.made("/products", {"name": "Coffee club"})["id"]
        body = {"product": product, "amount": amount, "currency": "USD", "interval": interval, **fields}
        price: str = self.made("/prices", body)["id"]
        return price

    def customer(self, **fields: Any) -> str:
        customer: str = self.made("/customers", {"email": "ada@example.com", "name": "Ada", **fields})["id"]
        return customer

    def wanted(self, **fields: Any) -> dict[str, Any]:
        """What is sent to start one: $24.00 a month with a card that pays, unless told otherwise."""
        body = {"payment_method": "pm_card_visa", **fields}
        for name, make in (("customer", self.customer), ("price", self.price)):
            if name not in body:
                body[name] = make()
        return body

    def start(self, **fields: Any) -> dict[str, Any]:
        """A subscription that was started."""
        found: dict[str, Any] = self.made("/subscriptions", self.wanted(**fields))
        return found

    def bill(self, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """An invoice by hand, of $50.00 unless told otherwise."""
        given = list(lines) or [{"description": "Work", "amount": 5000}]
        body = {"customer": self.customer(**fields), "currency": "USD", "lines": given}
        found: dict[str, Any] = self.made("/invoices", body)
        return found
